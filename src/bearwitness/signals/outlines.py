"""How the outlines of two related pictures differ: cropped, given bars, set into another picture."""

from __future__ import annotations

import numpy as np

from bearwitness.signals.geometry import Placement, Quad, box_placement
from bearwitness.signals.sketch import ALL, Sketch

_WHOLE: Quad = (0.0, 0.0, 1.0, 1.0)
_SMOOTH = 0.35  # roughness of a blurred surround against that of the picture set into it
_EDGE = 3  # cells of a thumb on both sides of an outline that are not looked at


def outline(a: Sketch, b: Sketch, placement: Placement) -> tuple[set[str], str | None]:
    """Return what was done, of cropped, letterboxed and inset; and to which of the two (None: both, or
    neither).

    placement: of A in B.
    """
    back = placement.inverse()
    a_bars, b_bars = _bars(a, back), _bars(b, placement)
    a_seen, b_covered = _between(placement, a_bars or _WHOLE, b_bars or _WHOLE).covers()
    if a_seen < ALL <= b_covered and _smooth_around(a, back, a_bars or _WHOLE):
        return {"inset"}, "a"
    if b_covered < ALL <= a_seen and _smooth_around(b, placement, b_bars or _WHOLE):
        return {"inset"}, "b"
    traits: set[str] = set()
    changed: set[str] = set()
    if (a_bars is None) != (b_bars is None):
        traits.add("letterboxed")
        changed.add("b" if b_bars else "a")
    if a_seen < ALL:
        traits.add("cropped")
        changed.add("b")
    if b_covered < ALL:
        traits.add("cropped")
        changed.add("a")
    return traits, changed.pop() if len(changed) == 1 else None


def _between(placement: Placement, a_box: Quad, b_box: Quad) -> Placement:
    """Return the placement of the picture in A's box in the picture in B's box."""
    outward, inward = box_placement(_WHOLE, a_box, 0), box_placement(b_box, _WHOLE, 0)
    return inward.after(placement.after(outward))


def _extent(placement: Placement) -> tuple[float, float, float, float]:
    corners = placement.apply(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    left, top = corners.min(axis=0)
    right, bottom = corners.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _bars(sketch: Sketch, placement: Placement) -> Quad | None:
    """Return the picture inside flat bars that most frames share, None where there are none.

    placement: of the other picture in this one. Where that reaches into the bars they are no bars, but a dark
    side of the scene.
    """
    left, top, right, bottom = sketch.picture
    if sketch.picture == _WHOLE:
        return None
    other = _extent(placement)
    inside = min(other[0] - left, other[1] - top, right - other[2], bottom - other[3]) > -0.02
    return (left, top, right, bottom) if inside else None


def _smooth_around(outer: Sketch, placement: Placement, box: Quad) -> bool:
    """Whether what surrounds the placed picture, within a box, is blurred: a made-up background, not more
    scene.
    """
    left, top, right, bottom = _extent(placement)
    inside, outside = [], []
    for frame in outer.frames[:: max(1, len(outer.frames) // 8)]:
        grey = frame.thumb.astype(np.float32)
        rough = np.abs(np.diff(grey, axis=0))[:, :-1] + np.abs(np.diff(grey, axis=1))[:-1]
        rows, columns = grey.shape
        y, x = np.indices(rough.shape)
        within = (x > left * columns + _EDGE) & (x < right * columns - _EDGE)
        within &= (y > top * rows + _EDGE) & (y < bottom * rows - _EDGE)
        beyond = (x < left * columns - _EDGE) | (x > right * columns + _EDGE)
        beyond |= (y < top * rows - _EDGE) | (y > bottom * rows + _EDGE)
        beyond &= (x > box[0] * columns) & (x < box[2] * columns - 1)
        beyond &= (y > box[1] * rows) & (y < box[3] * rows - 1)
        if within.any() and beyond.any():
            inside.append(float(rough[within].mean()))
            outside.append(float(rough[beyond].mean()))
    return bool(inside) and float(np.mean(outside)) < _SMOOTH * float(np.mean(inside))
