"""CenterFace: faces as points of a heat map, with size, offset and five landmarks (arXiv:1911.03599)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from .networks import Network, Preparation
from .overlap import keep_best

_STEP: Final = 32  # the network wants sides that are multiples of it
_STRIDE: Final = 4  # one point of the heat map for so many pixels
_OVERLAP_MAX: Final = 0.3
_CANDIDATES_MAX: Final = 5_000  # a picture made of faces has fewer
COLUMNS: Final = 15  # x, y, width, height, score, five landmarks as x, y

_HOW: Final = Preparation("NCHW", ov.Type.f32, rgb=True)

Rows = NDArray[np.float32]


def detect(
    network: Network, pictures: list[NDArray[np.uint8]], scales: list[float], threshold: float
) -> list[Rows]:
    """Return for each picture rows of COLUMNS numbers in its pixels, the union over `scales`."""
    found: list[list[Rows]] = [[] for _ in pictures]
    for scale in scales:
        for size in dict.fromkeys(picture.shape[:2] for picture in pictures):
            chosen = [number for number, picture in enumerate(pictures) if picture.shape[:2] == size]
            wanted = _rounded(size, scale)
            compiled = network.for_pictures((size[0], size[1]), wanted, _HOW)
            outputs = compiled.each([pictures[number][None]] for number in chosen)
            for number, (heat, sizes, offsets, marks) in zip(chosen, outputs, strict=True):
                rows = _decode(heat[0, 0], sizes[0], offsets[0], marks[0], threshold)
                rows[:, [0, 2, 5, 7, 9, 11, 13]] *= size[1] / wanted[1]
                rows[:, [1, 3, 6, 8, 10, 12, 14]] *= size[0] / wanted[0]
                found[number].append(rows)
    return [
        _clipped(keep_best(np.concatenate(rows), _OVERLAP_MAX), picture.shape[1], picture.shape[0])
        for rows, picture in zip(found, pictures, strict=True)
    ]


def mirrored(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture with left and right swapped; plane by plane, which is seven times as fast."""
    out = np.empty_like(picture)
    for colour in range(picture.shape[2]):
        out[:, :, colour] = picture[:, ::-1, colour]
    return out


def mirrored_back(rows: Rows, width: int) -> Rows:
    """Return the rows found in a mirrored picture in pixels of the picture itself."""
    out = rows.copy()
    out[:, 0] = width - rows[:, 0] - rows[:, 2]
    for new, old in enumerate((1, 0, 2, 4, 3)):  # the left eye is the right one now
        out[:, 5 + 2 * new], out[:, 6 + 2 * new] = width - rows[:, 5 + 2 * old], rows[:, 6 + 2 * old]
    return out


def turned(picture: NDArray[np.uint8], quarters: int) -> NDArray[np.uint8]:
    """Return a picture turned so many quarters against the clock."""
    return np.ascontiguousarray(np.rot90(picture, quarters))


def turned_back(rows: Rows, quarters: int, shape: tuple[int, ...]) -> Rows:
    """Return the rows found in a turned picture in pixels of the picture itself, which has this shape."""
    out = rows
    for done in range(quarters):
        # One quarter with the clock, out of a picture that is so high.
        high = shape[1] if (quarters - done) % 2 else shape[0]
        before, out = out, out.copy()
        out[:, 0], out[:, 1] = high - before[:, 1] - before[:, 3], before[:, 0]
        out[:, 2], out[:, 3] = before[:, 3], before[:, 2]
        for point in range(5, COLUMNS, 2):
            out[:, point], out[:, point + 1] = high - before[:, point + 1], before[:, point]
    return out


def _rounded(size: tuple[int, ...], scale: float) -> tuple[int, int]:
    height, width = (max(_STEP, int(np.ceil(side * scale / _STEP)) * _STEP) for side in size)
    return height, width


def _decode(heat: Rows, sizes: Rows, offsets: Rows, marks: Rows, threshold: float) -> Rows:
    ys, xs = np.nonzero(heat > threshold)
    scores = heat[ys, xs]
    if len(scores) > _CANDIDATES_MAX:
        best = np.argpartition(-scores, _CANDIDATES_MAX)[:_CANDIDATES_MAX]
        ys, xs, scores = ys[best], xs[best], scores[best]
    height, width = (np.exp(np.minimum(sizes[axis, ys, xs], 8)) * _STRIDE for axis in (0, 1))
    top = (ys + offsets[0, ys, xs] + 0.5) * _STRIDE - height / 2
    left = (xs + offsets[1, ys, xs] + 0.5) * _STRIDE - width / 2
    rows: NDArray[Any] = np.empty((len(scores), COLUMNS), np.float32)
    rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3], rows[:, 4] = left, top, width, height, scores
    for point in range(5):
        rows[:, 5 + 2 * point] = marks[2 * point + 1, ys, xs] * width + left
        rows[:, 6 + 2 * point] = marks[2 * point, ys, xs] * height + top
    return rows


def _clipped(rows: Rows, width: int, height: int) -> Rows:
    """Return the rows with the boxes inside the picture, those outside dropped."""
    out = rows.copy()
    right, bottom = np.minimum(rows[:, 0] + rows[:, 2], width), np.minimum(rows[:, 1] + rows[:, 3], height)
    out[:, 0], out[:, 1] = np.maximum(rows[:, 0], 0), np.maximum(rows[:, 1], 0)
    out[:, 2], out[:, 3] = right - out[:, 0], bottom - out[:, 1]
    inside: Rows = out[(out[:, 2] > 0) & (out[:, 3] > 0)]
    return inside
