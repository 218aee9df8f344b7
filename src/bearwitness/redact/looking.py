"""The detectors of plan and attack, over the worker for inference: faces at several sizes, mirrored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from bearwitness.errors import ChildFailedError, RefusedError
from bearwitness.inference.faces import (
    MODEL,
    FaceBox,
    Faces,
    Sought,
    View,
    counts,
    fitting_scales,
    views_of_large,
    views_of_lying,
)
from bearwitness.inference.models import model
from bearwitness.inference.persons import MODEL as PERSONS_MODEL
from bearwitness.inference.persons import Person, Persons
from bearwitness.inference.worker import InferenceWorker
from bearwitness.media.model import Frame

from .plan import PRECISIONS, Detector, Picture
from .tracking import HEADS, WEAK, Detection

MODELS: Final = (MODEL, PERSONS_MODEL)
BODIES: Final = "bodies"
# Whoever is seen from behind has a head too, and the detector of persons can not tell: alone, a head does not
# begin a track (it would cover every back of a head), it carries one on where the face detector blinks.
_CARRIES: Final = WEAK + 0.05
_AT_ONCE: Final = 4
_BATCH_BYTES: Final = 24 << 20  # three batches are in memory at a time


class Looker(Protocol):
    """Detectors that look at frames: every frame handed in comes back, in order, with what was seen."""

    @property
    def detectors(self) -> tuple[Detector, ...]:
        """Which they are."""

    def look(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, list[Detection]]]:
        """Yield each frame with all detections in it; raise rather than leave one out."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One way to look at a picture: how much it is enlarged, left and right swapped, turned.

    `turned`: quarters against the clock. With `least`, what is seen counts only where it is sure and at least
    so many pixels in the picture as it is shown: for what is looked for there alone.
    """

    scale: float
    mirrored: bool = False
    turned: int = 0
    least: int = 0

    @property
    def name(self) -> str:
        """How plans and reports call it."""
        told = (" mirrored" if self.mirrored else "") + (
            f" turned {90 * self.turned}°" if self.turned else ""
        )
        return f"{self.scale:g}×{told}"

    def tells(self, face: FaceBox) -> bool:
        """Say whether a face that it saw is its to tell."""
        return not self.least or counts(face, self.scale, self.least)


def plan_passes(picture: Picture) -> tuple[Pass, ...]:
    """Return the passes of a plan.

    Native size and twice, both halved for large pictures; small ones for faces that fill the picture; and
    turned left and right for people who lie.
    """
    base, double = fitting_scales(picture.width, picture.height)
    large, lying = (views(picture.width, picture.height) for views in (views_of_large, views_of_lying))
    return (Pass(base), Pass(double), *map(_pass, (*large, *lying)))


def attack_passes(picture: Picture) -> tuple[Pass, ...]:
    """Return the passes of the attack: those of the plan mirrored, none turned, and a size of its own."""
    base, double = fitting_scales(picture.width, picture.height)
    own = Pass(base, mirrored=True), Pass(double, mirrored=True), Pass(0.75 * base)
    return (*own, *map(_pass, views_of_large(picture.width, picture.height, mirrored=True)))


def _pass(sought: Sought) -> Pass:
    return Pass(*sought.view, sought.least)


def batched(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    """Yield all frames in order, in batches of bounded size and number, none empty, each of one shape.

    The pages of a document may all differ, and each shape that is looked at takes memory of the worker.
    """
    batch: list[Frame] = []
    taken = 0
    for frame in frames:
        if batch and frame.picture.shape != batch[0].picture.shape:
            yield batch
            batch, taken = [], 0
        batch.append(frame)
        taken += frame.picture.nbytes
        if len(batch) == _AT_ONCE or taken >= _BATCH_BYTES:
            yield batch
            batch, taken = [], 0
    if batch:
        yield batch


class FaceLooker:
    """Looks for faces in frames with one worker and some passes."""

    def __init__(
        self,
        worker: InferenceWorker,
        passes: Sequence[Pass],
        threshold: float = WEAK,
        *,
        persons: bool = False,
        heads: bool = False,
        bodies: bool = False,
    ) -> None:
        """`persons`: ask the detector of persons as well; `heads`, `bodies`: hide all it finds of them."""
        self._worker = worker
        self._faces, self._passes, self._threshold = Faces(worker), tuple(passes), threshold
        self._persons = Persons(worker) if persons or heads or bodies else None
        self._heads, self._bodies = heads, bodies
        self._last: tuple[Frame, list[Detection]] | None = None

    @property
    def detectors(self) -> tuple[Detector, ...]:
        """One for each pass; the weights are the same."""
        pinned = model(MODEL).sha256
        precision = self._precision(MODEL)
        found = [
            Detector(MODEL, pinned, (one.name,), round(self._threshold * 1000), precision)
            for one in self._passes
        ]
        if self._persons is not None:
            wanted = (HEADS, BODIES) if self._bodies else (HEADS,)
            pinned, precision = model(PERSONS_MODEL).sha256, self._precision(PERSONS_MODEL)
            found.append(Detector(PERSONS_MODEL, pinned, wanted, round(WEAK * 1000), precision))
        return tuple(found)

    def _precision(self, name: str) -> str:
        """Ask the worker what numbers it works with: only it knows what its processor has."""
        answer = self._worker.compute("precision", {"model": name}, [])
        told = answer[0].tobytes() if len(answer) == 1 and answer[0].dtype == np.uint8 else b""
        for known in PRECISIONS:
            if told == known.encode():
                return known
        raise ChildFailedError("the worker does not tell what numbers its networks work with")

    def look(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, list[Detection]]]:
        """Yield each frame with what was seen in it; raise RefusedError, ChildFailedError.

        While the worker looks at one batch, whoever takes these in uses the one before it, and the next is
        decoded. The worker is for one thread at a time: ask nothing else of it meanwhile.
        """
        with ThreadPoolExecutor(1) as thread:
            busy: Future[list[tuple[Frame, list[Detection]]]] | None = None
            for batch in batched(frames):
                coming = thread.submit(self._look, batch)
                if busy is not None:
                    yield from busy.result()
                busy = coming
            if busy is not None:
                yield from busy.result()

    def _look(self, frames: Sequence[Frame]) -> list[tuple[Frame, list[Detection]]]:
        """Return what is seen in each frame; one that is the one before it, byte for byte, shows the same."""
        last = self._last
        again = [_same(one, before) for one, before in zip(frames, [last and last[0], *frames], strict=False)]
        fresh = [one for one, same in zip(frames, again, strict=True) if not same]
        answers = iter(self._look_afresh(fresh) if fresh else ())
        seen: list[tuple[Frame, list[Detection]]] = []
        for frame, same in zip(frames, again, strict=True):
            detections = last[1] if same and last is not None else next(answers)[1]
            last = frame, detections
            seen.append((frame, [*detections]))
        self._last = last
        return seen

    def _look_afresh(self, frames: Sequence[Frame]) -> list[tuple[Frame, list[Detection]]]:
        found: list[list[Detection]] = [[] for _ in frames]
        pictures = [frame.picture for frame in frames]
        views = [View(one.scale, one.mirrored, one.turned) for one in self._passes]
        for one, answers in zip(
            self._passes, self._faces.look(pictures, views, self._threshold), strict=True
        ):
            if len(answers) != len(frames):
                raise RefusedError("a detector answered for other frames than it was given")
            for seen, answer in zip(found, answers, strict=True):
                seen += [
                    Detection(
                        box.x, box.y, box.w, box.h, box.score, f"faces {one.name}", lying=bool(one.turned)
                    )
                    for box in answer
                    if one.tells(box)
                ]
        if self._persons is not None:
            answered = self._persons.detect(pictures)
            if len(answered) != len(frames):
                raise RefusedError("a detector answered for other frames than it was given")
            for seen, persons in zip(found, answered, strict=True):
                seen.extend(one for person in persons for one in self._of_person(person))
        return list(zip(frames, found, strict=True))

    def _of_person(self, person: Person) -> Iterator[Detection]:
        head = person.head()
        if head is not None:
            score = head.score if self._heads else min(head.score, _CARRIES)
            yield Detection(head.x, head.y, head.w, head.h, score, HEADS)
        if self._bodies:
            yield Detection(person.x, person.y, person.w, person.h, person.score, BODIES)


def _same(frame: Frame, last: Frame | None) -> bool:
    """Say whether two frames have the same pixels, all of them."""
    return last is not None and np.array_equal(frame.picture, last.picture)
