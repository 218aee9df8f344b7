"""A closer look covers where most hints are; what it finds stands at its place in the whole picture."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.inference.faces import FaceBox
from bearwitness.triage.closer import window

HIGH, WIDE = 384, 640
spots = st.tuples(st.integers(0, WIDE - 20), st.integers(0, HIGH - 20), st.floats(0.15, 1))


def face(x: float, y: float, score: float = 0.3, side: float = 12) -> FaceBox:
    return FaceBox(x, y, side, side, score, ((x + 3, y + 3),) * 5)


def blank() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.zeros((HIGH, WIDE, 3), np.uint8)


@given(st.lists(spots, min_size=1, max_size=12))
def test_a_window_lies_in_the_picture_holds_a_hint_and_is_as_large_as_it(
    hints: list[tuple[int, int, float]],
) -> None:
    made = window(blank(), [face(*hint) for hint in hints])
    assert made.picture.shape == (HIGH, WIDE, 3)
    assert 0 <= made.left <= WIDE // 2
    assert 0 <= made.top <= HIGH // 2
    inside = [
        made.left <= x + 6 <= made.left + WIDE // 2 and made.top <= y + 6 <= made.top + HIGH // 2
        for x, y, _ in hints
    ]
    assert any(inside)


def test_a_window_goes_where_most_hints_are_and_not_to_the_surest_one() -> None:
    crowd = [face(500 + 20 * number, 300, 0.2) for number in range(4)]
    made = window(blank(), [face(10, 10, 0.45), *crowd])
    assert all(made.left <= each.x <= made.left + WIDE // 2 for each in crowd)
    assert all(made.top <= each.y <= made.top + HIGH // 2 for each in crowd)


@given(spots)
def test_what_a_window_shows_goes_back_to_where_it_is(spot: tuple[int, int, float]) -> None:
    x, y, score = spot
    picture = blank()
    picture[y : y + 12, x : x + 12] = 255
    made = window(picture, [face(x, y, score)])
    rows, columns = np.nonzero(made.picture[:, :, 0] > 127)
    left, top = int(columns.min()), int(rows.min())
    wide, high = int(columns.max()) + 1 - left, int(rows.max()) + 1 - top
    seen = FaceBox(left, top, wide, high, 0.9, ((left + 6.0, top + 6.0),) * 5)
    (found,) = made.back([seen])
    assert abs(found.x - x) <= 1
    assert abs(found.y - y) <= 1
    assert abs(found.w - 12) <= 1
    assert abs(found.landmarks[0][0] - x - 3) <= 1


def test_half_a_face_at_the_edge_of_a_window_is_none_but_at_the_edge_of_the_picture_it_is() -> None:
    made = window(blank(), [face(300, 5)])
    assert made.left > 0
    assert made.top == 0
    assert made.back([face(0, 100, side=40)]) == []
    assert len(made.back([face(100, 0, side=40)])) == 1
