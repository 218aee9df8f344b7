"""A mark for one recipient: a faint pattern of light and dark in every picture, drawn from a secret key.

Spread spectrum after I. J. Cox, J. Kilian, F. T. Leighton and T. Shamoon, "Secure spread spectrum
watermarking for multimedia", IEEE Transactions on Image Processing 6(12), 1997: independent normal numbers
in the low frequencies, which no encoder can drop without the picture, far below what is seen. They lie on a
coarse grid over the picture, another for each second, one fading into the next. Who does not have the key
can not tell the pattern from noise. :mod:`.mark_search` finds it again.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import shake_256
from math import cos, floor, pi, sin
from statistics import NormalDist
from typing import Final

import numpy as np

from .arrays import Floats, Grey

ROWS: Final = 18
COLUMNS: Final = 32
KEY_BYTES: Final = 32
WINDOW_SECONDS: Final = 1.0
STRENGTH: Final = 1.2
"""By how much of 255 luma changes, as the root of the mean square."""
MOST: Final = 6
"""By how much of 255 it changes at most."""
_BETWEEN: Final = 1.5  # between the points of the grid a sum of independent numbers is smaller by this
_PEAK: Final = MOST - 0.5  # before rounding
_LEVELS: Final = 256
_NORMAL: Final = np.array(
    [NormalDist().inv_cdf((level + 0.5) / _LEVELS) for level in range(_LEVELS)], dtype=np.float32
)

VARIANCE: Final = float(np.mean(np.square(_NORMAL)))
"""Of the numbers of a pattern."""


@lru_cache(maxsize=4096)
def pattern(key: bytes, window: int) -> Floats:
    """Return the numbers of a window of `WINDOW_SECONDS`: (ROWS, COLUMNS), normal, of variance 1.

    `key` has KEY_BYTES; ValueError for one that has not.
    """
    if len(key) != KEY_BYTES:
        raise ValueError("the key of a mark has 32 bytes")
    drawn = shake_256(key + window.to_bytes(8, "big", signed=True)).digest(ROWS * COLUMNS)
    numbers: Floats = _NORMAL[np.frombuffer(drawn, np.uint8)].reshape(ROWS, COLUMNS)
    numbers.flags.writeable = False  # it is kept
    return numbers


def weights(seconds: float) -> tuple[int, float, float]:
    """Return the window at a time since the first picture, how much of it counts, and of the next one."""
    window = floor(seconds / WINDOW_SECONDS)
    phase = (seconds / WINDOW_SECONDS - window) * pi / 2
    return window, cos(phase), sin(phase)


def at_time(key: bytes, seconds: float) -> Floats:
    """Return the grid at a time since the first picture: (ROWS, COLUMNS)."""
    window, now, then = weights(seconds)
    grid: Floats = np.float32(now) * pattern(key, window) + np.float32(then) * pattern(key, window + 1)
    return grid


@lru_cache(maxsize=64)
def spread(cells: int, size: int, begin: float = 0.0, length: float = 1.0) -> Floats:
    """Return (size, cells): `size` pixels between `cells` points, the two nearest of which count for each.

    The pixels cover the part of the picture that begins at `begin` and is `length` long, in shares of it.
    """
    places = (begin + (np.arange(size) + 0.5) / size * length) * cells - 0.5
    places = np.clip(places, 0, cells - 1)
    low = np.minimum(np.floor(places).astype(int), cells - 2)
    share = places - low
    found = np.zeros((size, cells), np.float32)
    found[np.arange(size), low] = 1 - share
    found[np.arange(size), low + 1] = share
    return found


def put(luma: Grey, grid: Floats, *, full_range: bool = False) -> None:
    """Add a grid to a writable luma plane (height, width) in place."""
    height, width = luma.shape
    low, high = (0, 255) if full_range else (16, 235)
    mark = spread(ROWS, height) @ (grid * np.float32(STRENGTH * _BETWEEN)) @ spread(COLUMNS, width).T
    np.clip(mark, -_PEAK, _PEAK, out=mark)
    mark += luma
    mark += np.float32(0.5)
    # What was darker or brighter than the range allows stays as it was.
    luma[:] = np.clip(mark, np.minimum(luma, low), np.maximum(luma, high)).astype(np.uint8)
