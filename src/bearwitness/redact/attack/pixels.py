"""Looks at every covered region of every finished frame, and for what it still says of the original.

Two questions, of luma alone. Is a region that was to be filled flat and black? Does a region that was to be
obscured still carry the original's structure: the direction of its edges, cell by cell (fine), or its pattern
of light and dark (coarse), which survives a mosaic and is what machines recognise faces under one by?
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bearwitness.media.model import Picture

from ..geometry import Box, clipped
from .hits import Hit

CHECK: Final = "covered regions"
Luma: TypeAlias = NDArray[np.uint8]

_EDGE_PIXELS: Final = 2  # the codec smears so far over the edge of a fill
_LEVELS_OFF_MAX: Final = 24  # a fill encoded at our quality stays within this of black, pixel by pixel …
_SHARE_OFF_MAX: Final = 0.005  # … but for so many of its pixels
_CELLS: Final = 6  # each way
_DETAIL: Final = 8
_TELLING_GRADIENT: Final = 3.0
_AGREEMENT: Final = 0.5
_STRENGTH: Final = 0.15
_CELLS_LEAKING_MAX: Final = 0.25  # a coarse mosaic of a face has some 0.05, half a face 0.4
_COARSE: Final = 8
_COARSE_AGREEMENT: Final = 0.7
_COARSE_LEVELS: Final = 4.0


def brightest(bgr: Picture) -> Luma:
    """Return the largest of the three colours of each pixel; plane by plane, which is the faster way."""
    found: Luma = np.maximum(np.maximum(bgr[:, :, 0], bgr[:, :, 1]), bgr[:, :, 2])
    return found


def not_flat(luma: Luma, box: Box, black: int) -> bool:
    """Say whether a region that was to be filled shows anything but black."""
    height, width = luma.shape
    inside = clipped(box, width, height)
    if inside is None:
        return False
    e = _EDGE_PIXELS
    part = luma[inside.y + e : inside.bottom - e, inside.x + e : inside.right - e]
    if not part.size:
        return False
    off = np.abs(part.astype(np.int16) - black) > _LEVELS_OFF_MAX
    return float(off.mean()) > _SHARE_OFF_MAX


def not_flat_outside(luma: Luma, boxes: Sequence[Box]) -> bool:
    """Say whether a picture shows anything but black outside `boxes`."""
    off = luma.astype(np.int16) > _LEVELS_OFF_MAX
    e = _EDGE_PIXELS
    for box in boxes:
        off[max(0, box.y - e) : box.bottom + e, max(0, box.x - e) : box.right + e] = False
    return float(off.mean()) > _SHARE_OFF_MAX


def flat_share(luma: Luma, box: Box, black: int) -> float:
    """Return which share of a region is black."""
    height, width = luma.shape
    inside = clipped(box, width, height)
    if inside is None:
        return 1.0
    part = luma[inside.y : inside.bottom, inside.x : inside.right].astype(np.int16)
    return float((np.abs(part - black) <= _LEVELS_OFF_MAX).mean())


def fine_likeness(original: Luma, finished: Luma, box: Box) -> float:
    """Return in which share of a region's telling cells edges run as in the original, 0 to 1.

    Gradients are compared after a light smoothing, so that the codec's noise does not count as structure.
    """
    a, b = _crop(original, box), _crop(finished, box)
    if a is None or b is None:
        return 0.0
    # Only detail finer than the broad light and dark that every mosaic keeps, which coarse_likeness is for.
    ax, ay = _gradients(_detail(a))
    bx, by = _gradients(_detail(b))
    strong = np.hypot(ax, ay)
    same = ax * bx + ay * by
    both = strong * np.hypot(bx, by)
    leaking = telling = 0
    rows = np.array_split(np.arange(a.shape[0] - 2), _CELLS)
    columns = np.array_split(np.arange(a.shape[1] - 2), _CELLS)
    for row in rows:
        for column in columns:
            if not len(row) or not len(column):
                continue
            cell = (slice(row[0], row[-1] + 1), slice(column[0], column[-1] + 1))
            energy = float((strong[cell] ** 2).sum())
            if energy < _TELLING_GRADIENT**2 * strong[cell].size / 4:
                continue
            telling += 1
            shared, size = float(same[cell].sum()), float(both[cell].sum())
            leaking += size > 0 and shared / size >= _AGREEMENT and shared / energy >= _STRENGTH
    return leaking / telling if telling else 0.0


def coarse_likeness(original: Luma, finished: Luma, box: Box) -> float:
    """Return how alike light and dark lie in 8 × 8 fields, 0 if the finished region is even."""
    a, b = _crop(original, box), _crop(finished, box)
    if a is None or b is None:
        return 0.0
    a, b = _fields(a), _fields(b)
    a, b = a - a.mean(), b - b.mean()
    if b.std() < _COARSE_LEVELS or a.std() < 1e-6:
        return 0.0
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def leaks_fine(likeness: float) -> bool:
    """Say whether so much fine likeness is a leak."""
    return likeness > _CELLS_LEAKING_MAX


def leaks_coarse(likeness: float) -> bool:
    """Say whether so much coarse likeness is a leak."""
    return likeness > _COARSE_AGREEMENT


def hit(time: int, seconds: float, box: Box, what: str) -> Hit:
    """Return the hit for a region at a time; hiding that region again is what would cure it."""
    return Hit(
        CHECK, f"at {seconds:.3f} s the region {box.x},{box.y},{box.w},{box.h} {what}", time, {time: box}
    )


def _crop(luma: Luma, box: Box) -> NDArray[np.float32] | None:
    height, width = luma.shape
    inside = clipped(box, width, height)
    if inside is None or inside.w < 12 or inside.h < 12:
        return None
    part = luma[inside.y : inside.bottom, inside.x : inside.right].astype(np.float32)
    smooth: NDArray[np.float32] = (
        part[:-1, :-1] + part[1:, :-1] + part[:-1, 1:] + part[1:, 1:]
    ) / np.float32(4)
    return smooth


def _detail(a: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what is left once the mean over an eighth of the region around each pixel is taken off."""
    half = max(1, min(a.shape) // _DETAIL // 2)
    window = 2 * half + 1
    padded = np.pad(a, half, mode="edge").astype(np.float64)
    sums = np.pad(padded.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    total = (
        sums[window:, window:] - sums[:-window, window:] - sums[window:, :-window] + sums[:-window, :-window]
    )
    detail: NDArray[np.float32] = (a - total / window**2).astype(np.float32)
    return detail


def _gradients(a: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return a[1:-1, 2:] - a[1:-1, :-2], a[2:, 1:-1] - a[:-2, 1:-1]


def _fields(a: NDArray[np.float32]) -> NDArray[np.float32]:
    rows = [part.mean(axis=0) for part in np.array_split(a, _COARSE, axis=0)]
    columns = [part.mean(axis=1) for part in np.array_split(np.stack(rows), _COARSE, axis=1)]
    return np.stack(columns)
