"""Of pictures that come too often no more are taken than there are steps; one after a gap is not left out."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.media.spacing import Spacing

TIMES = st.lists(st.integers(0, 400), min_size=1, max_size=60).map(sorted)


def taken(times: list[float], saved: int) -> list[float]:
    spacing = Spacing(Fraction(1), saved)
    return [time for time in times if spacing.takes(Fraction(time).limit_denominator(100))]


@given(TIMES, st.integers(0, 4))
def test_there_are_never_more_than_steps(tenths: list[int], saved: int) -> None:
    spacing = Spacing(Fraction(10), saved)
    kept = [time for time in tenths if spacing.takes(Fraction(time))]
    assert kept[0] == tenths[0]
    assert len(kept) <= (tenths[-1] - tenths[0]) // 10 + 1
    if not saved:
        steps = [(time - tenths[0]) // 10 for time in kept]
        assert steps == sorted({(time - tenths[0]) // 10 for time in tenths})


@pytest.mark.parametrize(("saved", "kept"), [(0, [0, 5, 10, 15]), (3, [0, 5, 10, 10.8, 15])])
def test_a_key_frame_soon_after_another_is_taken_where_some_were_saved(saved: int, kept: list[float]) -> None:
    assert taken([0, 5, 10, 10.8, 15], saved) == kept


def test_footage_of_key_frames_alone_gets_no_more_than_one_a_second() -> None:
    assert taken([number / 5 for number in range(50)], 3) == list(range(10))


def test_the_first_step_begins_where_it_is_told_to() -> None:
    spacing = Spacing(Fraction(1), begin=Fraction(1, 2))
    assert [time for time in (0, 1, 1.4, 1.6) if spacing.takes(Fraction(str(time)))] == [1, 1.6]
