"""Faces, persons and sensitive scenes over time, by networks in the locked inference worker.

Videos are looked at once in so many seconds, long ones more seldom and on key frames only, unless one is
thorough; images once. Boxes are in parts of the picture as it is shown upright (left, top, width, height,
each 0 to 1). Leads for who reviews: what is found may be none, what is missed may be there.

A network is compiled for each size of picture, which takes longer than to look at ten, so pictures are laid
on one of a few canvases, black where they end.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np

from bearwitness.inference import faces, persons, sensitive
from bearwitness.inference.faces import FaceBox
from bearwitness.inference.models import model
from bearwitness.inference.persons import Person
from bearwitness.inference.worker import InferenceWorker
from bearwitness.media.model import Frame, Picture
from bearwitness_verify.canonical import Json

from . import closer, lasting
from .analyser import IMAGE, NOT_MINE, VIDEO, Analyser, Analysis, Fact, Frames, Material, Model, Result, Still
from .models import BroughtModel

_BATCH: Final = 16  # pictures in one question: networks stand still between two
_SIDE: Final = 640
_SELDOM: Final = Fraction(5)  # of long footage: who is seen for less may be missed
BRIEFLY: Final = "briefly"  # as long footage is looked at
USUALLY: Final = "usually"
CLOSELY: Final = "closely"  # as well as can be, whatever it takes
_CANVASES: Final = ((384, 640), (640, 384), (480, 640), (640, 480), (640, 640))  # rows, columns
USUAL_CANVAS: Final = _CANVASES[0]  # of wide videos


@dataclass(frozen=True)
class Laid:
    """A picture of so many rows and columns at the top left of a canvas."""

    canvas: Picture
    rows: int
    columns: int


class _Seeing(Analyser):
    """What the three have in common: a network, and pictures at some rate."""

    kinds = frozenset({VIDEO, IMAGE})
    network = ""
    version = "3"
    usual_threshold = 0.0

    def __init__(self, brought: BroughtModel | None = None, every: Fraction = Fraction(1)) -> None:
        """Look once in `every` seconds; with a `brought` model, at its size and threshold."""
        side = max(brought.width, brought.height) if brought else _SIDE
        self.wants = (Frames(every=every, max_side=side, seldom=_SELDOM), Still(max_side=side))
        self.networks = (self.network,)
        self.threshold = brought.threshold if brought else self.usual_threshold
        self.model = brought.model if brought else Model(self.network, model(self.network).sha256)
        self.brought = {self.network: (brought.path, brought.sha256)} if brought else {}
        self.parameters: Mapping[str, Json] = {
            "every": str(every), "seldom": str(_SELDOM), "side": str(side),
            "threshold": str(self.threshold),
        }  # fmt: skip

    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
        return _Batched(self, material)

    @abstractmethod
    def see(self, worker: InferenceWorker, laid: Sequence[Laid], care: str) -> list[Any]:
        """Return what is in each picture, as plain JSON; `care`: BRIEFLY, USUALLY or CLOSELY."""

    def settled(self, seen: Sequence[Any], aspect: float) -> list[Any]:
        """Return what is believed of what was seen in all pictures of an item, in order of time.

        `aspect` is the width of its pictures over their height.
        """
        return list(seen)

    @abstractmethod
    def facts(self, seen: Sequence[Any]) -> list[Fact]:
        """Return what is searched, of what was seen in all pictures."""


class _Batched(Analysis):
    """Hands pictures to the worker a few at a time."""

    def __init__(self, analyser: _Seeing, material: Material) -> None:
        self._analyser, self._material = analyser, material
        self._laid: list[Laid] = []
        self._times: list[float] = []
        self._seen: list[Any] = []
        self._aspect = 1.0  # width over height
        self._care = USUALLY
        if material.kind == IMAGE or analyser.thorough:
            self._care = CLOSELY
        elif material.is_long:
            self._care = BRIEFLY

    def frame(self, frame: Frame) -> None:
        self._laid.append(on_canvas(frame.picture))
        self._aspect = frame.picture.shape[1] / frame.picture.shape[0]
        self._times.append(round(float(frame.time), 6))
        if len(self._laid) >= _BATCH:
            self._see()

    def _see(self) -> None:
        if self._laid:
            self._seen += self._analyser.see(self._material.inference(), self._laid, self._care)
            self._laid.clear()

    def settle(self) -> None:
        self._see()

    def finish(self) -> Result:
        self.settle()
        if not self._seen:
            return NOT_MINE
        settled = self._analyser.settled(self._seen, self._aspect)
        found = [[time, seen] for time, seen in zip(self._times, settled, strict=True)]
        details = {
            "pictures": len(found),
            "seen": found,
            "key_frames_only": self._analyser.key_frames_only(self._material),
            "troubles": len(self._material.troubles),
        }
        return Result(facts=self._analyser.facts(settled), details=details)


def on_canvas(picture: Picture) -> Laid:
    """Lay a copy of the picture on the smallest canvas it fits, at the top left; on none if it fits none."""
    rows, columns = picture.shape[:2]
    for height, width in _CANVASES:
        if rows <= height and columns <= width:
            canvas = np.zeros((height, width, *picture.shape[2:]), np.uint8)
            canvas[:rows, :columns] = picture
            return Laid(canvas, rows, columns)
    return Laid(np.array(picture), rows, columns)


def _boxes(found: Sequence[FaceBox | Person], laid: Laid) -> list[list[float]]:
    """Return what was found, cut to the picture, in parts of it, and the score."""
    boxes = []
    for f in found:
        wide, high = min(f.x + f.w, laid.columns) - f.x, min(f.y + f.h, laid.rows) - f.y
        if wide > 0 and high > 0:
            parts = (f.x / laid.columns, f.y / laid.rows, wide / laid.columns, high / laid.rows, f.score)
            boxes.append([round(part, 4) for part in parts])
    return boxes


class FaceBoxes(_Seeing):
    """Faces, by CenterFace: sure ones, and what continues them (lasting.py).

    Twice the size finds faces of ten pixels and takes four times as long. Short videos are looked at so where
    the first look hints at a small face, for those come in company; images, and the thorough, always. Of
    pictures of long ones a quarter at most is enlarged, where most of the hints are (closer.py). Faces that
    fill the picture are looked for in small ones, those of people who lie in pictures turned, but not in long
    videos unless one is thorough: it would take a tenth longer.
    """

    name = "faces"
    network = faces.MODEL
    version = "5"
    usual_threshold = 0.5
    closer = True
    small = 24.0  # pixels of width below which a face is small
    unsure = 0.3  # of the threshold: what scores less is not looked at

    def see(self, worker: InferenceWorker, laid: Sequence[Laid], care: str) -> list[Any]:
        """Return for each picture its faces: box and score."""
        finder, lowest = faces.Faces(worker), self.threshold * self.unsure
        found: list[list[FaceBox]] = [[]] * len(laid)
        again = list(range(len(laid)))
        if care != CLOSELY:
            found = finder.detect([each.canvas for each in laid], faces.SCALES[:1], lowest)
            again = [n for n in again if any(face.w < self.small for face in found[n])]
        if care == BRIEFLY:
            small = [[face for face in found[n] if face.w < self.small] for n in again]
            windows = [closer.window(laid[n].canvas, hints) for n, hints in zip(again, small, strict=True)]
            seen = finder.detect([each.picture for each in windows], faces.SCALES[:1], lowest)
            for number, window, more in zip(again, windows, seen, strict=True):
                found[number] = faces.joined(found[number], window.back(more))
            again = []
        for number, each in zip(
            again, finder.detect([laid[n].canvas for n in again], faces.SCALES, lowest), strict=True
        ):
            found[number] = each
        if care != BRIEFLY:
            self._add_more(finder, laid, found)
        return [_boxes(faces_of, each) for faces_of, each in zip(found, laid, strict=True)]

    def _add_more(self, finder: faces.Faces, laid: Sequence[Laid], found: list[list[FaceBox]]) -> None:
        """Add to what was `found` the faces that fill their pictures, and those of people who lie."""
        for rows, columns in dict.fromkeys(each.canvas.shape[:2] for each in laid):
            numbers = [n for n, each in enumerate(laid) if each.canvas.shape[:2] == (rows, columns)]
            sought = (*faces.views_of_large(columns, rows), *faces.views_of_lying(columns, rows))
            answers = finder.look([laid[n].canvas for n in numbers], [each.view for each in sought])
            for each, answer in zip(sought, answers, strict=True):
                for number, seen in zip(numbers, answer, strict=True):
                    found[number] = faces.joined(found[number], list(filter(each.tells, seen)))

    def settled(self, seen: Sequence[Any], aspect: float) -> list[Any]:
        """Return the faces that are sure or continue a sure one; how far and large is measured in heights."""
        square = [
            [(x * aspect, y, w * aspect, h, score, number) for number, (x, y, w, h, score) in enumerate(each)]
            for each in seen
        ]
        kept = lasting.believed(square, self.threshold)
        return [[boxes[int(box[5])] for box in believed] for boxes, believed in zip(seen, kept, strict=True)]

    def facts(self, seen: Sequence[Any]) -> list[Fact]:
        """Return the most faces at once."""
        return [Fact("faces", max(map(len, seen)))]


class PersonBoxes(_Seeing):
    """Persons, by MoveNet."""

    name = "persons"
    network = persons.MODEL
    usual_threshold = persons.THRESHOLD

    def see(self, worker: InferenceWorker, laid: Sequence[Laid], care: str) -> list[Any]:
        """Return for each picture its persons: box and score."""
        found = persons.Persons(worker).detect([each.canvas for each in laid], threshold=self.threshold)
        return [_boxes(persons_of, each) for persons_of, each in zip(found, laid, strict=True)]

    def facts(self, seen: Sequence[Any]) -> list[Fact]:
        """Return the most persons at once."""
        return [Fact("persons", max(map(len, seen)))]


class Sensitivity(_Seeing):
    """How likely pictures show nudity: a hint for who reviews."""

    name = "sensitivity"
    network = sensitive.MODEL

    def see(self, worker: InferenceWorker, laid: Sequence[Laid], care: str) -> list[Any]:
        """Return a score for each picture."""
        plain = [each.canvas[: each.rows, : each.columns] for each in laid]
        return [round(score, 4) for score in sensitive.Sensitive(worker).score(plain)]

    def facts(self, seen: Sequence[Any]) -> list[Fact]:
        """Return the highest score."""
        return [Fact("sensitivity", max(seen))]
