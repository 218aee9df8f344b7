"""Text burned into pictures, and the clock among it: read frame by frame, followed, its jumps found.

The footage is looked at in windows of half a minute. Where one of a window's small pictures shows any text,
the window is decoded once more at its own size: for a few frames, which say what stands there, and, where
that is a time of day, for all. So footage without text costs next to nothing. Of long footage key frames
are read (:mod:`.glancing`). What stays the same over the recording may be the recorder's own name
(signals/overlay_ids.py). Cyrillic: :mod:`.cyrillic_lines`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

import numpy as np

from bearwitness import media
from bearwitness.inference.texts import Texts
from bearwitness.media.frames import frames
from bearwitness.media.model import GRAY8, DecodeTrouble, Frame, Stream
from bearwitness.signals.arrays import Grey
from bearwitness.signals.borders import Box
from bearwitness.signals.clock_track import ClockTrack, Reading, follow_clock
from bearwitness.signals.cyrillic import is_cyrillic
from bearwitness.signals.overlay_ids import Standing, constants
from bearwitness.signals.overlays import Find, Overlay, cut, find_overlays, overlap, read_clock

from .analyser import (
    NOT_MINE,
    Analysis,
    Fact,
    Material,
    Result,
    Text,
)
from .clock_words import facts_of, is_text, parts_of, stays, told_of, whole
from .cyrillic_lines import CyrillicLines

WINDOW: Final = 30
KEY_EVERY: Final = Fraction(10)  # seconds between looks whether there is text, and readings of key frames
_PROBE_EVERY: Final = Fraction(2)
SIDE: Final = 1920
_SHORT: Final = 60  # seconds; every frame of shorter footage is read
_FASTEST: Final = Fraction(1, 300)  # of every frame is meant; a file may hold millions in a second
READ_EVERY: Final = Fraction(1, 5)
_LINE_HIGH: Final = 0.25  # of the picture: what is higher is no line of text, though it be taken for one


@dataclass
class Place:
    """A place at which a clock was seen, and what its pixels were."""

    box: Box
    lines: list[Reading] = field(default_factory=list)


class Windows(Analysis):
    """Notes which windows show text, then decodes those once more."""

    key_frames_only = False

    def __init__(self, material: Material) -> None:
        self._material = material
        self.seen: dict[int, list[Box]] = {}  # lines of text in the small picture of each window
        self.columns = 1  # of the small pictures
        self._overlays: list[tuple[int, Overlay, list[float]]] = []
        self.places: list[Place] = []
        self._standing: list[Standing] = []
        self._cyrillic = CyrillicLines(accept_weak=material.accept_weak)
        self._russian: list[tuple[int, str]] = []
        self._troubles: list[DecodeTrouble] = []
        self._settled = False

    def frame(self, frame: Frame) -> None:
        """Note whether there is text in the window of a small picture."""
        number, self.columns = int(frame.time // WINDOW), frame.picture.shape[1]
        if not self.seen.get(number):
            lines = Texts(self._material.inference()).find(frame.picture)
            highest = _LINE_HIGH * frame.picture.shape[0]
            self.seen[number] = [box for box in lines if box.bottom - box.top <= highest]

    def settle(self) -> None:
        """Read the windows with text."""
        if not self._settled:
            self._settled = True
            self.look_at([number for number, lines in sorted(self.seen.items()) if lines])

    def finish(self) -> Result:
        """Return what stands in the windows with text."""
        if not self.seen:
            return NOT_MINE
        self.settle()
        tracks = [(place, self.follow(place)) for place in self.places]
        clocks = [(place, track) for place, track in tracks if track is not None]
        facts = [fact for _, track in clocks for fact in facts_of(track)]
        texts = [
            Text("overlay", overlay.text, start=float(number * WINDOW), end=float((number + 1) * WINDOW))
            for number, overlay, _ in self._overlays
            if is_text(overlay.text)
        ]
        texts += [
            Text("overlay", text, "ru", float(number * WINDOW), float((number + 1) * WINDOW))
            for number, text in self._russian
        ]
        staying = constants(self._standing)
        facts += [Fact("device.id", each.text) for each in staying if each.is_device_id]
        lines = [
            [number * WINDOW, *parts, overlay.text, overlay.clock]
            for number, overlay, parts in self._overlays
        ]
        details = {
            "overlays": lines,
            "clocks": [{"box": whole(place.box), **told_of(track)} for place, track in clocks],
            "staying": [stays(each) for each in staying],
            "cyrillic": self._cyrillic.told(sorted({text for _, text in self._russian})),
            "key_frames_only": self.key_frames_only,
            "troubles": len(self._material.troubles) + len(self._troubles),
        }
        return Result(facts=facts, texts=texts, details=details)

    def look_at(self, windows: Sequence[int]) -> None:
        """Read what stands in these windows."""
        for number in windows:
            self._look_again(number)

    def follow(self, place: Place) -> ClockTrack | None:
        """Return the clock that the readings at a place show."""
        return follow_clock(place.lines, self._stream().rate)

    def finder(self, number: int) -> Find:
        """Return what says where text is in pictures of a window."""
        return self.texts().find

    def texts(self) -> Texts:
        """Return what finds and reads text."""
        return Texts(self._material.inference())

    def _stream(self) -> Stream:
        stream = self._material.probe().first("video")
        if stream is None:
            raise AssertionError("pictures came of a stream")
        return stream

    def frames(
        self, start: Fraction, end: Fraction, every: Fraction | None, *, key_only: bool = False
    ) -> Iterator[tuple[Fraction, Grey]]:
        """Yield the pictures of a stretch at their own size, with their times."""
        found = frames(
            self._material.sandbox(media.TASKS),
            self._material.source,
            stream=self._stream().index,
            troubles=self._troubles,
            max_side=SIDE,
            pixel=GRAY8,
            key_only=key_only,
            start=start,
            end=end,
            every=every,
            upright=True,
            plan=self._material.plan,
        )
        return ((frame.time, frame.picture) for frame in found)

    def _window(self, number: int, every: Fraction | None) -> Iterator[tuple[Fraction, Grey]]:
        return self.frames(Fraction(number * WINDOW), Fraction((number + 1) * WINDOW), every)

    def _look_again(self, number: int) -> None:
        probes = [np.array(grey) for _, grey in self._window(number, _PROBE_EVERY)]
        clocks = self.find(number, probes)
        if clocks:
            self._read(number, clocks, probes[0])

    def find(self, number: int, probes: list[Grey]) -> list[Box]:
        """Note what stands in a window; return where clocks are, which are yet to be read."""
        found = find_overlays(probes, self.finder(number), self.texts().read)
        self._overlays += [(number, overlay, parts_of(overlay.box, probes[0])) for overlay in found]
        for overlay in found:
            if not overlay.clock:
                self._take(number, overlay, probes[0])
        return [overlay.box for overlay in found if overlay.clock]

    def _take(self, number: int, overlay: Overlay, probe: Grey) -> None:
        """Note a text that is no clock, and what it says in Cyrillic."""
        russian = self._cyrillic.read(cut(probe, overlay.box), overlay.text, parts_of(overlay.box, probe))
        if russian:
            self._russian.append((number, russian))
        self.stand(number, overlay.box, probe, [russian if is_cyrillic(russian) else overlay.text])

    def stand(self, number: int, box: Box, probe: Grey, readings: list[str]) -> None:
        """Note what was read at a place in a window."""
        left, top, width, height = parts_of(box, probe)
        self._standing.append(Standing(number, (left, top, width, height), tuple(readings)))

    def _read(self, number: int, boxes: list[Box], probe: Grey) -> None:
        duration = self._material.probe().duration
        every = _FASTEST if duration is not None and duration <= _SHORT else READ_EVERY
        crops: list[list[tuple[Fraction, Grey]]] = [[] for _ in boxes]
        for time, grey in self._window(number, every):
            for kept, box in zip(crops, boxes, strict=True):
                kept.append((time, np.array(cut(grey, box))))
        for kept, box in zip(crops, boxes, strict=True):
            if kept:
                rows, columns = kept[0][1].shape
                lines = read_clock(kept, Box(0, 0, columns, rows), self.texts().read)
                self.place(box).lines += lines
                self.stand(number, box, probe, [line.text for line in lines])

    def place(self, box: Box) -> Place:
        """Return the place the box is at: a clock stands where it stood in the window before."""
        for place in self.places:
            if overlap(place.box, box) >= 0.5:
                return place
        self.places.append(Place(box))
        return self.places[-1]
