"""When two aligned videos show the same moments: the shift in time, and the stretches where it holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bearwitness.signals.aligned import Aligned, block_agreement, movement
from bearwitness.signals.arrays import Doubles, Floats, Ints

ALIKE = 0.6  # correlation from which two frames may be the same picture
_MOVES_ALIKE = 0.35  # correlation of movement within two seconds below which it is another moment
_MOVED = 0.3  # mean squared change (grey levels²) from which a stretch has movement to compare
_MUCH_LONGER = 4.0  # times one step may be as long as the other before frames are paired by the shorter


@dataclass(frozen=True)
class Stretch:
    """Frames of A and of B that show the same moments.

    a, b: indices, in pairs. likeness: median correlation of the pairs. moved: correlation of what changes in
    them (1 the same recording, about 0 another time at the same place), None where nothing moves. agreement:
    share of the textured blocks that look alike.
    """

    a: Ints
    b: Ints
    likeness: float
    moved: float | None
    agreement: float
    blocks: int


def shared_step(one: float, other: float) -> float:
    """Return the time within which frames of two sketches can be one moment.

    It is the longer step, but for key frames against frames taken often: then the shorter, for there is one
    near each key frame, and the nearest of others may be seconds away.
    """
    longer, shorter = max(one, other), min(one, other)
    return shorter if 0 < shorter * _MUCH_LONGER < longer else longer


def partners(a_times: Doubles, b_times: Doubles, shift: float, within: float) -> tuple[Ints, Ints]:
    """Return index pairs with |b - a - shift| <= within, each frame of A with its nearest of B."""
    wanted = a_times + shift
    right = np.clip(np.searchsorted(b_times, wanted), 1, max(1, len(b_times) - 1))
    right = np.minimum(right, len(b_times) - 1)
    left = np.maximum(right - 1, 0)
    near = np.where(np.abs(b_times[left] - wanted) <= np.abs(b_times[right] - wanted), left, right)
    good = np.abs(b_times[near] - wanted) <= within
    return np.nonzero(good)[0].astype(np.int64), near[good].astype(np.int64)


def best_shift(
    aligned: Aligned,
    a_times: Doubles,
    b_times: Doubles,
    step: float,
    free: NDArray[np.bool_],
    alike: float = ALIKE,
) -> float | None:
    """Return the shift (B's time less A's) at which most frames agree, or None where no frame pair is alike.

    free: (n, m), which pairs are not yet explained by a stretch found before. Movement decides before
    likeness: under a fixed camera all shifts look alike, and only what moves tells them apart.
    """
    rows, columns = np.nonzero((aligned.likeness >= alike) & free)
    if not len(rows):
        return None
    offsets = (
        np.round((b_times[columns] - a_times[rows]) / (step / 2))
        if step
        else b_times[columns] - a_times[rows]
    )
    tries, votes = np.unique(offsets, return_counts=True)
    tries = tries[np.argsort(-votes, kind="stable")[:400]]
    moved_a, moved_b = movement(aligned.a), movement(aligned.b)
    cross = moved_a @ moved_b.T / moved_a.shape[1]
    energy_a, energy_b = (moved_a**2).mean(axis=1), (moved_b**2).mean(axis=1)
    best, score = None, 0.0
    for offset in tries:
        shift = float(offset) * (step / 2 if step else 1.0)
        i, j = partners(a_times, b_times, shift, 0.51 * step)
        keep = (aligned.likeness[i, j] >= alike) & free[i, j]
        i, j = i[keep], j[keep]
        if not len(i):
            continue
        power = float(np.sqrt(energy_a[i].mean() * energy_b[j].mean()))
        weight = float(cross[i, j].mean()) / power if power > _MOVED else 0.5
        worth = (weight + 0.2 * float(aligned.likeness[i, j].mean())) * len(i) ** 0.5
        if worth > score:
            best, score = shift, worth
    return best


def stretches(
    aligned: Aligned,
    a_times: Doubles,
    b_times: Doubles,
    step: float,
    shift: float,
    free: NDArray[np.bool_],
    apart: float,
) -> list[Stretch]:
    """Return the runs of alike frames at a shift; gaps of up to a second (a flash, a black frame) are
    bridged. `apart`: the usual time between two frames of the sparser of the two.
    """
    i, j = partners(a_times, b_times, shift, 0.76 * step)
    keep = (aligned.likeness[i, j] >= ALIKE) & free[i, j]
    i, j = i[keep], j[keep]
    if not len(i):
        return []
    still_same = _moves_alike(aligned.a[i], aligned.b[j], a_times[i])
    if not still_same.any():
        return [judge(aligned, i, j)]  # they look alike, and that is all that can be said
    i, j = i[still_same], j[still_same]
    breaks = np.nonzero(np.diff(a_times[i]) > max(1.0, 2.5 * apart))[0] + 1
    runs = zip(np.split(i, breaks), np.split(j, breaks), strict=True)
    return [judge(aligned, *run) for run in runs]


def _moves_alike(left: Floats, right: Floats, times: Doubles) -> NDArray[np.bool_]:
    """Return for which pairs what moves within a second around is not plainly different.

    Under a fixed camera every frame looks like every other; a cut in one of the two shows only here.
    """
    one, other = movement(left), movement(right)
    product, power = (one * other).mean(axis=1), [(each**2).mean(axis=1) for each in (one, other)]
    near = (np.abs(times[:, None] - times[None]) <= 1.0).astype(np.float64)
    near /= near.sum(axis=1, keepdims=True)
    both = np.sqrt((near @ power[0]) * (near @ power[1]))
    return np.asarray((near @ product >= _MOVES_ALIKE * both) | (both < _MOVED), dtype=np.bool_)


def judge(aligned: Aligned, i: Ints, j: Ints) -> Stretch:
    """Return the stretch of these frame pairs with what speaks for it."""
    likeness = float(np.median(aligned.likeness[i, j]))
    left, right = movement(aligned.a[i]), movement(aligned.b[j])
    power = float(np.sqrt((left**2).mean() * (right**2).mean()))
    most = max(float((left**2).mean()), float((right**2).mean()))
    moved = float((left * right).mean()) / max(power, 1e-9) if most > _MOVED else None
    agreement, blocks = block_agreement(aligned.a[i].mean(axis=0), aligned.b[j].mean(axis=0), aligned.blocks)
    return Stretch(i, j, likeness, moved, agreement, blocks)
