"""Where the burned-in texts of a shot are, found once; and the clock among them, read on every frame handed
in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from bearwitness.signals.arrays import Grey
from bearwitness.signals.borders import Box
from bearwitness.signals.clock_text import parse_clock
from bearwitness.signals.clock_track import Reading
from bearwitness.signals.text import Line

Find = Callable[[Grey], list[Box]]
Read = Callable[[Grey], Line]

_PROBES = 3
_MOST_BOXES = 12
_SAME = 0.5  # of the smaller of two boxes that must be in the other
_CHANGED = 6.0  # grey levels in a part of the box as wide as it is high: a digit changed, it is no noise


@dataclass(frozen=True)
class Overlay:
    """A text that stands at one place through a shot. text: as read most often; clock: it reads as a time of
    day.
    """

    box: Box
    text: str
    clock: bool


def find_overlays(frames: Sequence[Grey], find: Find, read: Read) -> list[Overlay]:
    """Return the texts that stand still through a shot, from a few of its frames (three are looked at).

    find and read: TextFinder.find and TextReader.read, or what asks a locked worker for the same.
    """
    if not frames:
        return []
    chosen = [frames[int(index)] for index in np.unique(np.linspace(0, len(frames) - 1, _PROBES).round())]
    found = [find(frame) for frame in chosen]
    standing = _standing([box for boxes in found for box in boxes], min(2, len(chosen)))
    overlays = []
    for box in standing[:_MOST_BOXES]:
        texts = [
            reading.text for reading in read_clock([(Fraction(0), frame) for frame in chosen], box, read)
        ]
        clock = sum(bool(parse_clock(text)) for text in texts) >= min(2, len(chosen))
        text = Counter(text for text in texts if text).most_common(1)
        if text:
            overlays.append(Overlay(box, text[0][0], clock))
    return overlays


def read_clock(frames: Iterable[tuple[Fraction, Grey]], box: Box, read: Read) -> list[Reading]:
    """Return what the box says at each frame; frames on which its pixels did not change keep the reading
    before.
    """
    readings: list[Reading] = []
    before: Grey | None = None
    for time, frame in frames:
        now = cut(frame, box)
        if before is None or not readings or _changed(before, now):
            line = read(now)
            before = now
        else:
            line = Line(readings[-1].text, readings[-1].sure)
        readings.append(Reading(time, line.text, line.sure))
    return readings


def cut(frame: Grey, box: Box) -> Grey:
    """Return the part of the frame inside the box, with a little around it, so that no stroke is cut."""
    margin = max(2, (box.bottom - box.top) // 8)
    return frame[
        max(0, box.top - margin) : box.bottom + margin, max(0, box.left - margin) : box.right + margin
    ]


def _standing(boxes: list[Box], times: int) -> list[Box]:
    """Return one box for each place at which boxes were found at least `times` times; the largest extent
    seen.
    """
    groups: list[list[Box]] = []
    for box in boxes:
        near = next((group for group in groups if overlap(group[0], box) >= _SAME), None)
        if near is None:
            groups.append([box])
        else:
            near.append(box)
    return [
        Box(min(b.left for b in g), min(b.top for b in g), max(b.right for b in g), max(b.bottom for b in g))
        for g in groups
        if len(g) >= times
    ]


def overlap(one: Box, other: Box) -> float:
    """Return how much of the smaller box lies in the other, 0 to 1."""
    both = Box(
        max(one.left, other.left),
        max(one.top, other.top),
        min(one.right, other.right),
        min(one.bottom, other.bottom),
    )
    if both.right <= both.left or both.bottom <= both.top:
        return 0.0
    return both.area / max(1, min(one.area, other.area))


def _changed(one: Grey, other: Grey) -> bool:
    change = np.abs(one.astype(np.int16) - other.astype(np.int16)).mean(axis=0)
    wide = max(1, one.shape[0] // 2)
    parts = np.add.reduceat(change, np.arange(0, len(change), wide)) / wide
    return bool(parts.max() >= _CHANGED)
