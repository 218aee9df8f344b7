"""Captions, logos and bars laid over a copy: found as the blocks that disagree all the time, and left out.

Leaving out what disagrees could make a copy of anything: of an empty room and the same room with somebody in
it, the room alone would be left, and agree. So most of the movement of both videos must lie in what is left.
"""

from __future__ import annotations

import numpy as np

from bearwitness.signals.aligned import Aligned, movement, relevel
from bearwitness.signals.arrays import Doubles
from bearwitness.signals.timeline import best_shift, partners

_ROUGHLY = 0.2  # correlation of whole frames one of which is partly covered
_AGREES = 0.6
_MOST_COVERED = 0.45
_MOVEMENT_LEFT = 0.5


def uncovered(aligned: Aligned, a_times: Doubles, b_times: Doubles, step: float) -> Aligned | None:
    """Return the alignment over the blocks that agree; None if none disagree, too many do, or what moves is
    lost.
    """
    free = np.ones(aligned.likeness.shape, dtype=bool)
    shift = best_shift(aligned, a_times, b_times, step, free, alike=_ROUGHLY)
    if shift is None:
        return None
    i, j = partners(a_times, b_times, shift, 0.51 * step)
    good = aligned.likeness[i, j] >= _ROUGHLY
    left, right = aligned.a[i[good]], aligned.b[j[good]]
    keep = np.ones(left.shape[1], dtype=bool)
    for block in np.unique(aligned.blocks):
        cells = aligned.blocks == block
        one = left[:, cells] - left[:, cells].mean(axis=1, keepdims=True)
        other = right[:, cells] - right[:, cells].mean(axis=1, keepdims=True)
        power = float(np.sqrt((one**2).sum() * (other**2).sum()))
        keep[cells] = power > 0 and float((one * other).sum()) >= _AGREES * power
    if keep.all() or keep.mean() < 1 - _MOST_COVERED:
        return None
    moved = [(movement(each) ** 2).sum(axis=0) for each in (left, right)]
    if any(float(each[keep].sum()) < _MOVEMENT_LEFT * float(each.sum()) for each in moved):
        return None
    return relevel(aligned, keep)
