"""Proposals how one sketch may lie in another, from features and from whole-picture hashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bearwitness.signals.arrays import Bits
from bearwitness.signals.features import Features, mirrored, pairs
from bearwitness.signals.geometry import Placement, box_placement, fit_placement
from bearwitness.signals.hashing import ORIENTATIONS, FrameHash, distances
from bearwitness.signals.sketch import Sketch

HASH_LIMIT = 31
"""Bits of 256 within which two hashes are taken for the same picture (PDQ's published threshold)."""

_MOST_ANCHORS = 12
_WHOLE = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Tip:
    """Frames of A and of B (indices) whose features may fit, those of A mirrored or not: see
    candidates.py.
    """

    a: int
    b: int
    mirrored: bool

    def turned(self) -> Tip:
        """Return the tip for comparing B with A."""
        return Tip(self.b, self.a, self.mirrored)


@dataclass(frozen=True)
class Proposal:
    """A placement and how much speaks for it: features that agree, summed over the frame pairs that
    gave it.
    """

    placement: Placement
    support: int


def proposals(a: Sketch, b: Sketch, tips: Sequence[Tip] | None = None, most: int = 4) -> list[Proposal]:
    """Return up to `most` different placements of A in B, the best supported first; empty if nothing fits.

    tips: the only frames whose features are matched. Without, a dozen anchors of each are, all with all.
    """
    if tips is None:
        tips = every_tip(a, b)
    found = [*_by_features(a, b, tips), *_by_hashes(a, b, {*_spread(a), *(tip.a for tip in tips)})]
    groups: list[tuple[Placement, int]] = []
    for placement in sorted(found, key=lambda each: -each.inliers):
        weight = max(placement.inliers, 8)
        for place, (head, support) in enumerate(groups):
            if head.near(placement):
                groups[place] = (head, support + weight)
                break
        else:
            groups.append((placement, weight))
    groups.sort(key=lambda each: -each[1])
    return [Proposal(*each) for each in groups[:most]]


def every_tip(a: Sketch, b: Sketch) -> list[Tip]:
    """Return a dozen anchors of each, all with all, mirrored and not."""
    return [Tip(i, j, flipped) for i in _spread(a) for j in _spread(b) for flipped in (False, True)]


def fits(a: Sketch, b: Sketch, tips: Sequence[Tip]) -> bool:
    """Say whether features of any of the tipped frames agree on how A lies in B; the first one ends it."""
    return any(_by_features(a, b, [tip]) for tip in tips)


def _spread(sketch: Sketch) -> list[int]:
    anchors = sketch.anchors
    if len(anchors) <= _MOST_ANCHORS:
        return anchors
    return [anchors[i] for i in np.linspace(0, len(anchors) - 1, _MOST_ANCHORS).astype(int)]


def _by_features(a: Sketch, b: Sketch, tips: Sequence[Tip]) -> list[Placement]:
    sizes = (a.width, a.height), (b.width, b.height)
    flipped: dict[int, Features] = {}
    found = []
    for tip in tips:
        plain, other = a.frames[tip.a].features, b.frames[tip.b].features
        if plain is None or other is None:
            continue
        if tip.mirrored and tip.a not in flipped:
            flipped[tip.a] = mirrored(plain)
        found.append(_fit(plain, flipped[tip.a] if tip.mirrored else plain, other, *sizes))
    return [each for each in found if each is not None]


def _fit(
    plain: Features, one: Features, other: Features, a_size: tuple[int, int], b_size: tuple[int, int]
) -> Placement | None:
    """Match in one orientation; the points are always those of the picture as it is."""
    matched = pairs(one, other)
    return fit_placement(plain.points[matched[:, 0]], other.points[matched[:, 1]], a_size, b_size)


def _rows(hashes: list[bytes]) -> Bits:
    return np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(-1, 32)


def _by_hashes(a: Sketch, b: Sketch, looked_at: set[int]) -> list[Placement]:
    """Placements from frames whose hashes are within HASH_LIMIT in any orientation, one for each that
    occurs.
    """
    kinds = [(frame.whole, _WHOLE) for frame in b.frames] + [(frame.inner, frame.box) for frame in b.frames]
    usable = [(each, box) for each, box in kinds if each.usable]
    if not usable:
        return []
    table = _rows([each.bits for each, _ in usable])
    found: dict[tuple[int, bytes], Placement] = {}
    for i in sorted(looked_at):
        frame = a.frames[i]
        ways: list[tuple[FrameHash, tuple[float, float, float, float]]] = [(frame.whole, _WHOLE)]
        if frame.inner is not frame.whole:
            ways.append((frame.inner, frame.box))
        for each, box in ways:
            if each.usable:
                _closest(each, box, table, [other for _, other in usable], found)
    return list(found.values())


def _closest(
    one: FrameHash,
    box: tuple[float, float, float, float],
    table: Bits,
    boxes: list[tuple[float, float, float, float]],
    found: dict[tuple[int, bytes], Placement],
) -> None:
    for orientation in range(len(ORIENTATIONS)):
        apart = distances(one.turned[orientation], table)
        nearest = int(apart.argmin())
        if apart[nearest] <= HASH_LIMIT:
            placement = box_placement(box, boxes[nearest], orientation)
            key = (orientation, np.round([*placement.shift, *placement.matrix[0]], 1).tobytes())
            found.setdefault(key, placement)
