"""A copy for the press: its length, times and bytes lead back to no recording on a list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.errors import MalformedError, RefusedError
from bearwitness.redact import ends, plan_text
from bearwitness.redact.attack.hits import Hit, Report
from bearwitness.redact.footage import Footage
from bearwitness.redact.geometry import Box
from bearwitness.redact.plan import Ends, Plan, Track, Utterance
from bearwitness.redact.rendering import render
from bearwitness.redact.sound import make_sounds
from bearwitness.redact.tracking import Detection
from bearwitness.redact.writing import codec_for, container_of, write_footage

from . import clips
from .test_attack import Bench, Seer
from .test_plan_text import plan

LEFT = Ends(4, 6, 5000, "ab" * 32)


@pytest.fixture
def bench(tmp_path: Path, opened: Callable[[Path], Footage]) -> Bench:
    return Bench(tmp_path, opened)


def finish(bench: Bench, whole: Plan, name: str) -> tuple[Path, Footage, Plan]:
    """Carry out a plan with ends as the workshop does."""
    part, shown = ends.part_of(bench.footage, whole)
    out = bench.source.with_name(name)
    container = container_of(out)
    made = render(part, shown, codec_for(container))
    sounds = make_sounds(part, shown, container).tracks
    with out.open("wb") as file:
        write_footage(file.fileno(), container, made.track, sounds)
    return out, part, shown


@given(st.integers(10, 3000), st.integers(1, 20_000), st.integers(0, 10**9))
def test_ends_stay_within_what_is_stated(frames: int, most: int, seed: int) -> None:
    one = replace(plan(), tracks=(), doubts=(), times=tuple(range(5, 5 + frames)))
    drawn = ends.draw(one, most, lambda count: seed % count).ends
    assert drawn is not None
    assert drawn.most == most
    for count in (drawn.begin, drawn.end):
        assert 1 <= count <= frames // ends.SHARE
        assert count == 1 or count * one.picture.time_base <= Fraction(most, 1000)


def test_every_number_within_the_range_can_be_drawn_and_salts_differ() -> None:
    one = replace(plan(), tracks=(), doubts=(), times=tuple(range(60)))
    asked: list[int] = []

    def highest(count: int) -> int:
        asked.append(count)
        return count - 1

    drawn = ends.draw(one, 3_600_000, highest).ends
    assert drawn is not None
    assert (drawn.begin, drawn.end, asked) == (6, 6, [6, 6])
    salts = {plan_text.digest(ends.draw(one, 1, lambda _: 0)) for _ in range(2)}
    assert len(salts) == 2, "who has the original could make the plan and know its digest again"


def test_a_plan_keeps_its_ends_as_text_and_refuses_others() -> None:
    one = replace(plan(), tracks=(), doubts=(), times=tuple(range(60)), ends=LEFT)
    assert plan_text.read(plan_text.write(one).encode()) == one
    assert plan_text.digest(one) != plan_text.digest(replace(one, ends=None))
    for wrong in (replace(LEFT, begin=0), replace(LEFT, begin=54), replace(LEFT, salt="ab")):
        with pytest.raises(MalformedError):
            plan_text.read(plan_text.write(replace(one, ends=wrong)).encode())


def test_too_few_frames_are_refused() -> None:
    with pytest.raises(RefusedError, match="too few"):
        ends.draw(replace(plan(), times=tuple(range(9))))


@pytest.mark.parametrize("name", ["b.mp4", "b.mov", "b.webm"])
def test_a_copy_without_its_ends_passes_the_attack_and_holds_no_packet(bench: Bench, name: str) -> None:
    out, part, shown = finish(bench, replace(bench.plan, ends=LEFT), name)
    times = clips.frame_times(out)
    assert times[0] == 0
    assert len(times) == len(bench.plan.times) - LEFT.begin - LEFT.end
    before, after = clips.lumas(bench.source), clips.lumas(out)
    for number in (0, 12, len(after) - 1):  # the pictures are the right ones
        whole = before[number + LEFT.begin].astype(int)
        assert np.abs(whole - after[number]).mean() < 12
        assert (
            np.abs(before[number].astype(int) - after[number]).mean() > np.abs(whole - after[number]).mean()
        )
    for kind in ("video", "audio"):
        original = {data for _, _, data in clips.packets(bench.source, kind)}
        assert not original & {data for _, _, data in clips.packets(out, kind)}
    sounds = clips.packets(out, "audio")
    assert sounds[0][0] <= Fraction(1, 20)
    assert sounds[-1][0] + sounds[-1][1] <= times[-1] + Fraction(1, 10)
    bench.footage, bench.plan = part, shown
    assert bench.attack(out).hits == []


def test_the_attack_sees_a_face_in_the_copy_and_tells_it_on_the_clock_of_the_plan(bench: Bench) -> None:
    whole = replace(bench.plan, ends=LEFT)
    out, bench.footage, bench.plan = finish(bench, whole, "b.mp4")
    face = Detection(100, 50, 30, 30, 0.9, "faces 1×")
    report = bench.attack(out, looker=Seer(dict.fromkeys(range(3, 9), face)))
    assert report.hits
    told = ends.whole_again(report, whole).hits[0]
    assert min(told.boxes) == min(report.hits[0].boxes) + whole.times[LEFT.begin]
    assert set(told.boxes) <= set(whole.times)


def test_covered_regions_move_with_the_clock(bench: Bench) -> None:
    _, _, shown = finish(bench, replace(bench.plan, ends=LEFT), "b.mp4")
    (track,) = shown.tracks
    (before,) = bench.plan.tracks
    assert sorted(track.boxes) == [time - bench.plan.times[LEFT.begin] for time in sorted(before.boxes)]


def test_ranges_of_sound_move_and_half_an_utterance_is_silence(bench: Bench) -> None:
    whole = replace(
        bench.plan, ends=LEFT, voices="ranges", muted=((0, 200), (1000, 1100)),
        changed=(Utterance(100, 500, "whisper"), Utterance(600, 900, "whisper")),
    )  # fmt: skip
    _, shown = ends.part_of(bench.footage, whole)
    assert shown.muted == ((0, 40), (840, 940), (0, 340))  # the first 160 ms are left out
    assert [(one.begin, one.end) for one in shown.changed] == [(440, 740)]
    told = ends.whole_again(Report([Hit("speech", "heard", mute=(10, 20))]), whole)
    assert told.hits[0].mute == (170, 181)


def test_a_track_that_is_only_at_the_ends_is_not_in_the_part(bench: Bench) -> None:
    early = Track(9, "box", hide=True, by="people", boxes={bench.plan.times[1]: Box(1, 1, 5, 5)})
    _, shown = ends.part_of(bench.footage, replace(bench.plan, ends=LEFT, tracks=(early,)))
    assert shown.tracks == ()
