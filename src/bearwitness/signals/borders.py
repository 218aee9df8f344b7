"""Where the picture is inside a frame with black bars or another flat margin around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bearwitness.signals.arrays import Grey, medians

_FLAT = 6.0  # a bar's brightness wavers less than this (standard deviation), encoder noise included
_STEP = 8
_MOST = 0.45  # of a side: a frame that is all bar has no picture to find


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels: left and top inside, right and bottom outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        """Pixels inside."""
        return max(0, self.right - self.left) * max(0, self.bottom - self.top)


def content_box(grey: Grey) -> Box:
    """Return the part of the frame inside flat margins; the whole frame if it has none, or is flat
    all over.
    """
    rows, columns = grey.shape
    top = _margin(grey)
    bottom = _margin(grey[::-1])
    left = _margin(grey.T)
    right = _margin(grey.T[::-1])
    return Box(left, top, columns - right, rows - bottom)


def _margin(lines: Grey) -> int:
    """Count the leading lines that are flat and of one brightness; 0 if they go on past `_MOST`."""
    limit = int(len(lines) * _MOST)
    level = float("nan")
    for start in range(0, limit + 1, _STEP):  # most frames have no bars: a few lines tell
        head = lines[start : min(start + _STEP, limit + 1)]
        flat = head.astype(np.float32).std(axis=1) < _FLAT
        if not flat[0]:
            return start
        middles = medians(head)
        level = level if start else float(middles[0])
        flat &= np.abs(middles - level) < _FLAT
        if not flat.all():
            return start + int(np.argmin(flat))
    return 0
