"""Ranges of a disk add up to what single sectors would."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bearwitness.images.ranges import Ranges

pieces = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=20)


@given(pieces, st.integers(0, 60), st.integers(0, 30))
def test_ranges_hold_exactly_the_bytes_that_were_added(
    added: list[tuple[int, int]], offset: int, length: int
) -> None:
    ranges, naive = Ranges(added), {n for begin, size in added for n in range(begin, begin + size)}
    assert {n for begin, size in ranges for n in range(begin, begin + size)} == naive
    assert ranges.total == len(naive)
    inside = ranges.within(offset, length)
    assert {n for begin, size in inside for n in range(begin, begin + size)} == {
        n for n in naive if offset <= n < offset + length
    }


@given(pieces)
def test_ranges_that_touch_are_one(added: list[tuple[int, int]]) -> None:
    found = list(Ranges(added))
    assert found == sorted(found)
    assert all(a + n < b for (a, n), (b, _) in pairwise(found))
