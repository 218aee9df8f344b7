"""Boxes turned with their picture."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bearwitness.redact.geometry import Box, enclosing, grown, overlap, turned, turned_back

BOXES = st.builds(Box, st.integers(0, 500), st.integers(0, 300), st.integers(1, 100), st.integers(1, 50))


@given(BOXES, st.integers(0, 3))
def test_a_box_turned_and_turned_back_is_the_same(box: Box, turns: int) -> None:
    assert turned_back(turned(box, turns, 640, 360), turns, 640, 360) == box


def test_a_quarter_turn_clockwise_takes_the_left_lower_corner_to_the_left_upper() -> None:
    assert turned(Box(0, 340, 10, 20), 1, 640, 360) == Box(0, 0, 20, 10)


@given(BOXES, st.floats(1, 3))
def test_a_grown_box_holds_the_old_one(box: Box, factor: float) -> None:
    big = grown(box, factor)
    assert big.x <= box.x
    assert big.right >= box.right
    assert overlap(big, box) >= 0.99 * box.area / big.area


def test_rounding_goes_outwards() -> None:
    assert enclosing(0.9, 1.1, 1.0, 1.0) == Box(0, 1, 2, 2)
