"""Several analysers are fed from one decode pass, each with what it wants; what one breaks is its own."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.errors import MalformedError
from bearwitness.media.model import GRAY8, Frame, Sound
from bearwitness.triage import looking
from bearwitness.triage.analyser import (
    IMAGE,
    SOUND,
    VIDEO,
    Analyser,
    Analysis,
    Fact,
    Frames,
    Material,
    Result,
    Samples,
    Still,
    Want,
)
from bearwitness.triage.looking import look, shrink
from bearwitness.vault.derivatives import DONE, FAILED, NOTHING
from triaged import ENGLISH, jpeg
from workbench import wav

Make = Callable[[bytes], Material]


class Watcher(Analyser):
    """Notes what it is fed."""

    name = "watcher"
    version = "1"
    kinds = frozenset({VIDEO, IMAGE, SOUND})

    def __init__(self, *wants: Want, breaks_at: int = -1, error: Exception | None = None) -> None:
        self.wants, self.breaks_at = wants, breaks_at
        self.error = error or MalformedError("I do not like this frame")
        self.frames: list[tuple[Fraction, tuple[int, ...], bool]] = []
        self.samples = 0

    def begin(self, material: Material) -> Analysis:
        return _Watching(self)


class _Watching(Analysis):
    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def frame(self, frame: Frame) -> None:
        if len(self._watcher.frames) == self._watcher.breaks_at:
            raise self._watcher.error
        self._watcher.frames.append((frame.time, frame.picture.shape, frame.key))

    def sound(self, sound: Sound) -> None:
        self._watcher.samples += len(sound.samples)

    def finish(self) -> Result:
        return Result(facts=[Fact("frames", len(self._watcher.frames))])


@pytest.fixture(scope="module")
def video(corpus: Path) -> bytes:
    return (corpus / "neardup/stage-trim.mp4").read_bytes()


def watch(material: Material, *watchers: Watcher) -> dict[str, str]:
    return {each.job: each.outcome for each in look(material, [(f"j{n}", w) for n, w in enumerate(watchers)])}


def test_each_is_given_what_it_wants_of_one_pass_over_the_video(
    material: Make, video: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = []
    decode = looking.frames
    monkeypatch.setattr(looking, "frames", lambda *a, **k: passes.append(k) or decode(*a, **k))
    every = Watcher(Frames(max_side=320))
    seldom = Watcher(Frames(every=Fraction(1), max_side=64, pixel=GRAY8))
    twice = Watcher(Frames(every=Fraction(2), max_side=100), Frames(every=Fraction(1), max_side=50))
    assert set(watch(material(video), every, seldom, twice).values()) == {DONE}
    assert len(passes) == 1, "the video was decoded more than once"
    assert max(every.frames[0][1]) == 320
    times = [time for time, _, _ in every.frames]
    assert times == sorted(times)
    assert len(times) > 100
    assert all(max(shape) == 64 and len(shape) == 2 for _, shape, _ in seldom.frames)
    gaps = np.diff([float(time) for time, _, _ in seldom.frames])
    assert (gaps >= 1).all()
    assert (gaps < 1.1).all()
    assert {max(shape) for _, shape, _ in twice.frames} == {100, 50}


def test_who_is_given_pictures_alone_is_given_the_same_as_beside_others(material: Make) -> None:
    # 7.3 pictures a second: each of a second's first comes a little later than the second.
    data = uneven(Fraction(73, 10), seconds=12)
    alone, beside, others = (Watcher(Frames(every=Fraction(1), max_side=64)) for _ in range(3))
    watch(material(data), alone)
    watch(material(data), beside, Watcher(Frames(max_side=64)), Watcher(Frames(every=Fraction(1, 5))), others)
    assert len(alone.frames) == 12, "a second without a picture"
    assert alone.frames == beside.frames == others.frames


def uneven(rate: Fraction, seconds: int) -> bytes:
    """Return H.264 with so many pictures a second."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(int(seconds * rate)):
            picture = np.full((48, 64), number % 200, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        container.mux(stream.encode())
    return out.getvalue()


def test_who_wants_key_frames_only_is_given_those(material: Make, video: bytes) -> None:
    keys, all_of_them = Watcher(Frames(key_only=True)), Watcher(Frames(max_side=64))
    watch(material(video), keys, all_of_them)
    assert {key for _, _, key in keys.frames} == {True}
    assert [time for time, _, _ in keys.frames] == [time for time, _, key in all_of_them.frames if key]


def test_an_analyser_that_breaks_costs_its_own_result_only(material: Make, video: bytes) -> None:
    well, broken = Watcher(Frames(max_side=64)), Watcher(Frames(max_side=64), breaks_at=3)
    looked = look(material(video), [("well", well), ("broken", broken)])
    outcomes = {each.job: (each.outcome, each.reason) for each in looked}
    assert outcomes == {"well": (DONE, ""), "broken": (FAILED, "I do not like this frame")}
    assert len(well.frames) > 100


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModuleNotFoundError("No module named 'cv9'", name="cv9"), "needs the package cv9"),
        (ZeroDivisionError("division by zero"), "a defect of the analyser: ZeroDivisionError"),
    ],
)
def test_a_defect_or_a_missing_package_is_a_failure_with_its_reason_and_of_nobody_else(
    material: Make, error: Exception, reason: str
) -> None:
    well, broken = Watcher(Still()), Watcher(Still(), breaks_at=0, error=error)
    looked = {each.job: each for each in look(material(jpeg()), [("well", well), ("broken", broken)])}
    assert looked["well"].outcome == DONE
    assert looked["broken"].outcome == FAILED
    assert reason in looked["broken"].reason


