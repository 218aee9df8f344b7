"""A planted placement is found back from points half of which are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scale import examples
from tests.signals import scenes

from bearwitness.signals.features import FeatureFinder, mirrored, pairs
from bearwitness.signals.geometry import Placement, box_placement, fit_placement

SIZE = (640, 360)


@given(
    scale=st.floats(0.4, 1.6),
    x=st.floats(-0.2, 0.4),
    y=st.floats(-0.2, 0.4),
    flip=st.booleans(),
    seed=st.integers(0, 9),
)
@examples(25)
def test_a_planted_placement_is_found_among_as_many_wrong_points(
    scale: float, x: float, y: float, flip: bool, seed: int
) -> None:
    planted = Placement(((-scale if flip else scale, 0.0), (0.0, scale)), (x + scale * flip, y), 0)
    rng = np.random.default_rng(seed)
    a = rng.random((60, 2)).astype(np.float32)
    b = planted.apply(a).astype(np.float32) + rng.normal(0, 0.001, (60, 2)).astype(np.float32)
    b[30:] = rng.random((30, 2))
    found = fit_placement(a, b, SIZE, SIZE)
    assert found is not None
    assert found.near(planted, 0.03)
    assert found.mirrored == flip


def test_wrong_points_alone_make_no_placement() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.random((2, 40, 2)).astype(np.float32)
    assert fit_placement(a, b, SIZE, SIZE) is None


def test_an_inverse_undoes_a_placement_and_shares_are_areas() -> None:
    half = Placement(((0.5, 0.0), (0.0, 0.5)), (0.25, 0.25), 9)
    assert half.covers() == pytest.approx((1.0, 0.25), abs=0.01)
    assert half.inverse().after(half).near(Placement(((1.0, 0.0), (0.0, 1.0)), (0.0, 0.0), 9), 1e-9)


@pytest.mark.parametrize("orientation", range(8))
def test_boxes_are_laid_corner_on_corner(orientation: int) -> None:
    placed = box_placement((0.1, 0.2, 0.9, 0.8), (0.0, 0.0, 1.0, 0.5), orientation)
    corners = placed.apply(np.array([[0.1, 0.2], [0.9, 0.2], [0.1, 0.8], [0.9, 0.8]]))
    assert {tuple(corner) for corner in corners.round(6) + 0.0} == {(0, 0), (1, 0), (0, 0.5), (1, 0.5)}


def test_mirrored_features_are_those_of_the_mirrored_picture() -> None:
    one = scenes.texture(3, 270, 480).astype(np.uint8)
    finder = FeatureFinder()
    plain, other = finder.find(one), finder.find(scenes.mirror(one))
    matched = pairs(mirrored(plain), other)
    assert len(matched) > 60
    assert np.abs(mirrored(plain).points[matched[:, 0]] - other.points[matched[:, 1]]).max() < 0.02 or (
        np.median(np.abs(mirrored(plain).points[matched[:, 0]] - other.points[matched[:, 1]])) < 0.005
    )
    assert len(pairs(plain, other)) < len(matched) / 3


def test_an_empty_picture_has_no_features() -> None:
    assert len(FeatureFinder().find(np.full((200, 300), 90, np.uint8))) == 0
