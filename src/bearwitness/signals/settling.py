"""A rough placement settled together with the shift in time, where a camera moved.

Laid by a rough placement, frames of a wrong moment fit as well as those of the right one: what the camera
moved in between makes up for what the placement is off. But only at the right shift is it off by the same for
all frames. So shift and displacement are looked for together, and the placement is fitted anew on frames that
are one moment at that shift.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bearwitness.signals.aligned import Mask, cells, lay, warped, within
from bearwitness.signals.arrays import Floats, Ints, shrink
from bearwitness.signals.geometry import Placement
from bearwitness.signals.refining import fitted, near_boxes, quality
from bearwitness.signals.sketch import Sketch
from bearwitness.signals.timeline import partners, shared_step

_CELLS = 40  # on the long side of A
_REACH = 4  # cells the placement may be off
_PROBES = 24  # frames of the shorter of the two that are looked for in the other
_MOST_FRAMES = 600  # of the longer: beyond it copies are settled on a stretch (triage/denser.py)
_ALIKE = 0.5  # correlation from which a frame speaks for a shift
_FEWEST = 3  # frames
_FITTED = 3  # pairs of frames a placement is fitted anew on
_SETTLED = 0.08
_JUDGED = 12  # pairs of frames
_FLAT = 4.0  # grey levels: a frame that wavers less says nothing


def settle(a: Sketch, b: Sketch, placement: Placement) -> Placement | None:
    """Return the placement near a rough one under which most frames fit at one shift in time; None if none
    do.
    """
    if max(len(a.frames), len(b.frames)) > _MOST_FRAMES or min(len(a.frames), len(b.frames)) < _FEWEST:
        return None
    found = _best_fit(a, b, placement)
    if found is None:
        return None
    shift, across, down = found
    i, j = partners(a.times, b.times, shift, 0.51 * shared_step(a.step, b.step))
    moved = Placement(((1.0, 0.0), (0.0, 1.0)), (-across, -down), 0)
    start = placement.after(moved)
    tries = [start, *near_boxes(a, b, start)]
    i, j = _alike(a, b, start, i, j)
    some = np.unique(np.linspace(0, len(i) - 1, _FITTED).astype(int))
    for one, other in zip(i[some], j[some], strict=True):
        anew = fitted(a.frames[one].thumb, b.frames[other].thumb, start)
        if anew is not None and anew.near(start, _SETTLED):
            tries.append(anew)
    some = np.unique(np.linspace(0, len(i) - 1, _JUDGED).astype(int))
    return max(tries, key=lambda each: quality(a, b, each, i[some], j[some]))


def _alike(a: Sketch, b: Sketch, placement: Placement, i: Ints, j: Ints) -> tuple[Ints, Ints]:
    """Return the better half of these pairs of frames, for they may share a stretch only."""
    aligned = lay(a, b, placement)
    if aligned is None or len(i) <= _FEWEST:
        return i, j
    likeness = aligned.likeness[i, j]
    good = likeness >= np.median(likeness)
    return i[good], j[good]


def _grid(a: Sketch) -> tuple[int, int]:
    scale = _CELLS / max(a.width, a.height)
    return max(8, round(a.width * scale)), max(8, round(a.height * scale))


def _best_fit(a: Sketch, b: Sketch, placement: Placement) -> tuple[float, float, float] | None:
    """Return (B's time less A's, how far A's picture is displaced across and down, in parts of it)."""
    columns, rows = _grid(a)
    i, j = _probed(a), _probed(b)
    if len(a.frames) < len(b.frames):
        j = np.arange(len(b.frames))
    else:
        i = np.arange(len(a.frames))
    left = np.stack([shrink(a.frames[k].thumb, rows, columns) for k in i])
    right = np.stack(list(warped([b.frames[k] for k in j], placement, rows, columns)))
    middles = cells(rows, columns)
    inside = within(middles, a.picture), within(placement.apply(middles), b.picture)
    step = shared_step(a.step, b.step) / 2
    shifts = np.round((b.times[j][None] - a.times[i][:, None]) / step).astype(np.int64)
    first = int(shifts.min())
    best, worth = None, _FEWEST * (1 - _ALIKE) / 2
    for across, down, likeness in _displaced(left, right, *inside):
        support = np.bincount((shifts - first).ravel(), weights=np.maximum(likeness - _ALIKE, 0).ravel())
        support[1:] += support[:-1]  # times of the two need not fall together
        top = int(support.argmax())
        if support[top] > worth:
            best, worth = ((top + first - 0.5) * step, across / columns, down / rows), float(support[top])
    return best


def _probed(sketch: Sketch) -> Ints:
    count = len(sketch.frames)
    return np.unique(np.linspace(0, count - 1, min(count, _PROBES)).astype(np.int64))


def _displaced(left: Floats, right: Floats, ours: Mask, theirs: Mask) -> Iterator[tuple[int, int, Floats]]:
    """Yield (cells across, cells down, (n, m) likeness of A's frames so displaced with B's).

    ours, theirs: which cells of A, and of B laid on A, are picture.
    """
    rows, columns = ours.shape
    for down in range(-_REACH, _REACH + 1):
        top, bottom = max(0, -down), rows - max(0, down)
        for across in range(-_REACH, _REACH + 1):
            start, end = max(0, -across), columns - max(0, across)
            there = slice(top, bottom), slice(start, end)
            here = slice(top + down, bottom + down), slice(start + across, end + across)
            seen = ours[here] & theirs[there]
            if seen.sum() >= 2 * _CELLS:
                one, other = left[:, *here][:, seen], right[:, *there][:, seen]
                yield across, down, _unit(one) @ _unit(other).T


def _unit(frames: Floats) -> Floats:
    centred = frames - frames.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1, keepdims=True))
    flat = length < _FLAT * frames.shape[1] ** 0.5
    return np.where(flat, 0, centred / np.maximum(length, 1e-6)).astype(np.float32)
