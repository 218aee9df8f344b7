"""The plan of a redaction as values: what is hidden where and when, for which file, found by which detectors.

A plan is made by the machine (:mod:`.planning`), edited by people (:mod:`.operations`), written and read
strictly (:mod:`.plan_text`) and carried out (:mod:`.render`). Times are whole ticks of the stream's time
base; pages of a document and single pictures have the times 0, 1, 2 …
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from bearwitness.errors import RefusedError

from .geometry import Box

KINDS: Final = ("face", "head", "body", "overlay", "box")
PRECISIONS: Final = ("f32", "bf16", "f16")
MARK: Final = "1"
"""The one way there is of putting a recipient's mark into pictures: docs/format.md, 5.3."""
FILLS: Final = ("solid", "mosaic", "blur")
VOICES: Final = ("keep", "mute", "ranges")
WHISPER: Final = "whisper"
SPEAK: Final = "speak"
CHANGES: Final = (WHISPER, SPEAK)
BY_PEOPLE: Final = "people"
BY_MACHINE: Final = "machine"
BY_ATTACK: Final = "attack"


@dataclass(frozen=True, slots=True)
class Source:
    """Which file a plan is for: the SHA-256 of its bytes and how many there are."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Picture:
    """What the pictures are: shown size in pixels, time base, quarter turns clockwise to show them."""

    width: int
    height: int
    time_base: Fraction
    quarter_turns: int = 0


@dataclass(frozen=True, slots=True)
class Detector:
    """What looked for regions: its name, the SHA-256 of its weights, sizes and threshold in thousandths.

    `precision`: the numbers it worked with. The plan carries the boxes, so that frames made of it are
    the same on a machine that has others.
    """

    name: str
    sha256: str
    scales: tuple[str, ...]
    threshold: int
    precision: str = "f32"


@dataclass(frozen=True, slots=True)
class Track:
    """One thing over time: the box to hide in each frame, by its time in ticks; `says`: a text's words."""

    number: int
    kind: str
    hide: bool
    by: str
    boxes: Mapping[int, Box]
    says: str = ""

    @property
    def first(self) -> int:
        """The time it comes in."""
        return min(self.boxes)

    @property
    def last(self) -> int:
        """The last time it is there."""
        return max(self.boxes)


@dataclass(frozen=True, slots=True)
class Doubt:
    """A frame a person should look at, why, and where in it if that is known."""

    time: int
    reason: str
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Utterance:
    """A range of sound in another voice, in milliseconds; `words` in `language` if they are spoken.

    `how` is one of CHANGES. By which numbers a voice is changed stands nowhere.
    """

    begin: int
    end: int
    how: str
    language: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Ends:
    """How many frames are left out at the beginning and end, drawn by chance; see :mod:`.ends`.

    `most`: how many milliseconds at most could be left out at either end; `salt`: 32 bytes in hexadecimal.
    """

    begin: int
    end: int
    most: int
    salt: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole plan. `times` are those of all frames, each seen by the detectors; `muted` is in milliseconds.

    `changed` is in order and without overlap; where `muted` overlaps it, it is silent.
    `mark`: how a recipient's mark is put into every picture (MARK), empty if none is.
    `ends`: the copy is encoded anew as a whole, without these frames, on a clock of its own.
    `inverted`: everything but the boxes of people is hidden, and in them what the other tracks hide.
    """

    source: Source
    picture: Picture
    times: tuple[int, ...]
    detectors: tuple[Detector, ...]
    tracks: tuple[Track, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    fill: str = "solid"
    voices: str = "keep"
    muted: tuple[tuple[int, int], ...] = ()
    inverted: bool = False
    changed: tuple[Utterance, ...] = ()
    ends: Ends | None = None
    mark: str = ""

    @property
    def unheard(self) -> tuple[tuple[int, int], ...]:
        """Where nothing of the original's sound is left: muted, or in another voice; in milliseconds."""
        return (*self.muted, *((one.begin, one.end) for one in self.changed))

    def hidden(self) -> dict[int, list[Box]]:
        """Return what is hidden by time; times of frames in which nothing is are left out."""
        return _by_time(track for track in self.tracks if track.hide and not self._is_window(track))

    def windows(self) -> dict[int, list[Box]]:
        """Return by time what an inverted plan does not hide: the boxes that people added."""
        return _by_time(track for track in self.tracks if self._is_window(track))

    def _is_window(self, track: Track) -> bool:
        return self.inverted and track.hide and (track.kind, track.by) == ("box", BY_PEOPLE)

    def track(self, number: int) -> Track:
        """Return the track of this number; raise RefusedError if there is none."""
        for track in self.tracks:
            if track.number == number:
                return track
        raise RefusedError(f"the plan has no track {number}", f"it has: {self._numbers()}")

    def next_number(self) -> int:
        """Return a number no track has."""
        return max((track.number for track in self.tracks), default=0) + 1

    def with_track(self, track: Track) -> Plan:
        """Return the plan with `track` in the place of the one of its number, or at the end."""
        if any(old.number == track.number for old in self.tracks):
            tracks = tuple(track if old.number == track.number else old for old in self.tracks)
        else:
            tracks = (*self.tracks, track)
        return replace(self, tracks=tracks)

    def seconds(self, time: int) -> float:
        """Return a time in ticks as seconds."""
        return float(time * self.picture.time_base)

    def _numbers(self) -> str:
        return ", ".join(str(track.number) for track in self.tracks) or "none"


def _by_time(tracks: Iterable[Track]) -> dict[int, list[Box]]:
    found: dict[int, list[Box]] = {}
    for track in tracks:
        for time, box in track.boxes.items():
            found.setdefault(time, []).append(box)
    return found


def source_of(chunks: Iterator[bytes]) -> Source:
    """Return which file this is from its bytes in order."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    return Source(digest.hexdigest(), size)


def require_for(plan: Plan, source: Source, name: str) -> None:
    """Raise RefusedError unless `plan` was made for the file `source` describes."""
    if plan.source != source:
        raise RefusedError(
            f"the plan was not made for {name}: it is for a file of {plan.source.size} bytes with the "
            f"SHA-256 {plan.source.sha256[:16]}…, this one has {source.size} and {source.sha256[:16]}…",
            "make a plan for this file, or name the file the plan was made for",
        )
