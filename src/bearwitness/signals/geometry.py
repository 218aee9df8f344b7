"""How one picture lies in another: an affine map found from matching features, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bearwitness.signals.arrays import Doubles, Floats

MIN_INLIERS = 8
_GRID = 32  # squares a side when areas are measured


@dataclass(frozen=True)
class Placement:
    """Where picture A lies in picture B: b = matrix @ a + shift, both in parts of width and height (0 to 1).

    inliers: features that agree with it (0 when it comes from whole-picture hashes instead).
    """

    matrix: tuple[tuple[float, float], tuple[float, float]]
    shift: tuple[float, float]
    inliers: int

    def apply(self, points: Floats | Doubles) -> Doubles:
        """Map points (…, 2) of A into B."""
        return np.asarray(points @ np.array(self.matrix).T + np.array(self.shift), dtype=np.float64)

    def inverse(self) -> Placement:
        """Where B lies in A."""
        back = np.linalg.inv(np.array(self.matrix))
        shift = -back @ np.array(self.shift)
        rows = tuple((float(row[0]), float(row[1])) for row in back)
        return Placement((rows[0], rows[1]), (float(shift[0]), float(shift[1])), self.inliers)

    def after(self, first: Placement) -> Placement:
        """Return the placement that `first` and then this one make together."""
        matrix = np.array(self.matrix) @ np.array(first.matrix)
        shift = np.array(self.matrix) @ np.array(first.shift) + np.array(self.shift)
        rows = tuple((float(row[0]), float(row[1])) for row in matrix)
        return Placement(
            (rows[0], rows[1]), (float(shift[0]), float(shift[1])), min(self.inliers, first.inliers)
        )

    @property
    def mirrored(self) -> bool:
        """Whether left and right changed places."""
        return float(np.linalg.det(np.array(self.matrix))) < 0

    def covers(self) -> tuple[float, float]:
        """Return (share of A that is visible in B, share of B that A covers)."""
        return _inside(self), _inside(self.inverse())

    def turn(self, a_size: tuple[int, int], b_size: tuple[int, int]) -> float:
        """Return by how many degrees clockwise A was turned, after undoing a mirroring; sizes are (width,
        height).
        """
        pixels = np.diag(b_size) @ np.array(self.matrix) @ np.diag([1 / a_size[0], 1 / a_size[1]])
        if self.mirrored:
            pixels = pixels @ np.diag([-1, 1])
        return float(np.degrees(np.arctan2(pixels[1, 0] - pixels[0, 1], pixels[0, 0] + pixels[1, 1])) % 360)

    def plausible(self, a_size: tuple[int, int], b_size: tuple[int, int]) -> bool:
        """Whether an edit could have done it: scaled 1/6 to 6 times, squeezed up to 2.5 times, hardly
        sheared.
        """
        pixels = np.diag(b_size) @ np.array(self.matrix) @ np.diag([1 / a_size[0], 1 / a_size[1]])
        large, small = np.linalg.svd(pixels, compute_uv=False)
        relative = large * max(a_size) / max(b_size)
        if small <= 0 or large / small > 2.5 or not 1 / 6 < relative < 6:
            return False
        columns = pixels / np.linalg.norm(pixels, axis=0)
        return abs(float(columns[:, 0] @ columns[:, 1])) < 0.1

    def near(self, other: Placement, within: float = 0.04) -> bool:
        """Whether the corners of A land within `within` of each other."""
        corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        return float(np.abs(self.apply(corners) - other.apply(corners)).max()) < within


def _inside(placement: Placement) -> float:
    axis = (np.arange(_GRID) + 0.5) / _GRID
    points = placement.apply(np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2))
    return float(((points >= 0) & (points <= 1)).all(axis=1).mean())


def fit_placement(a: Floats, b: Floats, a_size: tuple[int, int], b_size: tuple[int, int]) -> Placement | None:
    """Return the placement most of the matched points (n, 2) agree on (RANSAC, 3 pixels at 320), or None.

    None also where fewer than MIN_INLIERS agree, or where it is nothing an edit does.
    """
    if len(a) < MIN_INLIERS:
        return None
    import cv2

    a_unit, b_unit = np.array(a_size) / max(a_size) * 320, np.array(b_size) / max(b_size) * 320
    cv2.setRNGSeed(1)  # the same two pictures give the same answer every time
    found, mask = cv2.estimateAffine2D(
        (a * a_unit).astype(np.float32),
        (b * b_unit).astype(np.float32),
        ransacReprojThreshold=3.0,
        maxIters=2000,
        confidence=0.995,
    )
    if found is None or int(mask.sum()) < MIN_INLIERS:
        return None
    whole = np.diag(1 / b_unit) @ found @ np.diag([*a_unit, 1.0])
    placement = Placement(
        ((float(whole[0, 0]), float(whole[0, 1])), (float(whole[1, 0]), float(whole[1, 1]))),
        (float(whole[0, 2]), float(whole[1, 2])),
        int(mask.sum()),
    )
    return placement if placement.plausible(a_size, b_size) else None


Quad = tuple[float, float, float, float]

_TURNS = (
    ((1, 0), (0, 1)),
    ((-1, 0), (0, 1)),
    ((1, 0), (0, -1)),
    ((-1, 0), (0, -1)),
    ((0, 1), (1, 0)),
    ((0, 1), (-1, 0)),
    ((0, -1), (1, 0)),
    ((0, -1), (-1, 0)),
)


def box_placement(a_box: Quad, b_box: Quad, orientation: int) -> Placement:
    """Return the placement that lays the box of A on the box of B in one of hashing.ORIENTATIONS."""
    turn = np.array(_TURNS[orientation], dtype=float)
    b_size = np.array([b_box[2] - b_box[0], b_box[3] - b_box[1]])
    a_size = np.array([a_box[2] - a_box[0], a_box[3] - a_box[1]])
    a_mid = np.array([a_box[0] + a_box[2], a_box[1] + a_box[3]]) / 2
    b_mid = np.array([b_box[0] + b_box[2], b_box[1] + b_box[3]]) / 2
    matrix = np.diag(b_size) @ turn @ np.diag(1 / a_size)
    shift = b_mid - matrix @ a_mid
    rows = tuple((float(row[0]), float(row[1])) for row in matrix)
    return Placement((rows[0], rows[1]), (float(shift[0]), float(shift[1])), 0)
