"""Persons in pictures with their key points, by MoveNet multipose, and where their heads must be.

A second opinion to the face detector: a head turned away or in the dark still sits on shoulders.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bearwitness.errors import ChildFailedError
from bearwitness_verify.canonical import Json

from .faces import batches
from .worker import InferenceWorker

MODEL: Final = "movenet-multipose"
THRESHOLD: Final = 0.1
SIDE: Final = 320  # longest side the network sees
_COLUMNS: Final = 5 + 3 * 17
_HEAD: Final = range(5)  # nose, eyes, ears
_LEFT_EAR, _RIGHT_EAR, _LEFT_SHOULDER, _RIGHT_SHOULDER = 3, 4, 5, 6
_POINT_SCORE_MIN: Final = 0.1
# Of an upright adult: a head is some 0.62 of the width of the shoulders high, 1.5 times as high as the ears
# are apart, and its middle lies 0.95 of its height above the shoulders.
_OF_SHOULDERS, _OF_EARS, _OF_NECK, _OF_BODY = 0.62, 1.5, 1 / 0.95, 0.6
_WIDTH_OF_HEIGHT: Final = 0.85


@dataclass(frozen=True)
class KeyPoint:
    """A joint or feature in pixels of the picture, score 0 to 1."""

    x: float
    y: float
    score: float


@dataclass(frozen=True)
class HeadBox:
    """Where a head is, with the mean score of the points that say so."""

    x: float
    y: float
    w: float
    h: float
    score: float


@dataclass(frozen=True)
class Person:
    """A person in pixels of the picture.

    Points: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles; the person's left before right.
    """

    x: float
    y: float
    w: float
    h: float
    score: float
    points: tuple[KeyPoint, ...]

    def head(self) -> HeadBox | None:
        """Return the box of the head, whatever way it is turned, None where no point of it is seen."""
        seen = [self.points[number] for number in _HEAD if self.points[number].score >= _POINT_SCORE_MIN]
        if not seen:
            return None
        x = sum(point.x for point in seen) / len(seen)
        y = sum(point.y for point in seen) / len(seen)
        height = self._head_height(x, y)
        width = height * _WIDTH_OF_HEIGHT
        score = sum(point.score for point in seen) / len(seen)
        return HeadBox(x - width / 2, y - height / 2, width, height, score)

    def _head_height(self, x: float, y: float) -> float:
        """Return the largest of what ears, shoulders and neck let expect, within what the body allows."""
        heights = [max(self.w, self.h) / 12]  # a child's or a crouching body has more head, none has less
        ears, shoulders = (
            [self.points[number] for number in pair if self.points[number].score >= _POINT_SCORE_MIN]
            for pair in ((_LEFT_EAR, _RIGHT_EAR), (_LEFT_SHOULDER, _RIGHT_SHOULDER))
        )
        if len(ears) == 2:
            heights.append(_OF_EARS * math.dist((ears[0].x, ears[0].y), (ears[1].x, ears[1].y)))
        if len(shoulders) == 2:
            one, two = shoulders
            heights.append(_OF_SHOULDERS * math.dist((one.x, one.y), (two.x, two.y)))
            heights.append(_OF_NECK * math.dist((x, y), ((one.x + two.x) / 2, (one.y + two.y) / 2)))
        return min(max(heights), _OF_BODY * max(self.w, self.h))


class Persons:
    """Finds persons with a worker that has the model "movenet-multipose"."""

    def __init__(self, worker: InferenceWorker) -> None:
        self._worker = worker

    def detect(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        *,
        side: int = SIDE,
        threshold: float = THRESHOLD,
        tiles: bool = False,
    ) -> list[list[Person]]:
        """Return for each picture (height × width × BGR) its persons by falling score.

        One pass finds six; where it found six, or with `tiles` always, the picture is looked at in four
        overlapping tiles as well. Raises ChildFailedError if the worker fails.
        """
        found: list[list[Person]] = []
        for batch in batches(pictures):
            head: dict[str, Json] = {"side": str(side), "threshold": repr(float(threshold)), "tiles": tiles}
            rows = self._worker.compute("persons", head, batch)
            if [row.shape[1:] for row in rows] != [(_COLUMNS,)] * len(batch):
                raise ChildFailedError("the worker for persons answered for other pictures than it was given")
            found += [[_person(values) for values in row.tolist()] for row in rows]
        return found


def _person(values: list[float]) -> Person:
    x, y, w, h, score, *points = values
    return Person(x, y, w, h, score, tuple(map(KeyPoint, points[::3], points[1::3], points[2::3])))
