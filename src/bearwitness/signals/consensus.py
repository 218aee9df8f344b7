"""Placements that many pairs of moments support a little, for pairs where no single one says it well.

Where features were taken at other moments of the two, many of them lie on what moved in between, and these
agree among themselves better than what stood still does. But each pair of moments has another such story,
and what stood still is the same in all. So of each pair several placements are taken, and the matches of all
pairs count for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bearwitness.signals.arrays import Floats
from bearwitness.signals.features import mirrored, pairs
from bearwitness.signals.geometry import MIN_INLIERS, Placement, box_placement, fit_placement
from bearwitness.signals.placing import Proposal, Tip
from bearwitness.signals.sketch import Sketch

_STORIES = 3  # placements taken of one pair of moments
_TOLD = 0.01  # of a side: matches within belong to a story
_NEAR = 0.03  # of a side: what a hand-held camera moves in a moment
_MOST_OF_ONE = 12  # matches of one pair of moments that count: more are one thing that moved
_FEWEST = 2 * MIN_INLIERS  # matches of all pairs of moments together
_APART = 0.06
_WHOLE = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class _Matches:
    """Matched points (n, 2) of one pair of moments."""

    a: Floats
    b: Floats
    mirrored: bool

    def within(self, placement: Placement, near: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        away = np.abs(placement.apply(self.a) - self.b).max(axis=1)
        return np.asarray(away < near, dtype=np.bool_)


def agreed(a: Sketch, b: Sketch, tips: Sequence[Tip], most: int = 4) -> list[Proposal]:
    """Return up to `most` different placements of A in B, those that most matches of all tips support first.

    That the one is all of the other's picture, as it is or mirrored, is tried too.
    """
    matches = list(_matched(a, b, tips))
    sizes = (a.width, a.height), (b.width, b.height)
    tried = [placement for each in matches for placement in _stories(each, *sizes)]
    tried += [
        box_placement(left, right, orientation)
        for orientation in (0, 1)
        for left in dict.fromkeys((_WHOLE, a.picture))
        for right in dict.fromkeys((_WHOLE, b.picture))
    ]
    weighed = sorted(((_support(each, matches), each) for each in tried), key=lambda each: -each[0])
    found: list[Proposal] = []
    for support, placement in weighed:
        if support < _FEWEST or len(found) == most:
            break
        if not any(placement.near(other.placement, _APART) for other in found):
            found.append(Proposal(placement, support))
    return found


def _matched(a: Sketch, b: Sketch, tips: Sequence[Tip]) -> Iterator[_Matches]:
    for tip in tips:
        plain, other = a.frames[tip.a].features, b.frames[tip.b].features
        if plain is not None and other is not None:
            found = pairs(mirrored(plain) if tip.mirrored else plain, other)
            yield _Matches(plain.points[found[:, 0]], other.points[found[:, 1]], tip.mirrored)


def _stories(matches: _Matches, a_size: tuple[int, int], b_size: tuple[int, int]) -> Iterator[Placement]:
    """Yield what most of the matches say, then what most of the others say."""
    left = matches
    for _ in range(_STORIES):
        told = fit_placement(left.a, left.b, a_size, b_size)
        if told is None:
            return
        yield told
        other = ~left.within(told, _TOLD)
        left = _Matches(left.a[other], left.b[other], left.mirrored)


def _support(placement: Placement, matches: Sequence[_Matches]) -> int:
    same = (each for each in matches if each.mirrored == placement.mirrored)
    return sum(min(_MOST_OF_ONE, int(each.within(placement, _NEAR).sum())) for each in same)
