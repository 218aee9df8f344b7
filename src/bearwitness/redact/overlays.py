"""Texts burned into footage, clocks, device numbers, captions: found on some frames, covered by themselves.

A text is taken for burned in when it stands at one place for a second or more, or comes back there in another
shot, and can be read. A sign in the picture of a camera that does not move is that too, and is covered too:
it tells the place. Text that moves, is upright or hand-written is not found (docs/measurements-redact.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import numpy as np

from bearwitness.inference.models import model
from bearwitness.inference.texts import FINDER, READER
from bearwitness.media.model import Picture
from bearwitness.signals.arrays import Grey, to_grey
from bearwitness.signals.borders import Box as Edges
from bearwitness.signals.clock_text import parse_clock
from bearwitness.signals.text import Line

from .geometry import Box, around, clipped, common
from .plan import BY_MACHINE, Detector, Doubt, Plan, Track

KIND: Final = "overlay"
_NAMES: Final = (FINDER, READER)
_THRESHOLD: Final = 500  # what the finder wants of a line, in thousandths
_DENSE_SECONDS: Final = 5.0  # of a shot, in which it is sampled every …
_EVERY_SECONDS: Final = (1.0, 2.5)  # … seconds, and after which every …
_APART_SECONDS: Final = 0.4
_STANDS_SECONDS: Final = 0.9
_REACH_SECONDS: Final = 60.0  # how far beyond its sightings a text of one shot is covered
_HEIGHT_MAX: Final = 0.25  # of the picture: what is larger is no line of text
_AREA_MAX: Final = 0.2
_PART_MAX: Final = 0.4  # the same, of the height of a band
_SAME: Final = 0.5  # of the smaller of two boxes …
_SAME_ROWS: Final = 0.6  # … and of their rows
_READS_MAX: Final = 4
_WHOLE_MAX: Final = 1024  # the finder makes what it is given 640 wide, and small letters are lost then
_TILE: Final = 1024
_BAND: Final = 4  # overlays stand in the upper or lower of so many parts
_SURE: Final = 0.5
_SURE_AGAIN: Final = 0.3  # where it came back in another shot
_MARGIN: Final = (0.25, 0.2)  # across and down, in heights of the line
_MARGIN_CLOCK: Final = (0.6, 0.3)  # its text grows by a digit


class TextLooker(Protocol):
    """Finds lines of text in a grey picture, and reads one: :class:`bearwitness.inference.texts.Texts`."""

    def find(self, grey: Grey) -> list[Edges]:
        """Return the boxes of lines."""

    def read(self, grey: Grey) -> Line:
        """Return the text of a picture cut to one line."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """A text that stands still: where, with room around it, in which frames by number, what it says.

    `shown`: it is not hidden unless somebody wants it to be.
    """

    box: Box
    first: int
    last: int
    text: str
    clock: bool
    shown: bool = False


@dataclass(slots=True)
class Place:
    """Where text was seen again and again; `seen` are (frame, seconds, shot), `lines` what was read there."""

    box: Box
    seen: list[tuple[int, float, int]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    first_box: Box = field(default_factory=lambda: Box(0, 0, 1, 1))

    @property
    def shots(self) -> int:
        """In how many shots."""
        return len({shot for _, _, shot in self.seen})

    @property
    def is_clock(self) -> bool:
        """Whether a time of day or a date was read."""
        return any(parse_clock(line.text) for line in self.lines)

    @property
    def stands(self) -> bool:
        """Whether it was there for a while, or again."""
        return self.shots > 1 or self.seen[-1][1] - self.seen[0][1] >= _STANDS_SECONDS

    @property
    def best(self) -> Line:
        """What was read with the most certainty among what is text."""
        return max(self.lines, key=lambda line: (is_text(line.text), line.sure), default=Line("", 0.0))

    @property
    def like_a_line(self) -> bool:
        """Whether it is shaped like letters in a row and a letter was read in it."""
        read = any(line.sure >= _SURE and any(map(str.isalnum, line.text)) for line in self.lines)
        return read and self.box.w >= self.box.h

    def readable(self, sure: float, sure_again: float) -> bool:
        """Say whether it says something, read with so much certainty; less where it came back."""
        return is_text(self.best.text) and self.best.sure >= (sure_again if self.shots > 1 else sure)


class Places:
    """Collects boxes of text from frame to frame."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self.found: list[Place] = []

    def add(self, edges: Edges, at: tuple[int, float, int]) -> Place | None:
        """Take in a box of the frame `at` (number, seconds, shot); None if it can not be a line of text."""
        box = Box(edges.left, edges.top, edges.right - edges.left, edges.bottom - edges.top)
        if box.h > _HEIGHT_MAX * self._height or box.area > _AREA_MAX * self._width * self._height:
            return None
        for place in self.found:
            if _one_place(place.first_box, box):
                place.box = around(place.box, box)
                if place.seen[-1] != at:
                    place.seen.append(at)
                return place
        self.found.append(Place(box, [at], first_box=box))
        return self.found[-1]


