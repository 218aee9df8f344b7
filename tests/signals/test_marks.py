"""Marks of recipients: drawn the same for ever, too faint to see, found after what is done to a file."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import numpy as np
import pytest

from bearwitness.signals import marks
from bearwitness.signals.arrays import Floats, Grey, shrink
from bearwitness.signals.mark_search import HEIGHT, THRESHOLD, WIDTH, Shrunk, search

KEY = bytes(range(32))
OTHERS = [bytes([number % 256, number // 256]) + b"o" * 30 for number in range(100)]
RATE, SECONDS = 8, 3
SIZE = (180, 320)


def scene(number: int) -> Grey:
    """Return a picture with soft light, an edge and something that moves."""
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float32)
    picture = 90 + 50 * np.sin(x / 70) + 30 * np.cos(y / 45 + x / 90)
    picture[y > 150] += 40
    at = 40 + number * 5
    picture[60:110, at : at + 40] = 190
    return np.clip(picture, 16, 235).astype(np.uint8)


def worse(picture: Grey, number: int) -> Floats:
    """Return a picture as a poor encoder leaves it: noise of four levels, coarse numbers."""
    noise = np.random.default_rng(number).normal(0, 4, picture.shape)
    return np.asarray(np.round((picture + noise) / 3) * 3, np.float32)


@pytest.fixture(scope="module")
def marked() -> list[Grey]:
    found = []
    for number in range(RATE * SECONDS):
        picture = scene(number)
        marks.put(picture, marks.at_time(KEY, number / RATE))
        found.append(picture)
    return found


@pytest.fixture(scope="module")
def whole() -> Shrunk:
    found = Shrunk()
    for number in range(RATE * SECONDS):
        found.add(number / RATE, shrink(scene(number), HEIGHT, WIDTH))
    return found


def leaked(pictures: list[Grey], change: Callable[[Floats], Floats], first: int = 0) -> Shrunk:
    found = Shrunk()
    for number, picture in enumerate(pictures[first:]):
        got = np.clip(change(worse(picture, number)), 0, 255).astype(np.uint8)
        found.add(number / RATE, shrink(np.ascontiguousarray(got), HEIGHT, WIDTH))
    return found


def test_a_pattern_is_drawn_the_same_for_ever() -> None:
    drawn = np.round(marks.pattern(KEY, 7) * 1000).astype(np.int32)
    assert drawn.shape == (marks.ROWS, marks.COLUMNS)
    told = sha256(drawn.astype("<i4").tobytes()).hexdigest()
    assert told == "1367c1e9c040328da0c961ca3cba8407f06830e436a2b9e46160f533a1f5b250"
    assert not np.array_equal(marks.pattern(KEY, 7), marks.pattern(KEY, -7))
    with pytest.raises(ValueError, match="32 bytes"):
        marks.pattern(b"short", 0)


def test_a_mark_is_faint_and_stays_within_the_range_of_luma(marked: list[Grey]) -> None:
    apart = np.array([picture.astype(int) - scene(n) for n, picture in enumerate(marked)])
    assert np.abs(apart).max() <= marks.MOST
    assert 10 * np.log10(255**2 / np.square(apart).mean()) > 45
    dark = np.full(SIZE, 16, np.uint8)
    dark[0, 0] = 3  # was outside of the range before, and is not moved out further
    marks.put(dark, marks.at_time(KEY, 0))
    assert (3 <= dark[0, 0] <= 16, dark[1:].min()) == (True, 16)


CHANGES: dict[str, tuple[Callable[[Floats], Floats], int]] = {
    "encoded anew": (lambda picture: picture, 0),
    "half as large": (lambda picture: picture[::2, ::2], 0),
    "cut off at the edges": (lambda picture: picture[6:174, 8:310], 0),
    "brighter, with more contrast": (lambda picture: picture * 1.15 + 12, 0),
    "with another gamma": (lambda picture: 255 * (np.clip(picture, 0, 255) / 255) ** 0.75, 0),
    "without its first second": (lambda picture: picture, 8),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_mark_is_found_in_a_copy_that_was(name: str, marked: list[Grey], whole: Shrunk) -> None:
    change, first = CHANGES[name]
    found = search(whole, leaked(marked, change, first), [KEY, *OTHERS])
    assert found is not None
    assert found.scores[0] > 2 * THRESHOLD
    assert max(found.scores[1:]) < THRESHOLD
    assert abs(found.fit.offset - first / RATE) < 0.11


def test_no_key_is_found_in_what_has_no_mark_nor_in_something_else(whole: Shrunk, marked: list[Grey]) -> None:
    plain = leaked([scene(n) for n in range(RATE * SECONDS)], lambda picture: picture)
    other = leaked(marked, lambda picture: 255 - picture.T)
    for pictures in (plain, other):
        found = search(whole, pictures, [KEY, *OTHERS])
        assert found is None or max(found.scores) < THRESHOLD
    assert search(whole, Shrunk(), [KEY]) is None


def test_a_mark_in_pictures_that_are_shown_turned_is_found(marked: list[Grey], whole: Shrunk) -> None:
    turned, seen = Shrunk(), Shrunk()
    for n, picture in enumerate(marked):
        turned.add(n / RATE, shrink(np.ascontiguousarray(np.rot90(scene(n), -1)), HEIGHT, WIDTH))
        seen.add(n / RATE, shrink(np.ascontiguousarray(np.rot90(picture, -1)), HEIGHT, WIDTH))
    found = search(turned, seen, [KEY, *OTHERS], turns=1)
    assert found is not None
    assert found.scores[0] > 2 * THRESHOLD


def test_two_who_put_their_copies_together_are_both_found(whole: Shrunk, marked: list[Grey]) -> None:
    mixed = []
    for n, picture in enumerate(marked):
        other = scene(n)
        marks.put(other, marks.at_time(OTHERS[0], n / RATE))
        mixed.append(((picture.astype(int) + other) // 2).astype(np.uint8))
    found = search(whole, leaked(mixed, lambda picture: picture), [KEY, *OTHERS])
    assert found is not None
    assert min(found.scores[:2]) > THRESHOLD
    assert max(found.scores[2:]) < THRESHOLD
