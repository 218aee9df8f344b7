"""The playable files of clips play in Chromium, from the first frame to the last, and can be searched."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from workbench import Bench, verify, wav

media = pytest.importorskip("containers.media", reason="PyAV makes the footage")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

PATIENCE_SECONDS = 120
H264 = {"g": "20", "bf": "2", "preset": "ultrafast"}
AV1 = {"g": "20", "preset": "12"}
VP9 = {"g": "20", "cpu-used": "8"}
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
COMBINATIONS: dict[str, tuple[str, str, dict[str, str]]] = {
    "h264-aac.mp4": ("libx264", "aac", H264),
    "h264-aac-fragments.mp4": ("libx264", "aac", H264),
    "h264-mp3.mp4": ("libx264", "libmp3lame", H264),
    "av1-opus.mp4": ("libsvtav1", "libopus", AV1),
    "vp9-opus.mp4": ("libvpx-vp9", "libopus", VP9),
    "h264-aac.mov": ("libx264", "aac", H264),
    "h264-pcm.mov": ("libx264", "pcm_s16le", H264),
    "vp8-opus.webm": ("libvpx", "libopus", {"g": "20"}),
    "vp9-opus.webm": ("libvpx-vp9", "libopus", VP9),
    "av1-opus.webm": ("libsvtav1", "libopus", AV1),
    "h264-aac.mkv": ("libx264", "aac", H264),
    "vp9-flac.mkv": ("libvpx-vp9", "flac", VP9),
    "pcm.wav": ("", "", {}),
}
PAGE = """<!doctype html><script>
const play = (name) => new Promise((done) => {
  const video = document.createElement('video');
  video.muted = true;
  video.src = name;
  video.onerror = () => done({error: video.error.message});
  video.onloadeddata = () => {
    const length = video.duration;
    video.currentTime = length / 2;
    video.onseeked = () => {
      const middle = video.currentTime;
      video.onseeked = () => { video.playbackRate = 4; video.play(); };
      video.onended = () => done({length, middle, end: video.currentTime, width: video.videoWidth,
        frames: video.getVideoPlaybackQuality().totalVideoFrames});
      video.currentTime = 0;
    };
  };
});
(async () => {
  const said = {};
  for (const name of NAMES) said[name] = await play(name);
  await fetch('http://127.0.0.1:PORT/', {method: 'POST', mode: 'no-cors', body: JSON.stringify(said)});
})();
</script>"""


def in_chromium(folder: Path, names: list[str], profile: Path) -> Any:
    """Play files in a page and return what the page says of each."""
    told: list[Any] = []
    heard = threading.Event()

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            heard.set()

        def log_message(self, *words: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = PAGE.replace("NAMES", json.dumps(names)).replace("PORT", str(server.server_port))
        (folder / "page.html").write_text(page)
        words = [
            str(CHROMIUM), "--headless", "--disable-gpu", "--remote-debugging-port=0",
            "--autoplay-policy=no-user-gesture-required", "--allow-file-access-from-files",
            f"--user-data-dir={profile}", *(["--no-sandbox"] if os.geteuid() == 0 else []),
            (folder / "page.html").as_uri(),
        ]  # fmt: skip
        browser = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert heard.wait(PATIENCE_SECONDS), "Chromium said nothing"
        finally:
            browser.terminate()
            browser.wait()
            server.shutdown()
    return told[0]


def test_clips_of_twelve_combinations_and_of_sound_play_in_chromium(tmp_path: Path) -> None:
    bench, folder = Bench(tmp_path / "bench"), tmp_path / "page"
    source = tmp_path / "source"
    source.mkdir()
    folder.mkdir()
    for name, (video, audio, options) in COMBINATIONS.items():
        if video:
            muxing = FRAGMENTS if "fragments" in name else {}
            media.make(
                source, media.Recipe(name, video, audio, 75, options, options=muxing, bitrate=3_000_000)
            )
        else:
            (source / name).write_bytes(wav(60))
    bench.seal(source)
    clips = {}
    for name, item in bench.items().items():
        span = "0.9-1.9" if COMBINATIONS[name][0] else "5-20"
        said = bench.do("release", tmp_path / name, "--clip", f"{item['item']}:{span}")
        verify(tmp_path / name, "--vault-key", bench.fingerprint).ok()
        (clips[name],) = said["clips"]
        (file,) = (p for p in (tmp_path / name / "exhibits").iterdir() if p.suffix != ".segments")
        shutil.copy(file, folder / name)
    played = in_chromium(folder, list(clips), tmp_path / "profile")
    for name, clip in clips.items():
        found = played[name]
        length = float(clip["end"]) - float(clip["begin"])
        assert "error" not in found, f"{name}: {found}"
        assert abs(found["length"] - length) < 0.06, name
        assert abs(found["middle"] - length / 2) < 0.06, name
        assert abs(found["end"] - found["length"]) < 0.06, name
        assert (found["frames"] > 0 and found["width"] == 160) or not COMBINATIONS[name][0], name