def test_sound_is_handed_out_at_the_rate_that_is_wanted(material: Make) -> None:
    low, high = Watcher(Samples(8000)), Watcher(Samples(16000))
    watch(material(wav(seconds=1)), low, high)
    assert abs(low.samples - 8000) < 200
    assert abs(high.samples - 16000) < 400


def test_a_video_without_sound_gives_none_and_is_no_failure(material: Make, corpus: Path) -> None:
    silent = Watcher(Samples())
    data = (corpus / "neardup/woman-crop.mp4").read_bytes()
    assert watch(material(data), silent) == {"j0": DONE}
    assert silent.samples == 0


def test_images_are_handed_out_upright_in_the_size_that_is_wanted(material: Make) -> None:
    small, large = Watcher(Still(max_side=20, pixel=GRAY8)), Watcher(Still(max_side=0))
    watch(material(jpeg()), small, large)
    assert [shape for _, shape, _ in small.frames] == [(15, 20)]
    assert [shape for _, shape, _ in large.frames] == [(60, 80, 3)]


def test_of_kinds_that_an_analyser_does_not_read_it_says_nothing_without_being_asked(material: Make) -> None:
    watcher = Watcher(Frames())
    assert watch(material(ENGLISH.encode()), watcher) == {"j0": NOTHING}


def test_a_file_that_does_not_decode_fails_for_all_who_wanted_it_with_the_reason(
    material: Make, corpus: Path
) -> None:
    one, other = Watcher(Frames()), Watcher(Frames(key_only=True))
    data = (corpus / "damaged/truncated-no-moov.mp4").read_bytes()
    looked = look(material(data), [("one", one), ("other", other)])
    assert {each.outcome for each in looked} == {FAILED}
    assert all(each.reason for each in looked)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 80))
def test_shrinking_keeps_proportions_and_never_enlarges(height: int, width: int, side: int) -> None:
    picture = np.full((height, width, 3), 7, np.uint8)
    made = shrink(picture, side)
    assert max(made.shape[:2]) == min(side, max(height, width))
    assert (made == 7).all()


def test_grey_is_weighed_in_whole_numbers_and_no_sum_runs_over() -> None:
    chance = np.random.default_rng(3)
    picture = chance.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    picture[:2] = 255
    frame = Frame(0, 0, Fraction(0), True, 0, 50, 40, picture)
    grey = looking._as_wanted(frame, Frames(every=None, max_side=64, pixel=GRAY8)).picture
    blue, green, red = (picture[:, :, number].astype(int) for number in range(3))
    assert grey.tolist() == ((29 * blue + 150 * green + 77 * red) // 256).tolist()
