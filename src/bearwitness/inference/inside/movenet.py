"""MoveNet multipose: up to six persons a pass, each with seventeen key points; crowds are seen in tiles."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from .networks import Network, Preparation
from .overlap import keep_best

_STEP: Final = 32
_HOW: Final = Preparation("NHWC", ov.Type.i32, rgb=True)
_PERSONS_MAX: Final = 6  # of one pass; that many found means that there may be more
_TILES: Final = 2  # by as many; each a little more than its share, so that nobody stands on every seam
_TILE_OVERLAP: Final = 0.2
_OVERLAP_MAX: Final = 0.5
_POINTS: Final = 17
COLUMNS: Final = 5 + 3 * _POINTS  # x, y, width, height, score, then x, y, score of each point

Rows = NDArray[np.float32]
Pixels = NDArray[np.uint8]


def detect(
    network: Network, pictures: list[Pixels], side: int, threshold: float, *, tiles: bool
) -> list[Rows]:
    """Return for each picture rows of COLUMNS numbers in its pixels; `side` is the longest the network sees.

    With `tiles` every picture is looked at in tiles as well, else those with as many persons as fit a pass.
    """
    found = _pass(network, pictures, side, threshold)
    for number, picture in enumerate(pictures):
        if tiles or len(found[number]) >= _PERSONS_MAX:
            corners, parts = _tiles(picture)
            rows = _pass(network, parts, side, threshold)
            moved = [_moved(each, x, y) for each, (x, y) in zip(rows, corners, strict=True)]
            found[number] = keep_best(np.concatenate([found[number], *moved]), _OVERLAP_MAX)
    return found


def _pass(network: Network, pictures: list[Pixels], side: int, threshold: float) -> list[Rows]:
    found: list[Rows] = [np.empty((0, COLUMNS), np.float32)] * len(pictures)
    for size in dict.fromkeys(picture.shape[:2] for picture in pictures):
        chosen = [number for number, picture in enumerate(pictures) if picture.shape[:2] == size]
        compiled = network.for_pictures((size[0], size[1]), _input_size(size, side), _HOW)
        outputs = compiled.run([[pictures[number][None]] for number in chosen])
        for number, (persons,) in zip(chosen, outputs, strict=True):
            found[number] = _decode(persons[0], size, threshold)
    return found


def _input_size(size: tuple[int, ...], side: int) -> tuple[int, int]:
    height, width = (max(_STEP, round(part * side / max(size) / _STEP) * _STEP) for part in size)
    return height, width


def _decode(persons: NDArray[Any], size: tuple[int, ...], threshold: float) -> Rows:
    """Turn the network's rows (points as y, x, score, then y0, x0, y1, x1, score; 0 to 1) into ours."""
    persons = persons[persons[:, 55] > threshold]
    height, width = size
    rows = np.empty((len(persons), COLUMNS), np.float32)
    rows[:, 0], rows[:, 1] = persons[:, 52] * width, persons[:, 51] * height
    rows[:, 2] = (persons[:, 54] - persons[:, 52]) * width
    rows[:, 3] = (persons[:, 53] - persons[:, 51]) * height
    rows[:, 4] = persons[:, 55]
    points = persons[:, :51].reshape(-1, _POINTS, 3)
    out = np.stack([points[:, :, 1] * width, points[:, :, 0] * height, points[:, :, 2]], axis=2)
    rows[:, 5:] = out.reshape(-1, 3 * _POINTS)
    return keep_best(rows[(rows[:, 2] > 0) & (rows[:, 3] > 0)], _OVERLAP_MAX)


def _tiles(picture: Pixels) -> tuple[list[tuple[int, int]], list[Pixels]]:
    height, width = picture.shape[:2]
    tall, wide = (int(np.ceil(side * (1 + _TILE_OVERLAP) / _TILES)) for side in (height, width))
    corners = [
        ((width - wide) * column // (_TILES - 1), (height - tall) * row // (_TILES - 1))
        for row in range(_TILES)
        for column in range(_TILES)
    ]
    return corners, [picture[y : y + tall, x : x + wide] for x, y in corners]


def _moved(rows: Rows, x: int, y: int) -> Rows:
    out = rows.copy()
    out[:, 0] += x
    out[:, 1] += y
    out[:, 5::3] += x
    out[:, 6::3] += y
    return out
