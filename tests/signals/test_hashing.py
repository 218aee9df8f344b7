"""Hashes survive edits, know their eight orientations, and refuse pictures with nothing in them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from tests.signals import scenes

from bearwitness.signals.arrays import Grey, median, medians
from bearwitness.signals.borders import content_box
from bearwitness.signals.hashing import ORIENTATIONS, distances, hash_picture

TURNS = {
    "same": lambda p: p,
    "mirrored": lambda p: p[:, ::-1],
    "flipped": lambda p: p[::-1],
    "turned-180": lambda p: p[::-1, ::-1],
    "transposed": lambda p: p.T,
    "turned-90": lambda p: np.rot90(p, -1),
    "turned-270": lambda p: np.rot90(p, 1),
    "transversed": lambda p: np.rot90(p, 2).T,
}


def apart(one: bytes, other: bytes) -> int:
    return int(distances(one, np.frombuffer(other, np.uint8).reshape(1, 32))[0])


@pytest.mark.parametrize("way", ORIENTATIONS)
def test_the_hash_of_a_turned_picture_is_the_one_foretold(way: str) -> None:
    one = scenes.texture(1, 256, 256).astype(np.uint8)
    turned = hash_picture(np.ascontiguousarray(TURNS[way](one)))
    assert apart(hash_picture(one).turned[ORIENTATIONS.index(way)], turned.bits) <= 6


@pytest.mark.parametrize("edit", [scenes.brighten, scenes.small])
def test_an_edit_leaves_the_hash_close(edit: scenes.Edit) -> None:
    ((_, before),) = scenes.film(1, 1, 0.1)
    ((_, after),) = scenes.edited([(Fraction(0), before)], edit)
    assert apart(hash_picture(before).bits, hash_picture(after).bits) <= 20


def test_different_pictures_are_about_half_their_bits_apart() -> None:
    hashes = [hash_picture(scenes.texture(seed, 180, 320).astype(np.uint8)).bits for seed in range(8)]
    between = [apart(a, b) for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(between) > 70
    assert 100 < np.mean(between) < 156


@pytest.mark.parametrize("level", [0, 127, 255])
def test_an_empty_picture_has_no_usable_hash(level: int) -> None:
    noise = np.random.default_rng(1).integers(0, 2, (200, 300))
    assert not hash_picture((np.full((200, 300), min(level, 254)) + noise).astype(np.uint8)).usable


def test_a_smooth_gradient_has_no_usable_hash() -> None:
    assert not hash_picture(np.tile(np.linspace(0, 120, 320), (180, 1)).astype(np.uint8)).usable


def test_a_picture_without_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="without pixels"):
        hash_picture(np.empty((0, 5), np.uint8))


def test_bars_are_found_and_an_empty_frame_is_not_all_bars() -> None:
    ((_, whole),) = scenes.film(1, 1, 0.1)
    box = content_box(scenes.letterbox(whole))
    side = whole.shape[1] // 7
    assert abs(box.left - side) <= 2
    assert abs(box.right - side - whole.shape[1]) <= 2
    assert (box.top, box.bottom) == (0, whole.shape[0])
    assert content_box(np.zeros((50, 80), np.uint8)).area == 4000


def test_medians_are_the_very_ones_of_numpy() -> None:
    chance = np.random.default_rng(5)
    for shape in ((16, 16), (7, 9), (1, 1), (3, 4)):
        for kind in (np.float32, np.float64):
            values = chance.normal(0, 1, shape).astype(kind)
            assert (values > median(values)).tolist() == (values > np.median(values)).tolist()
            assert median(values) == np.median(values)
        lines = chance.integers(0, 256, shape, dtype=np.uint8)
        assert medians(lines).tolist() == np.median(lines.astype(np.float32), axis=1).tolist()
        assert medians(lines.T).tolist() == np.median(lines.T.astype(np.float32), axis=1).tolist()


def test_bars_are_found_where_looking_at_every_line_finds_them() -> None:
    chance = np.random.default_rng(6)
    for _ in range(60):
        inner = chance.integers(0, 256, tuple(chance.integers(30, 90, 2)), dtype=np.uint8)
        above, below, left, right = chance.integers(0, 40, 4)
        level, waver = int(chance.integers(0, 250)), int(chance.integers(1, 6))
        whole = np.pad(inner, ((above, below), (left, right)), constant_values=level)
        whole = whole + chance.integers(0, waver, whole.shape, dtype=np.uint8) * (whole == level)
        box = content_box(whole)
        sides = (whole, whole[::-1], whole.T, whole.T[::-1])
        top, bottom, first, last = map(_plain_margin, sides)
        rows, columns = whole.shape
        assert (box.top, box.left, box.bottom, box.right) == (top, first, rows - bottom, columns - last)


def _plain_margin(lines: Grey) -> int:
    """Count as borders.py says it, one line after the other."""
    floats = lines.astype(np.float32)
    limit, level = int(len(lines) * 0.45), float(np.median(floats[0]))
    for number, line in enumerate(floats[: limit + 1]):
        if line.std() >= 6 or abs(float(np.median(line)) - level) >= 6:
            return number
    return 0
