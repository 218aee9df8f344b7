"""A vault with footage in twelve combinations of container and codec, and clips of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bearwitness_verify.clip_proof import content_order, cut
from bearwitness_verify.clips import Clip, parse_clip
from bearwitness_verify.rows import Track, by_tracks, unpack_rows
from containers.media import Recipe, make
from workbench import Bench, wav

FRAMES, RATE = 75, 25
_H264 = {"g": "20", "bf": "2", "preset": "ultrafast"}
_OPEN = "keyint=20:min-keyint=20:bframes=3:open-gop=1:scenecut=0:log-level=error"
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("h264-aac.mp4", "libx264", "aac", FRAMES, _H264, bitrate=3_000_000),
        Recipe("fragmented.mp4", "libx264", "aac", FRAMES, _H264, options=_FRAGMENTS, bitrate=3_000_000),
        Recipe("open-group.mp4", "libx265", None, FRAMES, {"x265-params": _OPEN, "preset": "ultrafast"},
               bitrate=3_000_000),
        Recipe("av1-opus.mp4", "libsvtav1", "libopus", FRAMES, {"g": "20", "preset": "12"},
               bitrate=3_000_000),
        Recipe("jpeg-pcm.mov", "mjpeg", "pcm_s16le", FRAMES, pixels="yuvj420p"),
        Recipe("vp8-opus.webm", "libvpx", "libopus", FRAMES, {"g": "20"}, bitrate=3_000_000),
        Recipe("vp9-flac.mkv", "libvpx-vp9", "flac", FRAMES, {"g": "20", "cpu-used": "8"}, bitrate=3_000_000),
        Recipe("h264-aac.mkv", "libx264", "aac", FRAMES, _H264, bitrate=3_000_000),
        Recipe("mpeg4-mp3.avi", "mpeg4", "mp3", FRAMES, {"g": "20"}, bitrate=3_000_000),
        Recipe("h264-aac.ts", "libx264", "aac", FRAMES, _H264, bitrate=3_000_000),
        Recipe("mpeg2-ac3.m2ts", "mpeg2video", "ac3", FRAMES, {"g": "20"}, bitrate=3_000_000),
    )
}  # fmt: skip
SOUND = "sound.wav"
NAMES = (*RECIPES, SOUND)
PLAIN = "small packets.mp4"  # too many packets for its size: cut in plain blocks
TEXT = "a text.txt"


class Footage(Bench):
    """A vault in which footage of all kinds is sealed."""

    def __init__(self, folder: Path, names: Sequence[str] = NAMES) -> None:
        super().__init__(folder)
        self.source = folder / "source"
        self.source.mkdir()
        for name in names:
            if name in RECIPES:
                make(self.source, RECIPES[name])
        (self.source / SOUND).write_bytes(wav(60.0))
        (self.source / TEXT).write_bytes(b"no footage")
        make(self.source, Recipe(PLAIN, None, "aac", 50, bitrate=32_000))
        self.seal(self.source)
        self.ids = {path: item["item"] for path, item in self.items().items()}

    def clip(self, place: Path, path: str, span: str, *words: object) -> Any:
        """Release a clip and return what the command said."""
        return self.do("release", place, "--clip", f"{self.ids[path]}:{span}", *words)


def statement(release: Path) -> Any:
    return json.loads((release / "release.json").read_bytes())


def shown_items(release: Path) -> Iterator[Any]:
    for delivery in statement(release)["deliveries"]:
        yield from delivery["items"]


def the_clip(release: Path) -> Clip:
    """Return the only clip of a release."""
    (item,) = shown_items(release)
    (clip,) = item["clips"]
    return parse_clip(clip)


def tracks_of(clip: Clip) -> tuple[Track, ...]:
    """Return its tracks, unproven."""
    count, indices = len(clip.table.fields), clip.table.proof.indices
    rows = unpack_rows(clip.table.packets)
    return by_tracks(
        list(zip(indices[:count], clip.table.fields, strict=True)),
        list(zip(indices[count:], rows, strict=True)),
    )


def packets_of(release: Path) -> dict[int, list[bytes]]:
    """Return the bytes of each track's packets that are played, by plain slicing (not transport streams)."""
    clip = the_clip(release)
    data = (release / clip.segments.file).read_bytes()
    segments = dict(zip(clip.segments.proof.indices, cut([data], clip.segments.lengths), strict=True))
    found: dict[int, list[bytes]] = {}
    for track, row in content_order(tracks_of(clip)):
        whole = b"".join(segments[n] for n in range(row.leaf, row.leaf + row.leaves))
        found.setdefault(track.number, []).append(whole[row.offset :])
    return found
