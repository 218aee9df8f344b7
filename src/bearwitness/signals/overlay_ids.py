"""What a recorder burns in of itself: the text that stays the same, at one place, over a whole recording.

A camera that stands still shows shop signs as constantly as its own name. So a text counts as a device id
only if it stands near the upper or lower edge, where recorders write, and has a number or the word for a
camera in it. Even so it is a lead.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bearwitness.signals.clock_text import without_clock

_CONSTANT: Final = 0.8  # of the stretches with text that must show it
_EDGE: Final = 0.25  # of the picture's height, above and below
_NEAR: Final = 0.02  # of the picture's sides, between the middles of one text in two stretches
_WORDS: Final = re.compile(r"\b(cam|camera|ch|chan|channel|dvr|nvr|ipc|кам|камера|канал|пост|блок)\b", re.I)
_FEWEST: Final = 2


@dataclass(frozen=True)
class Standing:
    """A text in one stretch of a recording: left, top, width, height in parts of the picture; what it says.

    `texts` are the readings, one or, of a clock, many.
    """

    stretch: int
    box: tuple[float, float, float, float]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Constant:
    """A text that stays: as read most often, where, and in how many of the stretches that showed text."""

    text: str
    box: tuple[float, float, float, float]
    stretches: int
    of: int

    @property
    def is_device_id(self) -> bool:
        """Whether it stands where recorders write and has a number or the word for a camera in it."""
        middle = self.box[1] + self.box[3] / 2
        named = any(sign.isdigit() for sign in self.text) or _WORDS.search(self.text) is not None
        return named and not _EDGE < middle < 1 - _EDGE


def constants(seen: Iterable[Standing]) -> list[Constant]:
    """Return the texts that stay over a recording, from top to bottom; what runs of a clock is cut out."""
    places: list[list[Standing]] = []
    stretches = set()
    for standing in seen:
        stretches.add(standing.stretch)
        near = next((group for group in places if _near(group[0], standing)), None)
        if near is None:
            places.append([standing])
        else:
            near.append(standing)
    found = [constant for group in places if (constant := _constant(group, len(stretches))) is not None]
    return sorted(found, key=lambda each: (each.box[1], each.box[0]))


def _constant(group: Sequence[Standing], of: int) -> Constant | None:
    """Return what a place says in at least 0.8 of all stretches, in whichever of them most of its readings
    agree.
    """
    voted: Counter[str] = Counter()
    spelled: dict[str, Counter[str]] = {}
    for standing in {each.stretch: each for each in group}.values():
        rests = [rest for text in standing.texts if (rest := without_clock(text))]
        keys = Counter(_key(rest) for rest in rests if len(_key(rest)) >= _FEWEST)
        if not keys:
            continue
        key, count = keys.most_common(1)[0]
        if count >= _CONSTANT * len(standing.texts):
            voted[key] += 1
            spelled.setdefault(key, Counter()).update(rest for rest in rests if _key(rest) == key)
    if not voted:
        return None
    key, times = voted.most_common(1)[0]
    if times < _CONSTANT * of:
        return None
    return Constant(spelled[key].most_common(1)[0][0], group[0].box, times, of)


def _near(one: Standing, other: Standing) -> bool:
    return all(abs(one.box[n] - other.box[n]) <= _NEAR for n in (0, 1))


def _key(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())
