"""Two sketches laid on each other: every frame of both in the coordinates of the first, compared where both
show something.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bearwitness.signals.arrays import Doubles, Floats, Grey, Ints, shrink
from bearwitness.signals.geometry import Placement, Quad
from bearwitness.signals.sketch import FrameSketch, Sketch

GRID = 64  # cells on the long side of A
BLOCK = 8  # cells a side
_CONTRAST = 40.0  # the standard deviation every frame is brought to, in grey levels
_FLAT = 4.0  # a frame that wavers less says nothing
_QUIET = 4.0  # a change smaller than this is encoder noise
_MIN_CELLS = 96
_EDGE = 0.005  # of a side

Mask = np.ndarray[tuple[int, int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Aligned:
    """Frames of both as rows over the cells both show.

    a (n, cells), b (m, cells): brought to mean 0 and one contrast; a flat frame is all zeros. blocks
    (cells,): which block of BLOCK × BLOCK a cell is in. likeness (n, m): correlation of each frame of A with
    each frame of B.
    """

    a: Floats
    b: Floats
    blocks: Ints
    likeness: Floats


def lay(a: Sketch, b: Sketch, placement: Placement) -> Aligned | None:
    """Lay B on A; None where they share too little of the picture to say anything."""
    scale = GRID / max(a.width, a.height)
    rows, columns = max(BLOCK, round(a.height * scale)), max(BLOCK, round(a.width * scale))
    middles = cells(rows, columns)
    inside = within(middles, a.picture) & within(placement.apply(middles), b.picture)  # bars are no picture
    if inside.sum() < _MIN_CELLS:
        return None
    left = np.stack([shrink(frame.thumb, rows, columns)[inside] for frame in a.frames])
    right = np.stack([thumb[inside] for thumb in warped(b.frames, placement, rows, columns)])
    one, other = _level(left), _level(right)
    row, column = np.nonzero(inside)
    blocks = row // BLOCK * (columns // BLOCK + 1) + column // BLOCK
    likeness = one @ other.T / (one.shape[1] * _CONTRAST**2)
    return Aligned(one, other, blocks.astype(np.int64), likeness.astype(np.float32))


def cells(rows: int, columns: int, sub: int = 1) -> Doubles:
    """Return (rows * sub, columns * sub, 2): middles of cells, or of parts of cells, as x, y from 0 to 1."""
    y = (np.arange(rows * sub) + 0.5) / (rows * sub)
    x = (np.arange(columns * sub) + 0.5) / (columns * sub)
    return np.stack(np.meshgrid(x, y), axis=-1)


def within(points: Doubles, box: Quad) -> Mask:
    """Say which points (h, w, 2) lie in a box, its very edge left out."""
    low, high = np.array(box[:2]) + _EDGE, np.array(box[2:]) - _EDGE
    return np.asarray(((points > low) & (points < high)).all(axis=-1), dtype=np.bool_)


class _Seen:
    """Where the cells of A see a thumb of B: four bilinear samples a cell, so that shrinking does not alias.

    The same for all frames of one size, and worked out once for them.
    """

    def __init__(self, shape: tuple[int, int], placement: Placement, rows: int, columns: int) -> None:
        height, width = shape
        points = placement.apply(cells(rows, columns, 2).reshape(-1, 2))
        x = np.clip(points[:, 0] * width - 0.5, 0, width - 1.001)
        y = np.clip(points[:, 1] * height - 0.5, 0, height - 1.001)
        x0, y0 = x.astype(np.int64), y.astype(np.int64)
        self.shape, self._cells = shape, (rows, 2, columns, 2)
        self._right, self._down = x - x0, y - y0
        self._left, self._up = 1 - self._right, 1 - self._down
        first = y0 * width + x0
        self._corners = (first, first + 1, first + width, first + width + 1)

    def of(self, thumb: Grey) -> Floats:
        """Return B's thumb seen through A's cells (rows, columns)."""
        grey = thumb.astype(np.float32).ravel()
        a, b, c, d = (grey.take(corner) for corner in self._corners)
        top = a * self._left + b * self._right
        bottom = c * self._left + d * self._right
        fine = (top * self._up + bottom * self._down).reshape(self._cells)
        return np.asarray(fine.mean(axis=(1, 3)), dtype=np.float32)


def warped(frames: Sequence[FrameSketch], placement: Placement, rows: int, columns: int) -> Iterator[Floats]:
    """Yield the thumb of each frame of B seen through A's cells."""
    seen: _Seen | None = None
    for frame in frames:
        height, width = frame.thumb.shape
        if seen is None or seen.shape != (height, width):
            seen = _Seen((height, width), placement, rows, columns)
        yield seen.of(frame.thumb)


def _level(frames: Floats) -> Floats:
    centred = frames - frames.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    return np.where(spread < _FLAT, 0, centred / np.maximum(spread, _FLAT) * _CONTRAST).astype(np.float32)


def relevel(aligned: Aligned, keep: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Aligned:
    """Return the alignment over some of its cells only."""
    one, other = _level(aligned.a[:, keep]), _level(aligned.b[:, keep])
    likeness = one @ other.T / (one.shape[1] * _CONTRAST**2)
    return Aligned(one, other, aligned.blocks[keep], likeness.astype(np.float32))


def movement(frames: Floats) -> Floats:
    """Return what changes: each row less the mean row, small changes (noise) taken away."""
    change = frames - frames.mean(axis=0)
    return np.asarray(np.sign(change) * np.maximum(np.abs(change) - _QUIET, 0), dtype=np.float32)


def block_likeness(one: Floats, other: Floats, blocks: Ints) -> float:
    """Return the mean correlation of two rows of cells within each block."""
    size = int(blocks.max()) + 1
    count = np.maximum(np.bincount(blocks, minlength=size), 1)

    def total(values: Floats | Doubles) -> Doubles:
        return np.asarray(np.bincount(blocks, weights=values, minlength=size), dtype=np.float64)

    left = one - (total(one) / count)[blocks]
    right = other - (total(other) / count)[blocks]
    power = np.sqrt(total(left**2) * total(right**2))
    textured = power > count
    return float((total(left * right)[textured] / power[textured]).mean()) if textured.any() else 0.0


def block_agreement(one: Floats, other: Floats, blocks: Ints) -> tuple[float, int]:
    """Return (share of the blocks with texture that look alike, how many such blocks) for two rows of
    cells.
    """
    alike = total = 0
    for block in np.unique(blocks):
        cells = blocks == block
        if cells.sum() < BLOCK * BLOCK // 2:
            continue
        left, right = one[cells] - one[cells].mean(), other[cells] - other[cells].mean()
        strength = float(np.sqrt((left @ left) * (right @ right))) / int(cells.sum())
        level = abs(float(one[cells].mean() - other[cells].mean()))
        if max(left.std(), right.std()) < _FLAT and level < _CONTRAST:
            continue
        total += 1
        alike += strength > 1 and float(left @ right) / int(cells.sum()) > 0.7 * strength
    return (alike / total if total else 0.0), total
