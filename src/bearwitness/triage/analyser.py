"""The one shape of all analysers: what they want of an item, and what they say of it.

An :class:`Analyser` tells what it `wants`; for each item :meth:`Analyser.begin` gives an :class:`Analysis`
that is fed what was wanted, in order of time, and at the end :meth:`Analysis.finish` returns a
:class:`Result`. What several analysers want of a stream is decoded once. Nothing here parses hostile bytes:
who wants `source` hands it on to a task in the sandbox (:mod:`.example_analyser` shows how).

Analysers run in a worker process without network; whatever one raises costs its own result only.
"""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar, Final

from bearwitness import media
from bearwitness.catalogue.search import MEDIA
from bearwitness.errors import BearwitnessError
from bearwitness.inference.worker import InferenceWorker
from bearwitness.media.model import BGR24, DecodeTrouble, Facts, Frame, Sound
from bearwitness.media.plans import Plan
from bearwitness.media.probe import probe
from bearwitness.media.source import Source
from bearwitness.sandbox.client import Sandbox
from bearwitness.vault.derivatives import DONE, NOTHING
from bearwitness_verify.canonical import Json

VIDEO: Final = "video"
SOUND: Final = "sound"
IMAGE: Final = "image"
DOCUMENT: Final = "document"
OTHER: Final = "other"
KINDS: Final = MEDIA
RESULT_FILE: Final = "result.json"
LONG: Final = 60  # seconds; of a longer video key frames are looked at, unless somebody asks for more
THOROUGH: Final[Mapping[str, Json]] = {"depth": "thorough"}  # in the parameters of such a job
LARGE: Final = 20_000_000  # bytes; the same for videos whose length is not known
TEXT_LENGTH_MAX: Final = 4_000_000  # characters of one text; longer ones are cut, and the result says so


@dataclass(frozen=True)
class Frames:
    """Pictures of the first video stream: at most one in `every` seconds (None: all), none larger than asked.

    `max_side` is in pixels, 0 for the native size; `pixel` is BGR24 or GRAY8; `key_only` asks for those that
    decode without others. An analyser may be given more frames than these (what others want as well) but is
    given only those that fit its own wish.

    Of long footage (:attr:`Material.is_long`) key frames are all there is, unless the analyser is
    `thorough`, and of these, with `seldom`, on average one in so many seconds: a few in quick succession,
    as cuts bring them, are handed out all the same. Of long footage there is at most one key frame a second,
    but with `saved` some that come sooner, for seconds without one (media/spacing.py).
    """

    every: Fraction | None = None
    max_side: int = 640
    pixel: str = BGR24
    key_only: bool = False
    seldom: Fraction | None = None
    saved: int = 0


@dataclass(frozen=True)
class Samples:
    """The first sound stream, mono, at `rate` samples a second."""

    rate: int = 16_000


@dataclass(frozen=True)
class Still:
    """The picture of an image file, upright, no side longer than `max_side` pixels (0: native)."""

    max_side: int = 1024
    pixel: str = BGR24


@dataclass(frozen=True)
class Bytes:
    """The bytes themselves, for a task in the sandbox: :attr:`Material.source`."""


Want = Frames | Samples | Still | Bytes


@dataclass(frozen=True)
class Model:
    """A model that an analyser uses: its name and the SHA-256 of its file, hexadecimal."""

    name: str
    sha256: str

    def to_json(self) -> dict[str, str]:
        """Return how the log names it."""
        return {"name": self.name, "sha256": self.sha256}


@dataclass(frozen=True)
class Material:
    """One item to look at. `path` is its name on the source, bytes; `kind` is a guess from its first bytes.

    `sandbox(module)` gives the running sandbox of a module of tasks that the analyser named in `sandboxes`;
    `inference()` the locked worker with all networks that analysers named in `networks`.
    `troubles` is what did not decode so far; `accept_weak`: people said that a weak sandbox will do.
    """

    item: str
    path: bytes
    kind: str
    source: Source
    plan: Plan
    sandbox: Callable[[str], Sandbox] = field(repr=False)
    inference: Callable[[], InferenceWorker] = field(repr=False)
    troubles: list[DecodeTrouble] = field(default_factory=list)
    accept_weak: bool = False
    asked: dict[str, Any] = field(default_factory=dict, repr=False)  # answers that several analysers want

    _probed: list[Facts | BearwitnessError] = field(default_factory=list, repr=False)
    _probing: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.source.size

    @property
    def is_long(self) -> bool:
        """Whether it is a video longer than LONG, or a large one of no known length; raises as media.probe.

        All frames of an hour would cost more than an hour of looking; a minute is looked at whole.
        """
        if self.kind != VIDEO:
            return False
        duration = self.probe().duration
        return self.size > LARGE if duration is None else duration > LONG

    def probe(self) -> Facts:
        """Return what the container says of itself, looked at once for all; raises as media.probe does."""
        with self._probing:
            if not self._probed:
                try:
                    self._probed.append(probe(self.sandbox(media.TASKS), self.source))
                except BearwitnessError as error:
                    self._probed.append(error)
            told = self._probed[0]
        if isinstance(told, BearwitnessError):
            raise told
        return told


