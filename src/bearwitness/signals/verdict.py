"""Whether two sketches laid on each other show the same recording, or only look alike.

Pictures from one fixed camera look alike at any two times: the room is the same. So likeness alone never
makes a copy of moving pictures; what *moves* must move alike (`Stretch.moved`). Where nothing moves in
either, the pictures must agree block for block.
"""

from __future__ import annotations

import numpy as np

from bearwitness.signals.aligned import Aligned, movement
from bearwitness.signals.arrays import Doubles
from bearwitness.signals.geometry import Placement
from bearwitness.signals.sketch import Sketch
from bearwitness.signals.timeline import Stretch, best_shift, shared_step, stretches

MOVED_ALIKE = 0.5
"""Correlation of movement from which it is one recording. Seen: copies 0.97 and more, other times at one
place 0.06.
"""

STILL_ALIKE = 0.8
"""Share of textured blocks that must look alike where nothing moves."""

MOVES_ALIKE_ALL_OVER = 0.9
"""Share of the movement that must lie in blocks that each move alike, where it took a second look.

That tries many placements and shifts, and two hand-held cameras may sway alike for a moment: then the room
moves alike, but not who walks in it.
"""

_MOST_STRETCHES = 8
_FEWEST_BLOCKS = 8
_LEAST_SHARED = 0.25  # of one of the two pictures
_NOISE = 4.0  # grey levels by which still parts of a thumb waver
_SURE_FRAMES = 5
_SURE_SECONDS = 1.0
_LOOKED_AT = 60  # frames
_STEADY = 0.3  # share of a picture that changes under a fixed camera


def shares_enough(a: Sketch, b: Sketch, placement: Placement) -> bool:
    """Whether the shared part is more than a corner, and holds most of what moves in one of the two.

    Two videos with the same caption or logo share that, and nothing that moves.
    """
    if max(placement.covers()) < _LEAST_SHARED:
        return False
    return max(_movement_share(b, placement.inverse()), _movement_share(a, placement)) >= 0.5


def _movement_share(sketch: Sketch, placement: Placement) -> float:
    """Return how much of what moves in a sketch lies where the other picture shows it; 1 if nothing moves."""
    moves = np.maximum(sketch.wavering - _NOISE, 0) ** 2
    rows, columns = moves.shape
    y, x = np.indices(moves.shape)
    points = placement.apply(np.stack([(x + 0.5) / columns, (y + 0.5) / rows], axis=-1).reshape(-1, 2))
    seen = ((points >= 0) & (points <= 1)).all(axis=1).reshape(moves.shape)
    return float(moves[seen].sum() / moves.sum()) if moves.any() else 1.0


def camera_moves(sketch: Sketch) -> bool:
    """Whether more of the picture changes within a second than what walks in it would change."""
    frames = sketch.frames
    apart = min(max(1, round(1 / max(sketch.step, 0.01))), len(frames) - 1)
    if not apart:
        return False
    some = np.linspace(0, len(frames) - 1 - apart, min(len(frames) - apart, _LOOKED_AT)).astype(int)
    changes = [np.abs(frames[k + apart].thumb.astype(np.int16) - frames[k].thumb) > _NOISE for k in some]
    return float(np.median([each.mean() for each in changes])) > _STEADY


def find_stretches(aligned: Aligned, a: Sketch, b: Sketch) -> tuple[list[Stretch], list[Stretch]]:
    """Return (stretches that are the same recording, stretches that only look alike)."""
    free = np.ones(aligned.likeness.shape, dtype=bool)
    apart = max(a.step, b.step)
    step = shared_step(a.step, b.step)
    copies: list[Stretch] = []
    views: list[Stretch] = []
    for _ in range(_MOST_STRETCHES):
        shift = best_shift(aligned, a.times, b.times, step, free)
        if shift is None:
            break
        for found in stretches(aligned, a.times, b.times, step, shift, free, apart):
            (copies if _is_copy(found, a, b) else views).append(found)
            free[found.a[0] : found.a[-1] + 1, :] = False
            free[:, found.b[0] : found.b[-1] + 1] = False
    return copies, views


def _is_copy(found: Stretch, a: Sketch, b: Sketch) -> bool:
    still = min(len(a.frames), len(b.frames)) == 1
    if len(found.a) < 3 and not still:
        return False
    if found.moved is not None and len(found.a) > 1:
        return found.moved >= MOVED_ALIKE and found.likeness >= 0.7
    return found.agreement >= STILL_ALIKE and found.likeness >= 0.8 and found.blocks >= _FEWEST_BLOCKS


def is_sure(found: Stretch, aligned: Aligned, times: Doubles) -> bool:
    """Whether a copy that a second look found is one: long enough, and whatever moves in it moves alike."""
    if found.moved is None or len(found.a) < _SURE_FRAMES or np.ptp(times[found.a]) < _SURE_SECONDS - 0.01:
        return False
    return moves_alike_all_over(found, aligned) >= MOVES_ALIKE_ALL_OVER


def moves_alike_all_over(found: Stretch, aligned: Aligned) -> float:
    """Return the share of the movement of a stretch that lies in blocks that each move alike."""
    left, right = movement(aligned.a[found.a]), movement(aligned.b[found.b])
    size = int(aligned.blocks.max()) + 1
    both, one, other = (
        np.bincount(aligned.blocks, weights=each.sum(axis=0), minlength=size)
        for each in (left * right, left**2, right**2)
    )
    alike = both >= MOVED_ALIKE * np.sqrt(one * other)
    return float((one + other)[alike].sum() / max(1e-9, float((one + other).sum())))
