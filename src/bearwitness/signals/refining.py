"""A placement made exact: found on frames a moment apart, it is off by what the camera moved in between."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bearwitness.signals.aligned import Aligned, block_likeness, lay
from bearwitness.signals.arrays import Grey, Ints
from bearwitness.signals.geometry import Placement, box_placement
from bearwitness.signals.sketch import Sketch

_SNAP = 0.06
_PAIRS = 5
_AROUND = 3
_SPREAD = 120
_WHOLE = (0.0, 0.0, 1.0, 1.0)


def refine(a: Sketch, b: Sketch, placement: Placement) -> Placement:
    """Return the placement under which the most alike frames are most alike.

    Tried: the placement itself, whole frame on whole frame and picture inside bars on picture inside bars
    where these are close to it, and the placement fitted anew on the thumbs of the frames that already fit
    best.
    """
    aligned = lay(a, b, placement)
    if aligned is None:
        return placement
    best = _best(aligned)
    pairs = [(int(i), int(aligned.likeness[i].argmax())) for i in best]
    near_a, near_b = _some(a, [i for i, _ in pairs]), _some(b, [j for _, j in pairs])
    tries = [placement, *near_boxes(a, b, placement)]
    for i, j in pairs:
        anew = fitted(a.frames[i].thumb, b.frames[j].thumb, placement)
        if anew is not None and anew.near(placement, 0.08):
            tries.append(anew)
    return max(tries, key=lambda each: _fit_quality(near_a, near_b, each))


def near_boxes(a: Sketch, b: Sketch, placement: Placement) -> list[Placement]:
    """Return what is near a placement of: whole frame, or picture inside bars, laid on one of the other."""
    boxes = [dict.fromkeys((_WHOLE, each.frames[len(each.frames) // 2].box)) for each in (a, b)]
    tries = [box_placement(left, right, turn) for turn in range(8) for left in boxes[0] for right in boxes[1]]
    return [each for each in tries if placement.near(each, _SNAP)]


def _best(aligned: Aligned) -> Ints:
    """Return the frames of A that are most like one of B."""
    nearest = aligned.likeness.max(axis=1)
    return np.argsort(-nearest)[: max(1, min(_PAIRS, len(nearest) // 4))].astype(np.int64)


def _some(sketch: Sketch, places: list[int]) -> Sketch:
    """Return the sketch of a share of the frames: those around some places, and _SPREAD over all of it.

    The rough placement of a camera that moves fits frames of a wrong time best, so these alone do not do.
    """
    kept = {place for middle in places for place in range(middle - _AROUND, middle + _AROUND + 1)}
    kept.update(np.linspace(0, len(sketch.frames) - 1, _SPREAD).astype(int).tolist())
    frames = tuple(sketch.frames[place] for place in sorted(kept) if 0 <= place < len(sketch.frames))
    return replace(sketch, frames=frames)


def _fit_quality(a: Sketch, b: Sketch, placement: Placement) -> float:
    """Judge block by block: a caption must not make a shifted placement look better than the true one."""
    aligned = lay(a, b, placement)
    if aligned is None:
        return -1.0
    fits = [
        block_likeness(aligned.a[i], aligned.b[int(aligned.likeness[i].argmax())], aligned.blocks)
        for i in _best(aligned)
    ]
    return float(np.mean(fits))


def quality(a: Sketch, b: Sketch, placement: Placement, i: Ints, j: Ints) -> float:
    """Judge as _fit_quality does, over pairs of frames that are known."""
    some = [replace(each, frames=tuple(each.frames[k] for k in at)) for each, at in ((a, i), (b, j))]
    aligned = lay(some[0], some[1], placement)
    if aligned is None:
        return -1.0
    return float(np.mean([block_likeness(aligned.a[k], aligned.b[k], aligned.blocks) for k in range(len(i))]))


def fitted(a: Grey, b: Grey, placement: Placement) -> Placement | None:
    """Return a placement near another that fits two thumbs best, by ECC (Evangelidis and Psarakis 2008); None
    where there is too little in them.
    """
    import cv2

    a_size, b_size = np.array(a.shape[::-1], float), np.array(b.shape[::-1], float)
    pixels = np.diag(b_size) @ np.array(placement.matrix) @ np.diag(1 / a_size)
    # A cell's middle is half a pixel from its corner; the map is kept in corners.
    half = np.full(2, 0.5)
    shift = b_size * np.array(placement.shift) + pixels @ half - half
    start = np.column_stack([pixels, shift]).astype(np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-4)
    everywhere = np.full(b.shape, 255, dtype=np.uint8)
    try:
        _, warp = cv2.findTransformECC(a, b, start, cv2.MOTION_AFFINE, stop, everywhere, 5)
    except cv2.error:  # it did not converge: the picture has too little in it
        return None
    matrix = np.diag(1 / b_size) @ warp[:, :2] @ np.diag(a_size)
    shift = (warp[:, 2] - warp[:, :2] @ half + half) / b_size
    return Placement(
        ((float(matrix[0, 0]), float(matrix[0, 1])), (float(matrix[1, 0]), float(matrix[1, 1]))),
        (float(shift[0]), float(shift[1])),
        placement.inliers,
    )
