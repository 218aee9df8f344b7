"""Long footage is looked at by key frames: what is given out, where more is looked for, and who gets all."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
import pytest

from bearwitness.media.model import Frame
from bearwitness.signals.shots import ShotFinder
from bearwitness.triage import analyser as analysers
from bearwitness.triage import shots
from bearwitness.triage.allowance import Allowance
from bearwitness.triage.analyser import VIDEO, Analyser, Analysis, Fact, Frames, Material, Result
from bearwitness.triage.looking import look
from bearwitness.triage.reading import Clock
from bearwitness.triage.shots import Shots
from bearwitness.vault.derivatives import DONE

Make = Callable[[bytes], Material]
RATE = 5
SECONDS = 90


class Times(Analyser):
    name = "times"
    version = "1"
    kinds = frozenset({VIDEO})

    def __init__(self, *wants: Frames) -> None:
        self.wants, self.times = wants, list[Fraction]()

    def begin(self, material: Material) -> Analysis:
        return _Times(self)


class _Times(Analysis):
    def __init__(self, times: Times) -> None:
        self._times = times

    def frame(self, frame: Frame) -> None:
        self._times.times.append(frame.time)

    def finish(self) -> Result:
        return Result(facts=[Fact("frames", len(self._times.times))])


def film(draw: Callable[[float], Any], gop: int) -> bytes:
    """Return SECONDS of H.264, RATE pictures a second, a key frame every `gop` pictures and nowhere else."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        options = {"sc_threshold": "0", "x264-params": "scenecut=0", "preset": "ultrafast"}
        stream: Any = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.gop_size, stream.pix_fmt = 640, 360, gop, "yuv420p"
        for number in range(SECONDS * RATE):
            picture = draw(number / RATE)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        container.mux(stream.encode())
    return out.getvalue()


def scene(seed: int) -> Any:
    rough = np.random.default_rng(seed).integers(0, 255, (9, 16), dtype=np.uint8)
    return cv2.resize(rough, (640, 360), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def three_scenes() -> bytes:
    cuts = (23.4, 61.0)
    pictures = [scene(seed) for seed in range(3)]
    return film(lambda time: pictures[sum(time >= cut for cut in cuts)], 10 * RATE)


def result(material: Material, one: Analyser) -> dict[str, Any]:
    (looked,) = look(material, [("job", one)])
    assert looked.outcome == DONE, looked.reason
    told: dict[str, Any] = json.loads(looked.files["result.json"])
    return told


def test_of_long_footage_key_frames_are_given_and_to_the_thorough_all(
    material: Make, three_scenes: bytes
) -> None:
    usual, thorough = Times(Frames(every=Fraction(1))), Times(Frames(every=Fraction(1)))
    thorough.make_thorough()
    look(material(three_scenes), [("a", usual), ("b", thorough)])
    assert usual.times == [10 * number for number in range(9)]
    assert len(thorough.times) == SECONDS
    assert thorough.parameters["depth"] == "thorough"


def test_of_short_footage_everybody_is_given_all(
    material: Make, three_scenes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysers, "LONG", SECONDS + 1)
    usual = Times(Frames(every=Fraction(1)))
    look(material(three_scenes), [("a", usual)])
    assert len(usual.times) == SECONDS


def test_a_few_pictures_in_quick_succession_are_had_and_many_are_not() -> None:
    allowance = Allowance(Fraction(5), 3)
    assert [allowance.takes(Fraction(time, 2)) for time in range(5)] == [True, True, True, False, False]
    assert sum(allowance.takes(Fraction(2 + time)) for time in range(1, 101)) == 20


def test_a_length_that_nobody_knows_is_taken_for_long_where_the_file_is_large(material: Make) -> None:
    made = material(b"")
    facts = type("Facts", (), {"duration": None})()
    made = replace(made, kind=VIDEO, _probed=[facts])
    assert not made.is_long
    assert replace(made, source=replace(made.source, size=analysers.LARGE + 1)).is_long


def test_cuts_that_no_key_frame_marks_are_found_to_the_frame(material: Make, three_scenes: bytes) -> None:
    told = result(material(three_scenes), Shots())
    assert told["details"]["key_frames_only"] is True
    starts = [start for start, _ in told["details"]["shots"]]
    assert starts == pytest.approx([0, 23.4, 61.0])
    shown = {each["picture"] for each in told["details"]["pictures"]}
    assert len(shown) >= 3


def test_a_clock_in_long_footage_is_read_and_its_jump_found_to_the_frame(heard: Make) -> None:
    def draw(time: float) -> Any:
        picture = np.full((360, 640), 60, np.uint8)
        seconds = int(time) + (600 if time >= 47.2 else 0)
        text = f"2021-03-14 22:{10 + seconds // 60:02}:{seconds % 60:02}"
        cv2.putText(picture, text, (30, 60), cv2.FONT_HERSHEY_DUPLEX, 1.0, 255, 2, cv2.LINE_AA)
        return picture

    told = result(heard(film(draw, 2 * RATE)), Clock())["details"]
    assert told["key_frames_only"] is True
    (clock,) = told["clocks"]
    (jump,) = clock["jumps"]
    assert abs(jump["seconds"] - 600) <= max(jump["error"], 1.0)
    assert jump["after"] < 47.2 <= jump["before"] + 0.01
    assert jump["before"] - jump["after"] < 0.5
    assert [run["error"] < 0.5 for run in clock["runs"]] == [True, True]


def test_a_file_that_tells_of_days_has_few_pictures_held_and_still_one_for_each_keyframe(
    material: Make, three_scenes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    random, looking = np.random.default_rng(1), shots._Shots(material(three_scenes), ShotFinder())
    one = len(shots.jpeg(random.integers(0, 255, (180, 320, 3)).astype(np.uint8)))
    monkeypatch.setattr(shots, "_HELD_MAX", 20 * one)
    for day in range(200):
        picture = random.integers(0, 255, (180, 320, 3)).astype(np.uint8)
        looking.frame(Frame(day, day, Fraction(86_400 * day), True, 0, 320, 180, picture))
        assert len(looking._pictures) <= 21
    told = looking.finish()
    assert len(told.details["pictures"]) == 200
    assert {f"clear-{shown['picture']}" for shown in told.details["pictures"]} <= told.files.keys()
