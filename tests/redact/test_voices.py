"""The plain command silences whoever speaks, at the times they speak, and leaves the rest of the sound."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from bearwitness.cli.main import main
from bearwitness.errors import ChildFailedError
from bearwitness.media.model import Sound
from bearwitness.redact import eyes, voices
from bearwitness.redact.muxing.model import AudioTrack, Packet
from bearwitness.redact.plan import Picture, Plan, Source
from bearwitness.redact.sound import _to_exchange
from bearwitness.signals.speech import RATE

from . import clips
from .test_attack import Seer


class Stream:
    index = 1


class Heard:
    """Footage with one track of sound in pieces."""

    name = "a clip"
    sounds = (Stream(),)

    def __init__(self, *pieces: tuple[float, np.ndarray[Any, Any]]) -> None:
        self._pieces = pieces

    def sound(self, stream: int, rate: int) -> Any:
        for time, samples in self._pieces:
            yield Sound(0, Fraction(time), rate, samples.astype(np.float32))


class Ears:
    """In the place of the worker: whatever is loud is speech."""

    def __init__(self, answers: int = 2) -> None:
        self._answers = answers

    def compute(
        self, ask: str, head: object, arrays: list[np.ndarray[Any, Any]]
    ) -> list[np.ndarray[Any, Any]]:
        samples, memory = arrays
        windows = samples.reshape(-1, 512)
        loud = (np.abs(windows).max(axis=1) > 0.1).astype(np.float32)
        return [loud, memory][: self._answers]


def listener(ears: Ears) -> voices.Listener:
    made = voices.Listener.__new__(voices.Listener)
    vars(made)["_worker"] = ears
    return made


def test_ranges_are_times_of_the_footage_also_after_a_late_start_and_a_hole() -> None:
    loud, quiet = np.ones(RATE), np.zeros(RATE)
    heard: Any = Heard((10.0, quiet), (11.0, loud), (15.0, loud))
    ranges = listener(Ears()).speech(heard)
    pad = voices.PAD_SECONDS * 1000
    expected = [(11_000 - pad, 12_000 + pad), (15_000 - pad, 16_000)]
    assert len(ranges) == 2
    for found, wanted in zip(ranges, expected, strict=True):
        assert found == pytest.approx(wanted, abs=40)


def test_a_worker_that_answers_for_other_sound_is_refused() -> None:
    heard: Any = Heard((0.0, np.ones(RATE)))
    with pytest.raises(ChildFailedError):
        listener(Ears(answers=1)).speech(heard)


def test_the_plan_says_that_speech_was_looked_for_even_where_none_was_found() -> None:
    plan = Plan(Source("00" * 32, 1), Picture(2, 2, Fraction(1)), (0,), ())
    muted = voices.mute_speech(plan, [])
    assert (muted.voices, muted.muted, muted.detectors) == ("ranges", (), (voices.detector(),))
    assert voices.mute_speech(muted, [(5, 9)]).detectors == (voices.detector(),)


def spoken(path: Path, sound: Path, seconds: int) -> Path:
    """Write a clip of some frames with the beginning of a recording as its sound."""
    with av.open(str(path), "w") as out, av.open(str(sound)) as recording:
        video: Any = out.add_stream("libx264", rate=clips.RATE)
        video.width, video.height, video.pix_fmt = clips.WIDTH, clips.HEIGHT, "yuv420p"
        audio: Any = out.add_stream("aac", rate=48_000)
        for number in range(0, 25):
            frame = VideoFrame.from_ndarray(clips.picture(number), format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, clips.RATE)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=48_000)
        for heard in recording.decode(audio=0):
            if heard.time is not None and heard.time >= seconds:
                break
            for piece in resampler.resample(heard):
                out.mux(audio.encode(piece))
        out.mux(audio.encode(None))
    return path


def samples(path: Path) -> np.ndarray[Any, Any]:
    with av.open(str(path)) as opened:
        return np.concatenate([f.to_ndarray()[0] for f in opened.decode(audio=0)])


def test_every_turn_of_a_conversation_is_silent(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(eyes, "FaceLooker", lambda *_, **__: Seer())
    name = "audio/conversation-1688-2033.flac"
    listed = json.loads((corpus / "corpus.json").read_text())["files"]
    turns = next(each["truth"]["turns"] for each in listed if each["file"] == name)
    clip = spoken(tmp_path / "said.mp4", corpus / name, 20)
    out = tmp_path / "out.mp4"
    assert main(["redact", str(clip), "-o", str(out), "--json"]) == 0
    checked = json.loads(capsys.readouterr().out)["checked"]
    assert checked["muted sound"] > 0
    assert checked["speech"] > 0
    before, after = samples(clip), samples(out)
    assert len(after) == pytest.approx(len(before), abs=2048)
    heard = [turn for turn in turns if turn["start"] < 20]
    assert heard
    for turn in heard:
        part = slice(round(turn["start"] * 48_000), round(min(turn["end"], 20) * 48_000))
        assert np.abs(before[part]).max() > 0.05
        assert np.abs(after[part]).max() < 1 / 256


@pytest.mark.parametrize(("muted", "wanted"), [((0, 50), range(8)), ((100, 150), range(8, 13))])
def test_sound_that_decoders_pass_over_is_muted_with_the_beginning(
    muted: tuple[int, int], wanted: range
) -> None:
    packets = [Packet(at, at, 20, key=True, data=b"") for at in range(-80, 400, 20)]
    track = AudioTrack("opus", Fraction(1, 1000), 48_000, 1, b"", packets)
    assert _to_exchange(track, [muted]) == frozenset(wanted)
