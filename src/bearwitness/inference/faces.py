"""Faces in pictures, by CenterFace at several scales.

Recall comes of the union: native size finds blurred and dark faces, twice the size finds small ones, a
picture made small those that fill it, which the network does not know at their size, and a picture turned
left and right those of people who lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bearwitness.errors import ChildFailedError
from bearwitness_verify.canonical import Json

from .worker import InferenceWorker

MODEL: Final = "centerface"
THRESHOLD: Final = 0.2
SCALES: Final = (1.0, 2.0)
_COLUMNS: Final = 15
_BATCH_BYTES: Final = 64 << 20
_ROUGH_SIDES: Final = (640, 320, 224)  # longest sides, in pixels, in which large faces are looked for
_ROUGH_MOST: Final = 0.6  # of the side that the other scales begin with: what is nearer shows nothing else
_ROUGH_LEAST: Final = 28  # pixels of a face as the network is shown it there: others see smaller ones better
_TURNED_SCALE: Final = 0.5  # of the smaller of the other scales
_TURNED_LEAST: Final = 14
_SURE: Final = 0.35  # what is seen less surely in a small or turned picture is nothing
_OVERLAP_MAX: Final = 0.3  # shared area over the area of both: beyond it two boxes are one face
AREA_MAX: Final = 4_200_000  # pixels of a picture times the square of the scale: what fits into memory


@dataclass(frozen=True)
class FaceBox:
    """A face from brow to chin in pixels of its picture.

    `landmarks`: eyes, nose, corners of the mouth, the left in the picture first.
    """

    x: float
    y: float
    w: float
    h: float
    score: float
    landmarks: tuple[tuple[float, float], ...]


class View(NamedTuple):
    """How a picture is shown to the network: how much enlarged, left and right swapped, then turned.

    `turned`: so many quarters against the clock.
    """

    scale: float
    mirrored: bool = False
    turned: int = 0


class Sought(NamedTuple):
    """A view for faces that others miss, and how many pixels they have in it at `least`."""

    view: View
    least: int

    def tells(self, face: FaceBox) -> bool:
        """Say whether a face seen in it is sure, and large enough to be its to tell."""
        return counts(face, self.view.scale, self.least)


class Faces:
    """Finds faces with a worker that has the model "centerface"."""

    def __init__(self, worker: InferenceWorker) -> None:
        self._worker = worker

    def look(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        views: Sequence[View],
        threshold: float = THRESHOLD,
    ) -> list[list[list[FaceBox]]]:
        """Return for each view what :meth:`detect` returns for one scale.

        Boxes are those of the pictures as they are, landmarks of a mirrored view change sides with them. All
        views share one way to the worker.
        """
        _require_small(pictures, [view.scale for view in views])
        found: list[list[list[FaceBox]]] = [[] for _ in views]
        for batch in batches(pictures):
            listed: list[Json] = [
                {"mirrored": view.mirrored, "scale": repr(float(view.scale)), "turned": str(view.turned)}
                for view in views
            ]
            head: dict[str, Json] = {"threshold": repr(float(threshold)), "views": listed}
            rows = self._worker.compute("faces by view", head, batch)
            if [row.shape[1:] for row in rows] != [(_COLUMNS,)] * (len(batch) * len(views)):
                raise ChildFailedError("the worker for faces answered for other pictures than it was given")
            for number, boxes in enumerate(found):
                boxes += [_boxes(row) for row in rows[number * len(batch) : (number + 1) * len(batch)]]
        return found

    def detect(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        scales: Sequence[float] = SCALES,
        threshold: float = THRESHOLD,
    ) -> list[list[FaceBox]]:
        """Return for each picture (height × width × BGR) its faces by falling score, overlaps removed.

        Each scale sees the picture enlarged or reduced so much; time grows with the square, up to
        AREA_MAX. Raises ChildFailedError if the worker fails: then nothing is known of any of the pictures.
        """
        _require_small(pictures, scales)
        found: list[list[FaceBox]] = []
        for batch in batches(pictures):
            listed: list[Json] = [repr(float(scale)) for scale in scales]
            head: dict[str, Json] = {"scales": listed, "threshold": repr(float(threshold))}
            rows = self._worker.compute("faces", head, batch)
            if [row.shape[1:] for row in rows] != [(_COLUMNS,)] * len(batch):
                raise ChildFailedError("the worker for faces answered for other pictures than it was given")
            found += [_boxes(row) for row in rows]
        return found


def fitting_scales(width: int, height: int) -> tuple[float, float]:
    """Return native size and twice, both halved until the larger is within what the network is given.

    A large picture needs no enlarging for a face of the smallest size that counts.
    """
    base = 1.0
    while width * height * (2 * base) ** 2 > AREA_MAX:
        base /= 2
    return base, 2 * base


def views_of_large(width: int, height: int, *, mirrored: bool = False) -> tuple[Sought, ...]:
    """Return the views in which faces are looked for that fill the picture, none for a small picture.

    A face of 300 pixels and more is often missed at native size, at the edge of the picture or in bad light.
    """
    longest, base = max(width, height), fitting_scales(width, height)[0]
    sides = (side for side in _ROUGH_SIDES if side <= _ROUGH_MOST * longest * base)
    return tuple(Sought(View(round(side / longest, 4), mirrored), _ROUGH_LEAST) for side in sides)


def views_of_lying(width: int, height: int) -> tuple[Sought, ...]:
    """Return the views, turned left and right, in which faces are looked for of people who lie.

    In one picture alone what is seen there is often nothing.
    """
    scale = _TURNED_SCALE * fitting_scales(width, height)[0]
    return tuple(Sought(View(scale, turned=way), _TURNED_LEAST) for way in (1, 3))


def counts(face: FaceBox, scale: float, least: int) -> bool:
    """Say whether what was found in a small or turned picture is sure, and at least so many pixels there."""
    return face.score >= _SURE and min(face.w, face.h) * scale >= least


def joined(some: Sequence[FaceBox], others: Sequence[FaceBox]) -> list[FaceBox]:
    """Return the faces of both by falling score, none that overlaps a surer one."""
    kept: list[FaceBox] = []
    for face in sorted([*some, *others], key=lambda each: -each.score):
        if all(_overlap(face, other) < _OVERLAP_MAX for other in kept):
            kept.append(face)
    return kept


def _overlap(one: FaceBox, other: FaceBox) -> float:
    wide = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
    high = min(one.y + one.h, other.y + other.h) - max(one.y, other.y)
    shared = max(0.0, wide) * max(0.0, high)
    return shared / max(1e-9, one.w * one.h + other.w * other.h - shared)


def _require_small(pictures: Sequence[NDArray[np.uint8]], scales: Sequence[float]) -> None:
    largest = max((picture.shape[0] * picture.shape[1] for picture in pictures), default=0)
    if not scales or largest * max(scales) ** 2 > AREA_MAX or min(scales) <= 0:
        raise ValueError("faces are looked for in at most 4.2 million pixels: scale the pictures down")


def batches(pictures: Sequence[NDArray[np.uint8]]) -> list[list[NDArray[np.uint8]]]:
    """Return the pictures in order, in lists of bounded size; raise ValueError for what is no picture."""
    out: list[list[NDArray[np.uint8]]] = []
    left = 0
    for picture in pictures:
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
            raise ValueError("a picture is height × width × 3 bytes")
        if picture.nbytes > left:
            out.append([])
            left = _BATCH_BYTES
        out[-1].append(picture)
        left -= picture.nbytes
    return out


def _boxes(rows: NDArray[np.float32]) -> list[FaceBox]:
    boxes = []
    for x, y, w, h, score, *marks in rows.tolist():
        boxes.append(FaceBox(x, y, w, h, score, tuple(zip(marks[::2], marks[1::2], strict=True))))
    return boxes
