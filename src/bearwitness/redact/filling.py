"""Covering regions of a picture held as I420: luma over the two quarter-size chroma planes, bytes 0 to 255.

Solid is the default, and the only fill that keeps nothing. Mosaic and blur are for when people insist: faces
under them have been recognised by machines again and again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .geometry import Box, clipped

Plane: TypeAlias = NDArray[np.uint8]

BLACK: Final = 16
BLACK_FULL: Final = 0
GREY: Final = 128
_MOSAIC_BLOCKS: Final = 5  # across the shorter side: faces of 7 × 8 blocks have been recognised
_BLUR_SHARE: Final = 2  # the window of the blur is the shorter side over this


def planes(picture: Plane) -> tuple[Plane, Plane, Plane]:
    """Return luma and both chroma planes of an I420 picture (height × 3/2 rows), as views."""
    rows, width = picture.shape
    height = rows * 2 // 3
    luma = picture[:height]
    chroma = picture[height:].reshape(2, height // 2, width // 2)
    return luma, chroma[0], chroma[1]


def even(box: Box, width: int, height: int) -> Box | None:
    """Return the smallest box with even edges around the part of `box` that is on the picture."""
    inside = clipped(box, width, height)
    if inside is None:
        return None
    x, y = inside.x & ~1, inside.y & ~1
    return Box(x, y, min(width, inside.right + 1 & ~1) - x, min(height, inside.bottom + 1 & ~1) - y)


def cover(picture: Plane, boxes: Iterable[Box], fill: str, *, full_range: bool = False) -> None:
    """Cover `boxes` (stored coordinates) of a writable I420 `picture` in place."""
    y, u, v = planes(picture)
    height, width = y.shape
    black = BLACK_FULL if full_range else BLACK
    for box in boxes:
        area = even(box, width, height)
        if area is None:
            continue
        luma = (slice(area.y, area.bottom), slice(area.x, area.right))
        chroma = (slice(area.y // 2, area.bottom // 2), slice(area.x // 2, area.right // 2))
        for plane, part, value in ((y, luma, black), (u, chroma, GREY), (v, chroma, GREY)):
            plane[part] = value if fill == "solid" else _obscured(plane[part], fill)


def cover_all_but(picture: Plane, boxes: Iterable[Box], *, full_range: bool = False) -> None:
    """Cover everything outside `boxes` in place; edges are rounded inwards."""
    kept = picture.copy()
    y, u, v = planes(picture)
    height, width = y.shape
    y[:], u[:], v[:] = (BLACK_FULL if full_range else BLACK), GREY, GREY
    old = planes(kept)
    for box in boxes:
        inside = clipped(box, width, height)
        if inside is None:
            continue
        x0, y0, x1, y1 = inside.x + 1 & ~1, inside.y + 1 & ~1, inside.right & ~1, inside.bottom & ~1
        if x0 < x1 and y0 < y1:
            y[y0:y1, x0:x1] = old[0][y0:y1, x0:x1]
            half = (slice(y0 // 2, y1 // 2), slice(x0 // 2, x1 // 2))
            u[half], v[half] = old[1][half], old[2][half]


def _obscured(part: Plane, fill: str) -> Plane:
    return _mosaic(part) if fill == "mosaic" else _blur(part)


def _mosaic(part: Plane) -> Plane:
    height, width = part.shape
    block = max(1, -(-min(height, width) // _MOSAIC_BLOCKS))
    out = part.copy()
    for top in range(0, height, block):
        for left in range(0, width, block):
            tile = (slice(top, top + block), slice(left, left + block))
            out[tile] = round(float(part[tile].mean()))
    return out


def _blur(part: Plane) -> Plane:
    """Return the mean over a window, three times: close to a Gaussian."""
    window = max(3, min(part.shape) // _BLUR_SHARE) | 1
    values = part.astype(np.float32)
    for _ in range(3):
        for axis in (0, 1):
            values = _means(values, window, axis)
    return values.round().clip(0, 255).astype(np.uint8)


def _means(values: NDArray[np.float32], window: int, axis: int) -> NDArray[np.float32]:
    half = window // 2
    pad = [(0, 0), (0, 0)]
    pad[axis] = (half + 1, half)
    sums = np.cumsum(np.pad(values, pad, mode="edge"), axis=axis, dtype=np.float64)
    size = values.shape[axis]
    late = np.take(sums, range(window, window + size), axis=axis)
    early = np.take(sums, range(size), axis=axis)
    return ((late - early) / window).astype(np.float32)


def grid(box: Box, width: int, height: int) -> Box | None:
    """Return the smallest box on JPEG's grid of 8 pixels around the part of `box` that is on the picture.

    A block that is covered in part would carry waves of what lies beside the fill into it.
    """
    inside = clipped(box, width, height)
    if inside is None:
        return None
    x, y = inside.x & ~7, inside.y & ~7
    return Box(x, y, min(width, inside.right + 7 & ~7) - x, min(height, inside.bottom + 7 & ~7) - y)


def grid_inside(box: Box, width: int, height: int) -> Box | None:
    """Return the largest box on JPEG's grid within `box`, the picture's edges aside; None if none is."""
    inside = clipped(box, width, height)
    if inside is None:
        return None
    x, y = inside.x + 7 & ~7, inside.y + 7 & ~7
    right = inside.right if inside.right == width else inside.right & ~7
    bottom = inside.bottom if inside.bottom == height else inside.bottom & ~7
    return Box(x, y, right - x, bottom - y) if x < right and y < bottom else None
