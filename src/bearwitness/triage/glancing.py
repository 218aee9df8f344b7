"""Burned-in text of long footage (analyser.LONG): key frames are read, in one pass, some ten seconds apart.

What is burned in stands at one place, so only windows are read that show text where another one does. A clock
is read where it was found before, and all that stands there is looked up now and then. A few
stretches are read frame by frame, for the moment at which the text changes tells to within a frame what the
clock shows; and so are the first stretches in which it jumped.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby
from typing import Final

import numpy as np

from bearwitness.signals.arrays import Grey
from bearwitness.signals.borders import Box
from bearwitness.signals.clock_text import parse_clock
from bearwitness.signals.clock_track import Jump
from bearwitness.signals.overlays import Find, overlap, read_clock

from .allowance import Allowance
from .analyser import Material
from .clock_words import whole
from .windows import KEY_EVERY, READ_EVERY, WINDOW, Place, Windows

_SELDOM: Final = Fraction(120)  # seconds of footage between looks at all that stands there
_BURST: Final = Fraction(3, 2)  # seconds read frame by frame, each
_BURST_SECONDS: Final = 120  # one more burst for so many seconds of footage, up to
_BURSTS_MAX: Final = 8
_WINDOWS_LEAST: Final = 4  # of fewer that were looked at, one with text is enough
_SAME: Final = 0.5  # of the smaller of two boxes that must be in the other
_JUMP_SECONDS: Final = 600  # one more jump is looked at closely for so many seconds

Timed = list[tuple[Fraction, Grey]]


class Glances(Windows):
    """Notes which windows show text, then reads key frames of these, and a few stretches between them."""

    key_frames_only = True

    def __init__(self, material: Material) -> None:
        super().__init__(material)
        self._full = Allowance(_SELDOM, 2)

    def look_at(self, windows: Sequence[int]) -> None:
        """Read what stands in these windows."""
        windows = [number for number in windows if self._stands(number)]
        if not windows:
            return
        start, end = Fraction(windows[0] * WINDOW), Fraction((windows[-1] + 1) * WINDOW)
        passing = self.frames(start, end, KEY_EVERY, key_only=True)
        for number, timed in groupby(passing, key=lambda each: int(each[0] // WINDOW)):
            if number in windows:
                self._glance(number, [(time, np.array(grey)) for time, grey in timed])
        for place in self.places:
            self._look_closely(place)

    def _stands(self, number: int) -> bool:
        """Say whether a window shows text at a place where another window does; true if there are too few."""
        return len(self.seen) < _WINDOWS_LEAST or bool(self._standing_in(number))

    def _standing_in(self, number: int) -> list[Box]:
        others = [box for other, boxes in self.seen.items() if other != number for box in boxes]
        return [box for box in self.seen[number] if any(overlap(box, other) >= _SAME for other in others)]

    def finder(self, number: int) -> Find:
        """Return what says where text is: for a long recording that is known from the small pictures."""
        if len(self.seen) < _WINDOWS_LEAST:
            return super().finder(number)

        def known(grey: Grey) -> list[Box]:
            scale = grey.shape[1] / self.columns
            return [
                Box(*(round(side * scale) for side in box)) for box in map(whole, self._standing_in(number))
            ]

        return known

    def _glance(self, number: int, timed: Timed) -> None:
        """Read the clocks known so far; where there is none, see what else is there."""
        told = False
        for place in self.places:
            lines = read_clock(timed, place.box, self.texts().read)
            if any(parse_clock(line.text) for line in lines):
                place.lines += lines
                told = True
        if told or not self._full.takes(Fraction(number * WINDOW)):
            return
        probes = [grey for _, grey in timed]
        for box in self.find(number, probes):
            lines = read_clock(timed, box, self.texts().read)
            self.place(box).lines += lines
            self.stand(number, box, probes[0], [line.text for line in lines])

    def _look_closely(self, place: Place) -> None:
        """Read the stretches in which the clock jumped frame by frame, and a little of what lies between."""
        seconds = place.lines[-1].time - place.lines[0].time
        wide = [jump for jump in self._jumps(place) if jump.before - jump.after > _BURST]
        for jump in wide[: 1 + int(seconds // _JUMP_SECONDS)]:
            self._read_between(place, jump.after, jump.before)
        track = self.follow(place)
        moments = [
            moment
            for run in (track.runs if track else ())
            for moment in dict.fromkeys((run.start, max(run.start, run.end - _BURST)))
        ]
        count = min(_BURSTS_MAX, 4 + int(seconds // _BURST_SECONDS), len(moments))
        for index in np.linspace(0, len(moments) - 1, count).round().astype(int).tolist():
            self._read_between(place, moments[index], moments[index] + _BURST)

    def _jumps(self, place: Place) -> Sequence[Jump]:
        track = self.follow(place)
        return () if track is None else track.jumps

    def _read_between(self, place: Place, start: Fraction, end: Fraction) -> None:
        there = {line.time for line in place.lines}
        read = read_clock(self.frames(start, end, READ_EVERY), place.box, self.texts().read)
        place.lines += [line for line in read if line.time not in there]
        place.lines.sort(key=lambda line: line.time)
