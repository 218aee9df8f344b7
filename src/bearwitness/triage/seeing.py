"""Faces, persons and sensitive scenes over time, by networks in the locked inference worker.

Videos are looked at once in so many seconds, images once. Boxes are in parts of the picture as it is shown
upright (left, top, width, height, each 0 to 1). Leads for who reviews: what is found may be none, what is
missed may be there.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np

from bearwitness.inference import faces, persons, sensitive
from bearwitness.inference.models import model
from bearwitness.inference.worker import InferenceWorker
from bearwitness.media.model import Frame, Picture
from bearwitness_verify.canonical import Json

from . import lasting
from .analyser import IMAGE, NOT_MINE, VIDEO, Analyser, Analysis, Fact, Frames, Material, Model, Result, Still
from .models import BroughtModel

_BATCH: Final = 8
_SIDE: Final = 640


class _Seeing(Analyser):
    """What the three have in common: a network, and pictures at some rate."""

    kinds = frozenset({VIDEO, IMAGE})
    network = ""
    version = "1"
    usual_threshold = 0.0

    def __init__(self, brought: BroughtModel | None = None, every: Fraction = Fraction(1)) -> None:
        """Look once in `every` seconds; with a `brought` model, at its size and threshold."""
        side = max(brought.width, brought.height) if brought else _SIDE
        self.wants = (Frames(every=every, max_side=side), Still(max_side=side))
        self.networks = (self.network,)
        self.threshold = brought.threshold if brought else self.usual_threshold
        self.model = brought.model if brought else Model(self.network, model(self.network).sha256)
        self.brought = {self.network: (brought.path, brought.sha256)} if brought else {}
        self.parameters: Mapping[str, Json] = {
            "every": str(every), "side": str(side), "threshold": str(self.threshold),
        }  # fmt: skip

    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
        return _Batched(self, material)

    @abstractmethod
    def see(self, worker: InferenceWorker, pictures: Sequence[Picture]) -> list[Any]:
        """Return what is in each picture, as plain JSON."""

    def settled(self, seen: Sequence[Any]) -> list[Any]:
        """Return what is believed of what was seen in all pictures of an item, in order of time."""
        return list(seen)

    @abstractmethod
    def facts(self, seen: Sequence[Any]) -> list[Fact]:
        """Return what is searched, of what was seen in all pictures."""


class _Batched(Analysis):
    """Hands pictures to the worker a few at a time."""

    def __init__(self, analyser: _Seeing, material: Material) -> None:
        self._analyser, self._material = analyser, material
        self._pictures: list[Picture] = []
        self._times: list[float] = []
        self._seen: list[Any] = []

    def frame(self, frame: Frame) -> None:
        self._pictures.append(np.array(frame.picture))
        self._times.append(round(float(frame.time), 6))
        if len(self._pictures) >= _BATCH:
            self._see()

    def _see(self) -> None:
        if self._pictures:
            self._seen += self._analyser.see(self._material.inference(), self._pictures)
            self._pictures.clear()

    def finish(self) -> Result:
        self._see()
        if not self._seen:
            return NOT_MINE
        settled = self._analyser.settled(self._seen)
        found = [[time, seen] for time, seen in zip(self._times, settled, strict=True)]
        details = {"pictures": len(found), "seen": found, "troubles": len(self._material.troubles)}
        return Result(facts=self._analyser.facts(settled), details=details)


def _box(x: float, y: float, w: float, h: float, score: float, picture: Picture) -> list[float]:
    rows, columns = picture.shape[:2]
    return [round(v, 4) for v in (x / columns, y / rows, w / columns, h / rows, score)]


class FaceBoxes(_Seeing):
    """Faces, by CenterFace at one and two times the size: sure ones, and what continues them (lasting.py)."""

    name = "faces"
    network = faces.MODEL
    version = "2"
    usual_threshold = 0.5
    unsure = 0.3  # of the threshold: what scores less is not looked at

    def see(self, worker: InferenceWorker, pictures: Sequence[Picture]) -> list[Any]:
        """Return for each picture its faces: box and score."""
        found = faces.Faces(worker).detect(pictures, threshold=self.threshold * self.unsure)
        return [
            [_box(f.x, f.y, f.w, f.h, f.score, picture) for f in each]
            for picture, each in zip(pictures, found, strict=True)
        ]

    def settled(self, seen: Sequence[Any]) -> list[Any]:
        """Return the faces that are sure or continue a sure one."""
        return lasting.believed(seen, self.threshold)

    def facts(self, seen: Sequence[Any]) -> list[Fact]:
        """Return the most faces at once."""
        return [Fact("faces", max(map(len, seen)))]


class PersonBoxes(_Seeing):
    """Persons, by MoveNet."""

    name = "persons"
    network = persons.MODEL
    usual_threshold = persons.THRESHOLD

    def see(self, worker: InferenceWorker, pictures: Sequence[Picture]) -> list[Any]:
        """Return for each picture its persons: box and score."""
        found = persons.Persons(worker).detect(pictures, threshold=self.threshold)
        return [
            [_box(p.x, p.y, p.w, p.h, p.score, picture) for p in each]
            for picture, each in zip(pictures, found, strict=True)
        ]

    def facts(self, seen: Sequence[Any]) -> list[Fact]:
        """Return the most persons at once."""
        return [Fact("persons", max(map(len, seen)))]


class Sensitivity(_Seeing):
    """How likely pictures show nudity: a hint for who reviews."""

    name = "sensitivity"
    network = sensitive.MODEL

    def see(self, worker: InferenceWorker, pictures: Sequence[Picture]) -> list[Any]:
        """Return a score for each picture."""
        return [round(score, 4) for score in sensitive.Sensitive(worker).score(pictures)]

    def facts(self, seen: Sequence[Any]) -> list[Fact]:
        """Return the highest score."""
        return [Fact("sensitivity", max(seen))]
