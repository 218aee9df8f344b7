"""Boxes on a picture, in whole pixels of the picture as it is shown upright. Pure arithmetic.

Pictures may be stored lying on their side; :func:`turned` and :func:`turned_back` go between the two.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """A rectangle: left, top, width, height; at least one pixel each way."""

    x: int
    y: int
    w: int
    h: int

    @property
    def right(self) -> int:
        """The first column beyond it."""
        return self.x + self.w

    @property
    def bottom(self) -> int:
        """The first row beyond it."""
        return self.y + self.h

    @property
    def area(self) -> int:
        """How many pixels it covers."""
        return self.w * self.h


def enclosing(x: float, y: float, w: float, h: float) -> Box:
    """Return the smallest box of whole pixels around a rectangle given in fractions of pixels."""
    left, top = math.floor(x), math.floor(y)
    return Box(left, top, max(1, math.ceil(x + w) - left), max(1, math.ceil(y + h) - top))


def grown(box: Box, factor: float) -> Box:
    """Return `box` `factor` times as wide and as high around its middle."""
    more_w, more_h = box.w * (factor - 1) / 2, box.h * (factor - 1) / 2
    return enclosing(box.x - more_w, box.y - more_h, box.w + 2 * more_w, box.h + 2 * more_h)


def centred(box: Box, w: float, h: float) -> Box:
    """Return a box of this width and height around the middle of `box`, rounded outwards."""
    return enclosing(box.x + (box.w - w) / 2, box.y + (box.h - h) / 2, w, h)


def clipped(box: Box, width: int, height: int) -> Box | None:
    """Return the part of `box` that lies on a picture, None if nothing does."""
    left, top = max(0, box.x), max(0, box.y)
    right, bottom = min(width, box.right), min(height, box.bottom)
    return Box(left, top, right - left, bottom - top) if left < right and top < bottom else None


def common(a: Box, b: Box) -> int:
    """Return how many pixels two boxes share."""
    w = min(a.right, b.right) - max(a.x, b.x)
    h = min(a.bottom, b.bottom) - max(a.y, b.y)
    return w * h if w > 0 and h > 0 else 0


def overlap(a: Box, b: Box) -> float:
    """Return what two boxes share over what they cover together, 0 to 1."""
    shared = common(a, b)
    return shared / (a.area + b.area - shared)


def covered(box: Box, by: Iterable[Box]) -> float:
    """Return the largest share of `box` that lies under a single one of the boxes `by`."""
    return max((common(box, other) / box.area for other in by), default=0.0)


def around(a: Box, b: Box) -> Box:
    """Return the smallest box that holds both."""
    left, top = min(a.x, b.x), min(a.y, b.y)
    return Box(left, top, max(a.right, b.right) - left, max(a.bottom, b.bottom) - top)


def between(a: Box, b: Box, share: float) -> Box:
    """Return the box `share` of the way from `a` to `b`, rounded outwards."""

    def mix(first: float, second: float) -> float:
        return first + (second - first) * share

    return enclosing(mix(a.x, b.x), mix(a.y, b.y), mix(a.w, b.w), mix(a.h, b.h))


def turned(box: Box, quarter_turns: int, width: int, height: int) -> Box:
    """Return `box` on a stored picture of `width` × `height` as it lies once that is turned clockwise."""
    for _ in range(quarter_turns % 4):
        box = Box(height - box.bottom, box.x, box.h, box.w)
        width, height = height, width
    return box


def turned_back(box: Box, quarter_turns: int, width: int, height: int) -> Box:
    """Return `box` on the upright picture as it lies on the stored one of `width` × `height`."""
    if quarter_turns % 2:
        width, height = height, width
    return turned(box, -quarter_turns % 4, width, height)