@dataclass(slots=True)
class Sampling:
    """Which frames are looked at: `every` seconds at the beginning of a shot, and later, from `phase` on."""

    every: tuple[float, float] = _EVERY_SECONDS
    phase: float = 0.0
    _begun: float = 0.0
    _last: float = float("-inf")
    _soon: bool = False

    def begin(self, seconds: float) -> None:
        """Tell that a shot begins."""
        self._begun = seconds

    def look_soon(self) -> None:
        """Tell that something is there that may be gone in a moment."""
        self._soon = True

    def due(self, seconds: float) -> bool:
        """Say whether the frame at `seconds` is to be looked at, and take it that it was."""
        since, shot = seconds - self._last, seconds - self._begun
        late = since >= self.every[0 if shot < _DENSE_SECONDS or self._soon else 1] - 1e-6
        fresh = self._last < self._begun and shot >= self.phase and since >= _APART_SECONDS
        if not late and not fresh:
            return False
        self._last, self._soon = seconds, False
        return True


class Finder(Protocol):
    """Takes in frames or pages and tells at the end what is burned in."""

    def take(self, seconds: float, picture: Picture, *, cut: bool) -> None:
        """Take in the next one; `cut`: it begins a shot."""

    def finish(self) -> tuple[list[Overlay], list[tuple[int, str]]]:
        """Return what is burned in, and frames a person should look at with the reason."""


class OverlayFinder:
    """Takes in every frame in order, looks at some, tells at the end what is burned in."""

    def __init__(self, texts: TextLooker, width: int, height: int) -> None:
        self._texts, self._places, self._sampling = texts, Places(width, height), Sampling()
        self._size = width, height
        self._times: list[float] = []
        self._cuts: list[int] = []
        self._before: Picture | None = None

    def take(self, seconds: float, picture: Picture, *, cut: bool) -> None:
        """Take in a frame; `cut`: it begins a shot. Raises ChildFailedError as the worker does."""
        number = len(self._times)
        if cut or not number:
            if self._before is not None and self._sampling.due(self._times[-1] + _APART_SECONDS):
                self._look(number - 1, self._before)  # the last of a shot, however short it is
            self._cuts += [number] if number else []
            self._sampling.begin(seconds)
        self._times.append(seconds)
        self._before = picture
        if self._sampling.due(seconds):
            self._look(number, picture)

    def _look(self, number: int, picture: Picture) -> None:
        grey = to_grey(picture)
        at = number, self._times[number], sum(cut <= number for cut in self._cuts)
        for edges in find_lines(self._texts, grey):
            place = self._places.add(edges, at)
            if place is None:
                continue
            if len(place.lines) < _READS_MAX:
                place.lines.append(self._texts.read(around_line(grey, edges)))
            if len(place.seen) == 1:
                self._sampling.look_soon()

    def finish(self) -> tuple[list[Overlay], list[tuple[int, str]]]:
        """Return what is burned in, and frames a person should look at with the reason."""
        if self._before is not None and self._sampling.due(self._times[-1] + _EVERY_SECONDS[1]):
            self._look(len(self._times) - 1, self._before)
        overlays, doubts = [], []
        for place in self._places.found:
            if not place.stands:
                continue
            if place.readable(_SURE, _SURE_AGAIN):
                overlays.append(self._overlay(place))
            elif place.like_a_line:
                first = place.seen[0][0]
                doubts.append((first, "something stands still that may be text; it is not hidden"))
        return overlays, doubts

    def _overlay(self, place: Place) -> Overlay:
        first, last = reach(place, self._times, self._cuts)
        return Overlay(room_for(place, *self._size), first, last, place.best.text, place.is_clock)


