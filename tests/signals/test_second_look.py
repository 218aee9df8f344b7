"""What takes a second look to be found is found, and no other time at one place passes for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.signals import scenes

from bearwitness.signals.aligned import lay
from bearwitness.signals.consensus import agreed
from bearwitness.signals.features import Features
from bearwitness.signals.geometry import Placement, box_placement
from bearwitness.signals.placing import Tip
from bearwitness.signals.relation import compare
from bearwitness.signals.settling import settle
from bearwitness.signals.sketch import Sketch
from bearwitness.signals.timeline import judge
from bearwitness.signals.verdict import MOVED_ALIKE, MOVES_ALIKE_ALL_OVER, camera_moves, moves_alike_all_over

SAME = box_placement((0, 0, 1, 1), (0, 0, 1, 1), 0)
MOVED = Placement(((1.0, 0.0), (0.0, 1.0)), (0.06, -0.05), 9)


@pytest.fixture(scope="module")
def film() -> scenes.Video:
    return scenes.film(101, 11, 5, shake=10)


def part_of(film: scenes.Video) -> Sketch:
    part = [(time - 2, picture) for time, picture in film if 2 <= time < 4]
    return scenes.sketch(scenes.edited(part, scenes.mirror))


def test_a_short_hand_held_part_is_found_in_a_crop_though_its_anchors_are_other_moments(
    film: scenes.Video,
) -> None:
    found = compare(scenes.sketch(scenes.edited(film, scenes.crop)), part_of(film))
    assert found is not None
    assert found.kind == "copy"
    assert {"mirrored", "contained"} <= found.traits
    (span,) = found.spans
    assert span.a_start - span.b_start == pytest.approx(2, abs=0.01)


def test_a_part_is_not_found_in_what_the_same_hand_filmed_at_another_time(film: scenes.Video) -> None:
    other = scenes.film(101, 10, 5, shake=10)
    found = compare(scenes.sketch(scenes.edited(other, scenes.crop)), part_of(film))
    assert found is None or found.kind == "same-view"


def test_bars_beside_a_picture_do_not_hide_that_it_is_the_same(film: scenes.Video) -> None:
    one, other = (scenes.sketch(scenes.edited(film[:20], edit)) for edit in (scenes.letterbox, scenes.inset))
    assert one.picture == pytest.approx((68 / 616, 0, 548 / 616, 1), abs=0.01)
    found = compare(one, other)
    assert found is not None
    assert found.kind == "copy"


def test_a_placement_off_by_what_the_camera_moved_is_settled(film: scenes.Video) -> None:
    one = scenes.sketch(film)
    assert camera_moves(one)
    settled = settle(one, scenes.sketch(scenes.edited(film[20:40])), MOVED)
    assert settled is not None
    assert settled.near(SAME, 0.01)


def test_a_fixed_camera_is_told_from_one_that_moves() -> None:
    assert not camera_moves(scenes.sketch(scenes.film(5, 5)))


def test_other_people_under_the_same_sway_do_not_move_alike_all_over(film: scenes.Video) -> None:
    one = scenes.sketch(film)
    shares = []
    for other in (scenes.edited(film), scenes.film(101, 11, 5, shake=10, looks=99)):
        aligned = lay(one, scenes.sketch(other), SAME)
        assert aligned is not None
        found = judge(aligned, *np.tile(np.arange(len(one.frames)), (2, 1)))
        assert found.moved is not None
        assert found.moved > MOVED_ALIKE  # by the sway alone
        shares.append(moves_alike_all_over(found, aligned))
    assert shares[0] >= MOVES_ALIKE_ALL_OVER > shares[1]


def test_what_stood_still_outvotes_what_moved_otherwise_in_each_pair_of_moments(film: scenes.Video) -> None:
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 256, (30, 16), dtype=np.uint8)
    points = rng.uniform(0.1, 0.9, (30, 2)).astype(np.float32)
    one, other = scenes.sketch(film[:3], 0.1, 0.1), scenes.sketch(film[:3], 0.1, 0.1)
    shifts = np.array([(0.1, 0.0), (0.0, 0.1), (-0.1, -0.1)], np.float32)
    marked = [np.where(np.arange(30)[:, None] < 10, points, points + shift) for shift in shifts]
    one = _marked(one, bits, [points] * 3)
    other = _marked(other, bits, [each.astype(np.float32) for each in marked])
    found = agreed(one, other, [Tip(i, i, mirrored=False) for i in range(3)])
    assert found[0].placement.near(SAME, 0.01)
    assert found[0].support == 30


def _marked(sketch: Sketch, bits: np.ndarray, points: list[np.ndarray]) -> Sketch:
    frames = zip(sketch.frames, points, strict=True)
    return replace(
        sketch, frames=tuple(replace(frame, features=Features(bits, where)) for frame, where in frames)
    )
