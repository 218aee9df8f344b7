"""A copy that is not to be matched with its original: a random part of both ends left out, times from zero.

Whoever holds the place's servers has lists of what was copied: names, sizes, lengths. A copy with exactly as
many frames as one recording on such a list tells which it was. So the plan draws how many of the first and
last frames are left out, by the system's randomness; it says that a number was drawn and in which range, and
carries a salt, because a plan that the tool made of the original could be made, and recognised, again.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor
from typing import Final

from bearwitness.errors import RefusedError, UsageError
from bearwitness.media.model import BGR24, Frame, Sound

from .attack.hits import Hit, Report
from .footage import Footage
from .geometry import Box
from .plan import Ends, Plan, Track, Utterance

MOST_MS: Final = 5_000
SHARE: Final = 10
"""At either end at least one frame is left out, at most `most` milliseconds and a tenth of all frames."""
_MOST_MAX: Final = 3_600_000
SALT_BYTES: Final = 32


def draw(plan: Plan, most: int = MOST_MS, below: Callable[[int], int] = secrets.randbelow) -> Plan:
    """Return `plan` with ends drawn anew: each number of frames within the range is equally likely.

    `most` is in milliseconds. Raises UsageError for one that is none, RefusedError where a plan has fewer
    than ten frames.
    """
    if not 1 <= most <= _MOST_MAX:
        raise UsageError(f"{most / 1000} seconds can not be left out at an end", "from 0.001 to 3600")
    times, limit = plan.times, Fraction(most, 1000)
    tenth = len(times) // SHARE
    if not tenth:
        raise RefusedError(
            f"{len(times)} frames are too few to leave some out at the ends", "show a picture of it instead"
        )
    base = plan.picture.time_base
    first = sum((time - times[0]) * base <= limit for time in itertools.islice(times, 1, tenth + 1))
    last = sum((times[-1] - time) * base <= limit for time in itertools.islice(reversed(times), 1, tenth + 1))
    numbers = [1 + below(max(1, count)) for count in (first, last)]
    return replace(plan, ends=Ends(numbers[0], numbers[1], most, secrets.token_hex(SALT_BYTES)))


def kept(plan: Plan) -> tuple[int, ...]:
    """Return the times of the frames that a plan with ends shows, on the original's clock."""
    ends = plan.ends
    return plan.times if ends is None else plan.times[ends.begin : len(plan.times) - ends.end]


def part_of(footage: Footage, plan: Plan) -> tuple[Footage, Plan]:
    """Return what a plan with ends shows: the footage and the plan without the ends, times from zero.

    Both are returned as they are where the plan has none.
    """
    ends = plan.ends
    if ends is None:
        return footage, plan
    shown = kept(plan)
    if not shown:
        raise RefusedError("the plan leaves out all frames")
    begin, end = shown[0], plan.times[len(plan.times) - ends.end]
    part = Part(footage.sandbox, footage.source, begin, end)
    return part, _shifted(plan, shown, end)


def whole_again(report: Report, plan: Plan) -> Report:
    """Return the report of an attack on what :func:`part_of` gave with times as in the whole plan."""
    if plan.ends is None:
        return report
    begin = kept(plan)[0]
    milli = floor(begin * plan.picture.time_base * 1000)

    def back(hit: Hit) -> Hit:
        mute = None if hit.mute is None else (hit.mute[0] + milli, hit.mute[1] + milli + 1)
        boxes = {time + begin: box for time, box in hit.boxes.items()}
        return replace(hit, time=None if hit.time is None else hit.time + begin, boxes=boxes, mute=mute)

    return replace(report, hits=[back(hit) for hit in report.hits])


@dataclass(frozen=True)
class Part(Footage):
    """Footage from the tick `begin` to before `end`, with a clock of its own; no packet is copied."""

    begin: int
    end: int

    @property
    def anew(self) -> bool:
        """No packet of the original may be in a copy of it."""
        return True

    def frames(
        self,
        pixel: str = BGR24,
        *,
        upright: bool = False,
        start: Fraction | None = None,
        end: Fraction | None = None,
        every: Fraction | None = None,
    ) -> Iterator[Frame]:
        """Yield as :meth:`Footage.frames` what lies in the part."""
        base = self.time_base
        shift = self.begin * base
        first = shift if start is None else max(shift, start + shift)
        last = self.end * base if end is None else min(self.end * base, end + shift)
        inside = super().frames(pixel, upright=upright, start=first, end=last, every=every)
        for number, frame in enumerate(inside):
            yield replace(frame, index=number, pts=frame.pts - self.begin, time=frame.time - shift)

    def sound(self, stream: int, rate: int = 0) -> Iterator[Sound]:
        """Yield as :meth:`Footage.sound` what lies in the part."""
        begin, end, given = self.begin * self.time_base, self.end * self.time_base, 0
        for piece in super().sound(stream, rate):
            low = max(0, ceil((begin - piece.time) * piece.rate))
            high = min(len(piece.samples), floor((end - piece.time) * piece.rate))
            if low < high:
                time = piece.time + Fraction(low, piece.rate) - begin
                yield Sound(given, time, piece.rate, piece.samples[low:high])
                given += high - low


def _shifted(plan: Plan, shown: tuple[int, ...], end: int) -> Plan:
    begin, base = shown[0], plan.picture.time_base
    low, high = Fraction(begin * base * 1000), Fraction(end * base * 1000)  # in milliseconds

    def cut(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
        found = [(max(0, floor(a - low)), ceil(min(Fraction(b), high) - low)) for a, b in ranges]
        return [(a, b) for a, b in found if a < b]

    muted, changed = list(plan.muted), list[Utterance]()
    for one in plan.changed:
        if one.begin < low or one.end > high:  # half of an utterance can not be spoken again: silence
            muted.append((one.begin, one.end))
        else:
            changed.append(replace(one, begin=floor(one.begin - low), end=floor(one.end - low)))
    return replace(
        plan,
        times=tuple(time - begin for time in shown),
        tracks=tuple(_tracks(plan.tracks, shown)),
        doubts=(),
        muted=tuple(cut(muted)),
        changed=tuple(changed),
        ends=None,
    )


def _tracks(tracks: tuple[Track, ...], shown: tuple[int, ...]) -> Iterator[Track]:
    inside = frozenset(shown)
    for track in tracks:
        boxes: Mapping[int, Box] = {t - shown[0]: box for t, box in track.boxes.items() if t in inside}
        if boxes:
            yield replace(track, boxes=boxes)