def reach(place: Place, times: Sequence[float], cuts: Sequence[int]) -> tuple[int, int]:
    """Return the first and last number of the frames in which a text is covered.

    All of the footage if it came back in another shot or is a clock, else its shot, but for what is far off.
    """
    if place.shots > 1 or place.is_clock:
        return 0, len(times) - 1
    edges, shot = [0, *cuts, len(times)], place.seen[0][2]
    begin, end = place.seen[0][1] - _REACH_SECONDS, place.seen[-1][1] + _REACH_SECONDS
    inside = [n for n in range(edges[shot], edges[shot + 1]) if begin <= times[n] <= end]
    return inside[0], inside[-1]


def room_for(place: Place, width: int, height: int) -> Box:
    """Return a text's box with room for strokes the finder cut off; a clock's for one more digit."""
    return with_room(place.box, width, height, clock=place.is_clock, line=place.first_box.h)


def with_room(box: Box, width: int, height: int, *, clock: bool = False, line: int = 0) -> Box:
    """Return a line's box with room for strokes that the finder cut off; `line`: its height."""
    across, down = _MARGIN_CLOCK if clock else _MARGIN
    line = line or box.h
    return with_margin(box, width, height, (max(4, round(across * line)), max(3, round(down * line))))


def with_overlays(
    plan: Plan, overlays: Iterable[Overlay], *, cover: bool, looked: str = "sampled frames"
) -> Plan:
    """Return the plan with a track for each overlay, and with what `looked` for them among its detectors."""
    for one in overlays:
        boxes = dict.fromkeys(plan.times[one.first : one.last + 1], one.box)
        number = plan.next_number()
        plan = plan.with_track(
            Track(number, KIND, hide=cover and not one.shown, by=BY_MACHINE, boxes=boxes, says=one.text)
        )
    return replace(plan, detectors=(*plan.detectors, *detectors(looked)))


def with_doubts(plan: Plan, doubts: Iterable[tuple[int, str]]) -> Plan:
    """Return the plan with more frames to look at, by number and reason."""
    more = [*plan.doubts, *(Doubt(plan.times[number], reason) for number, reason in doubts)]
    return replace(plan, doubts=tuple(sorted(more, key=lambda doubt: doubt.time)))


def detectors(looked: str) -> tuple[Detector, ...]:
    """Return what looks for texts, as plans name it."""
    return tuple(Detector(name, model(name).sha256, (looked,), _THRESHOLD) for name in _NAMES)


def looked_for(plan: Plan) -> bool:
    """Say whether somebody looked for texts when the plan was made."""
    return any(detector.name == FINDER for detector in plan.detectors)


def is_text(text: str) -> bool:
    """Say whether there is more in it than a stroke that was taken for a letter."""
    return sum(character.isalnum() for character in text) >= 2


def find_lines(texts: TextLooker, grey: Grey) -> list[Edges]:
    """Return the boxes of lines in a picture; in a large one the bands at top and bottom are enlarged."""
    rows, columns = grey.shape
    found = texts.find(grey)
    if max(rows, columns) <= _WHOLE_MAX:
        return found
    high, wide = rows // _BAND, min(columns, _TILE)
    count = -(-(columns - _TILE // 10) // (_TILE - _TILE // 10)) if columns > _TILE else 1
    lefts = [round(n * (columns - wide) / max(1, count - 1)) for n in range(count)]
    for top in (0, rows - high):
        for left in lefts:
            part = np.ascontiguousarray(grey[top : top + high, left : left + wide])
            found += [
                Edges(left + e.left, top + e.top, left + e.right, top + e.bottom)
                for e in texts.find(part)
                if e.bottom - e.top <= _PART_MAX * high
            ]
    return found


def around_line(grey: Grey, edges: Edges) -> Grey:
    """Return the part of a picture with a line of text, with a little around it."""
    margin = max(2, (edges.bottom - edges.top) // 8)
    part = grey[
        max(0, edges.top - margin) : edges.bottom + margin, max(0, edges.left - margin) : edges.right + margin
    ]
    return np.ascontiguousarray(part)


def with_margin(box: Box, width: int, height: int, margin: tuple[int, int]) -> Box:
    """Return a box with so many pixels more at each side and above and below, as far as the picture goes."""
    across, down = margin
    wide = Box(box.x - across, box.y - down, box.w + 2 * across, box.h + 2 * down)
    return clipped(wide, width, height) or box


def _one_place(a: Box, b: Box) -> bool:
    shared = common(a, b)
    rows = min(a.bottom, b.bottom) - max(a.y, b.y)
    return shared >= _SAME * min(a.area, b.area) and rows >= _SAME_ROWS * max(a.h, b.h)