@dataclass(frozen=True)
class Fact:
    """Something that can be searched: a number or a short text under a name, with its time where it has one.

    Names are ``<what>`` or ``<what>.<of it>`` in small letters. Known to ``find``: `media` (text), `duration`
    (seconds), `faces`, `persons` (most at once), `sensitivity` (0 to 1), `clock` (number: nanoseconds since
    1970, as shown at `start`, running on to `end`), `speech` (seconds), `language` (text). `start` and `end`
    are seconds of the stream's clock.
    """

    name: str
    value: float | int | str
    start: float | None = None
    end: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the value as it stands in the result's file."""
        return {"name": self.name, "value": self.value, "start": self.start, "end": self.end}


@dataclass(frozen=True)
class Text:
    """Text for the full-text search: its `field` (``document``, ``transcript``, ``overlay``, …) and when."""

    field: str
    text: str
    language: str = ""
    start: float | None = None
    end: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the value as it stands in the result's file."""
        return {
            "field": self.field, "text": self.text, "language": self.language, "start": self.start, "end":
            self.end,
        }  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What an analysis found. `details` is plain JSON of the analyser's own; `files` are further files by
    name.

    `outcome` is DONE, or NOTHING where the item is of no kind the analyser reads. For a failure raise
    BearwitnessError with the reason as its sentence.
    """

    facts: Sequence[Fact] = ()
    texts: Sequence[Text] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    outcome: str = DONE

    def encode(self) -> dict[str, bytes]:
        """Return all files of the result, its own words in ``result.json``."""
        if RESULT_FILE in self.files:
            raise ValueError(f"{RESULT_FILE} is written by the frame")
        told = {
            "details": dict(self.details),
            "facts": [fact.to_json() for fact in self.facts],
            "texts": [text.to_json() for text in self.texts],
            "v": "1",
        }
        plain = json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return {RESULT_FILE: plain.encode("utf-8", "replace"), **self.files}


NOT_MINE: Final = Result(outcome=NOTHING)


class Analysis(ABC):
    """One item under one analyser: frames and sound in order, :meth:`settle`, :meth:`finish`, one at a time.

    That of an analyser with networks has a thread of its own, which :meth:`finish` is not called in; what it
    keeps needs no lock, for no two of these calls overlap.
    """

    def frame(self, frame: Frame) -> None:
        """Take the next picture, or an image's only one. Do not keep the frame: copy what is needed."""
        raise NotImplementedError(f"{type(self).__name__} wants frames and does not take them")

    def sound(self, sound: Sound) -> None:
        """Take the next stretch of sound."""
        raise NotImplementedError(f"{type(self).__name__} wants sound and does not take it")

    def settle(self) -> None:  # noqa: B027 - most have nothing to do
        """Do what takes long once all was handed over, beside others that do the same.

        What did not decode may still be added to :attr:`Material.troubles`, and is not looked at here.
        """

    @abstractmethod
    def finish(self) -> Result:
        """Return the result; raise BearwitnessError with the reason if there is none.

        Nobody else works on the item meanwhile.
        """


class Analyser(ABC):
    """Something that looks at items. Its class attributes are what the log says of each result.

    `name` is also the kind of the result; `version` changes whenever results may. `kinds` are the kinds of
    item it can say anything of; of others the log gets outcome NOTHING without it being asked. `sandboxes`
    are modules of tasks it needs beyond those of :mod:`bearwitness.media`, `networks` the models of
    :mod:`bearwitness.inference.models` that it runs, `brought` files and hashes that take their places.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    kinds: ClassVar[frozenset[str]]
    wants: Sequence[Want] = ()
    sandboxes: Sequence[str] = ()
    networks: Sequence[str] = ()
    brought: Mapping[str, tuple[Path, str]] = {}
    parameters: Mapping[str, Json] = {}
    model: Model | None = None
    thorough: bool = False  # see :meth:`make_thorough`
    closer: ClassVar[bool] = False  # thorough, it looks closer at short footage, too
    needs_authorisation: ClassVar[bool] = False  # face grouping: two people must have allowed it

    def make_thorough(self) -> None:
        """Have it look at all frames it wants of long footage, too: another job with another result."""
        if any(isinstance(want, Frames) for want in self.wants):
            self.thorough = True
            self.parameters = {**self.parameters, **THOROUGH}

    def key_frames_only(self, material: Material) -> bool:
        """Say whether it is given no frames of this item but key frames, for it is long."""
        return material.is_long and not self.thorough

    @property
    def tool(self) -> str:
        """What made the result, for the log."""
        return f"bearwitness triage {self.name}"

    @property
    def lacking(self) -> str:
        """What this analyser can not do here for want of a program, as a sentence; empty if nothing."""
        return ""

    @abstractmethod
    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
