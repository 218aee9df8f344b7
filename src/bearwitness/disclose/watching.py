"""Who is seen and heard in pictures and footage: counts for the gates, by the locked inference worker.

Every frame is looked at for faces and persons, and all sound is heard, what an edit list hides too. One frame
counts if it is sure, a less sure one if it lasts. Text is looked for once in two seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from math import ceil
from typing import Final

import numpy as np

from bearwitness.inference import faces as of_faces
from bearwitness.inference import persons as of_persons
from bearwitness.inference import speech as of_speech
from bearwitness.inference.faces import FaceBox, Sought, View, joined
from bearwitness.inference.texts import FINDER, READER, Texts
from bearwitness.inference.worker import InferenceWorker
from bearwitness.media.frames import frames
from bearwitness.media.model import HIDDEN, DecodeTrouble, Frame, MediaError, Picture
from bearwitness.media.probe import probe
from bearwitness.media.sound import sound
from bearwitness.media.source import Source
from bearwitness.media.stills import still
from bearwitness.sandbox.client import Sandbox
from bearwitness.signals.overlays import cut
from bearwitness.signals.speech import RATE, SpeechFinder

MODELS: Final = (of_faces.MODEL, of_persons.MODEL, of_speech.MODEL, FINDER, READER)
TOOL: Final = "bearwitness look 2 (centerface, movenet-multipose, silero-vad, ocr)"
# As the attack on redacted files has it: one face so sure, or one so likely in three frames on end.
_SURE: Final = 0.65
_LIKELY: Final = 0.5
_PERSON: Final = 0.3
_LASTS: Final = 3
_LYING_LASTS: Final = 5  # as a plan has it: what one turned picture shows is often nothing
_AT_ONCE: Final = 4
_PICTURES_MAX: Final = 2_000
_GROUNDS: Final = ("", "white", "black")
_TEXT_EVERY: Final = Fraction(2)
_TEXT_SURE: Final = 0.6
_TEXT_SIGNS_MIN: Final = 3


class Lasting:
    """How many things at most are there at once through some frames one after the other."""

    def __init__(self, frames: int = _LASTS) -> None:
        self._last: deque[int] = deque(maxlen=frames)
        self._full = False
        self.most = 0

    def take(self, count: int) -> None:
        """Take in how many there are in the next frame."""
        self._last.append(count)
        if not self._full:  # as long as there were fewer frames, what is in one counts
            self._full = len(self._last) == self._last.maxlen
            self.most = min(self._last) if self._full else max(self._last)
        else:
            self.most = max(self.most, min(self._last))


class _Counts:
    """Who is seen in some pictures: in a picture that is all there is, or in frames one after the other.

    `sure`: what one frame is enough for. `lying` counts those too who are seen in turned pictures alone.
    """

    def __init__(self, *, alone: bool) -> None:
        self.sure = _LIKELY if alone else _SURE
        self.faces, self.lying, self.persons = (
            Lasting(1 if alone else lasts) for lasts in (_LASTS, _LYING_LASTS, _LASTS)
        )


class Watcher:
    """Looks at one file; what it found is in its members. Raises MediaError, ChildFailedError."""

    def __init__(self, sandbox: Sandbox, worker: InferenceWorker) -> None:
        self._sandbox, self._worker = sandbox, worker
        self.faces = self.persons = self.speech = self.texts = 0

    def picture(self, source: Source) -> None:
        """Look at each picture of a file: as stored, and as seen where something shines through."""
        number, count = 0, 1
        while number < count:
            stored, *seen = (
                still(self._sandbox, source, upright=True, frame=number, ground=ground) for ground in _GROUNDS
            )
            if stored.frames > _PICTURES_MAX:
                raise MediaError(
                    f"{source.name} has {stored.frames} pictures or more, and not all are looked at"
                )
            others = [one.picture for one in seen if not np.array_equal(one.picture, stored.picture)]
            self.pages([stored.picture, *others])
            number, count = number + 1, stored.frames

    def pages(self, pictures: Iterable[Picture]) -> None:
        """Look at pictures, or the pages of a document, each by itself."""
        for picture in pictures:
            counts = _Counts(alone=True)
            self._look([picture], counts)
            self._count(counts)
            self._read(picture)

    def footage(self, source: Source) -> None:
        """Look at every frame of every stream of pictures and hear every stream of sound."""
        for stream in probe(self._sandbox, source).streams:
            if stream.kind == "video":
                self._frames(source, stream.index)
            elif stream.kind == "audio":
                self._hear(source, stream.index)

    def _frames(self, source: Source, stream: int) -> None:
        troubles: list[DecodeTrouble] = []
        counts = _Counts(alone=False)
        batch: list[Picture] = []
        read: Fraction | None = None
        count = 0
        decoded = frames(self._sandbox, source, stream=stream, troubles=troubles, upright=True, edits=False)
        for frame in _whole(decoded, troubles, source.name):
            count += 1
            if batch and batch[0].shape != frame.picture.shape:
                self._look(batch, counts)
                batch = []
            batch.append(frame.picture)
            if read is None or frame.time - read >= _TEXT_EVERY:
                read = frame.time
                self._read(frame.picture)
            if len(batch) == _AT_ONCE:
                self._look(batch, counts)
                batch = []
        if not count:
            raise MediaError(f"no frame of stream {stream} of {source.name} can be looked at")
        self._look(batch, counts)
        self._count(counts)

    def _count(self, counts: _Counts) -> None:
        self.faces = max(self.faces, counts.faces.most, counts.lying.most)
        self.persons = max(self.persons, counts.persons.most)

    def _look(self, pictures: Sequence[Picture], counts: _Counts) -> None:
        given = [np.ascontiguousarray(picture) for picture in pictures]
        if not given:
            return
        height, width = given[0].shape[:2]
        upright = [Sought(View(scale), 0) for scale in of_faces.fitting_scales(width, height)]
        upright += of_faces.views_of_large(width, height)
        lying = of_faces.views_of_lying(width, height)
        views = (*upright, *lying)
        answers = of_faces.Faces(self._worker).look(given, [each.view for each in views], _LIKELY)
        for number in range(len(given)):
            told = [[*filter(each.tells, seen[number])] for each, seen in zip(views, answers, strict=True)]
            found: list[FaceBox] = []
            for some in told[: len(upright)]:
                found = joined(found, some)
            self.faces = max(self.faces, sum(face.score >= counts.sure for face in found))
            counts.faces.take(len(found))
            for some in told[len(upright) :]:
                found = joined(found, some)
            counts.lying.take(len(found))
        for seen in of_persons.Persons(self._worker).detect(given, threshold=_PERSON):
            counts.persons.take(len(seen))

    def _read(self, picture: Picture) -> None:
        grey = np.ascontiguousarray(picture.mean(axis=2).astype(np.uint8))
        texts = Texts(self._worker)
        lines = [texts.read(cut(grey, box)) for box in texts.find(grey)]
        seen = sum(line.sure >= _TEXT_SURE and len(line.text) >= _TEXT_SIGNS_MIN for line in lines)
        self.texts = max(self.texts, seen)

    def _hear(self, source: Source, stream: int) -> None:
        troubles: list[DecodeTrouble] = []
        finder = SpeechFinder(of_speech.Speech(self._worker).likelihoods)
        pieces = sound(self._sandbox, source, stream=stream, rate=RATE, troubles=troubles, edits=False)
        finder.hear(((piece.time, piece.samples) for piece in pieces), source.name)
        _refuse(troubles, source.name)
        self.speech = max(self.speech, ceil(sum(turn.end - turn.start for turn in finder.finish(pad=0.0))))


def _whole(decoded: Iterator[Frame], troubles: list[DecodeTrouble], name: str) -> Iterator[Frame]:
    """Yield all frames; raise MediaError where one did not decode: nobody saw it."""
    for frame in decoded:
        _refuse(troubles, name)
        yield frame
    _refuse(troubles, name)


def _refuse(troubles: list[DecodeTrouble], name: str) -> None:
    for trouble in troubles:
        if trouble.kind != HIDDEN:
            raise MediaError(f"{name} does not decode whole ({trouble.kind}: {trouble.reason})")
