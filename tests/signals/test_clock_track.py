"""Planted offsets, drifts and jumps of a clock are found back within their errors; misreadings do not move
them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scale import examples

from bearwitness.signals.clock_track import Reading, follow_clock
from bearwitness.signals.name_times import seconds_of

START = datetime(2021, 3, 14, 23, 59, 30)


def readings(
    offset: float,
    drift: float,
    seconds: int,
    fps: int,
    jump: tuple[float, float] | None = None,
    shape: str = "%Y-%m-%d %H:%M:%S",
) -> list[Reading]:
    """Return what a clock shows: START + offset + (1 + drift) · t, cut to whole seconds; jump: (at, by)."""
    result = []
    for number in range(seconds * fps):
        t = number / fps
        value = offset + t * (1 + drift) + (jump[1] if jump and t >= jump[0] else 0)
        shown = START + timedelta(seconds=int(np.floor(value)))
        result.append(Reading(Fraction(number, fps), shown.strftime(shape), 0.99))
    return result


@given(offset=st.floats(0, 30), drift=st.floats(-0.002, 0.002), fps=st.sampled_from([4, 10, 25]))
@examples(40)
def test_a_planted_offset_and_drift_lie_within_the_errors(offset: float, drift: float, fps: int) -> None:
    track = follow_clock(readings(offset, drift, 60, fps))
    assert track is not None
    (run,) = track.runs
    middle = float(run.fit.middle)
    true = float(seconds_of(START)) + offset + drift * middle
    assert abs(float(run.fit.offset) - true) <= run.fit.error + 1e-6
    assert run.fit.drift is not None
    assert run.fit.drift_error is not None
    assert abs(run.fit.drift - drift) <= run.fit.drift_error + 1e-6
    assert run.fit.error < 1.1 / fps
    assert not track.jumps


@given(by=st.floats(-7200, 7200).filter(lambda by: abs(by) > 3), at=st.floats(8, 22))
@examples(40)
def test_a_planted_jump_is_found_with_its_size(by: float, at: float) -> None:
    track = follow_clock(readings(5.25, 0, 30, 10, (at, by)))
    assert track is not None
    (jump,) = track.jumps
    assert float(jump.after) < at <= float(jump.before) + 1e-9
    assert abs(jump.seconds - by) <= jump.error


@given(seed=st.integers(0, 1000))
@examples(30)
def test_misreadings_are_told_from_the_clock(seed: int) -> None:
    rng = np.random.default_rng(seed)
    right = readings(3.5, 0, 30, 5)
    wrong = sorted(rng.choice(len(right), 25, replace=False).tolist())
    spoilt = list(right)
    for index in wrong:
        text = right[index].text
        place = int(rng.choice([p for p in range(11, 18) if text[p].isdigit()]))
        digit = str((int(text[place]) + int(rng.integers(3, 7))) % 10)
        spoilt[index] = Reading(right[index].time, text[:place] + digit + text[place + 1 :], 0.9)
    track = follow_clock(spoilt)
    assert track is not None
    assert len(track.runs) == 1
    changed = {i for i in wrong if spoilt[i].text != right[i].text}
    assert sum(reading.agrees for reading in track.readings) >= len(right) - len(changed)
    agreeing = [i for i, reading in enumerate(track.readings) if reading.agrees]
    assert sum(track.readings[i].text != right[i].text for i in agreeing) <= 8  # a second off by one can pass


def test_a_date_that_does_not_advance_is_no_clock() -> None:
    assert follow_clock([Reading(Fraction(i, 5), "2021-03-14 10:00:00", 0.9) for i in range(100)]) is None
    assert follow_clock([Reading(Fraction(i, 5), "EXIT", 0.9) for i in range(100)]) is None
    assert follow_clock([]) is None


def test_a_clock_without_date_passes_midnight_without_a_jump() -> None:
    track = follow_clock(readings(10, 0, 40, 5, shape="%H:%M:%S"))
    assert track is not None
    assert len(track.runs) == 1
    assert not track.jumps


def test_an_ambiguous_date_order_is_said() -> None:
    shown = readings(0, 0, 20, 5)
    both = [Reading(r.time, "03/04/2021 " + r.text[-8:], 0.9) for r in shown]
    track = follow_clock(both)
    assert track is not None
    assert track.ambiguous


def test_a_timecode_is_followed_to_the_frame() -> None:
    shown = [Reading(Fraction(n, 25), f"00:00:{n // 25:02}:{n % 25:02}", 0.99) for n in range(200)]
    track = follow_clock(shown, Fraction(25))
    assert track is not None
    assert float(track.runs[0].fit.offset) == pytest.approx(0, abs=0.045)
