"""Listens to the finished file for speech where the plan left the sound as it was: not muted, not changed.

Where the plan says that speech was looked for and muted, any that is left refuses the file; where people
chose the ranges to mute, it is named for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ..footage import Footage
from ..plan import Plan
from .hits import Hit

CHECK: Final = "speech"
LISTENS: Final = "silero-vad"
_SHORTEST: Final = 60  # milliseconds: two windows of the detector
_NAMED_MAX: Final = 20
Range = tuple[int, int]
Hear = Callable[[Footage, int, Sequence[Range]], tuple[int, list[Range]]]
"""How many samples of a track were heard and when, in milliseconds, somebody speaks outside of the ranges."""


def check(finished: Footage, plan: Plan, hear: Hear) -> tuple[int, list[Hit], list[str]]:
    """Return how many samples were listened to, hits and warnings; raise as decoding and the worker do."""
    count, found = 0, list[tuple[int, Range]]()
    for stream in finished.sounds:
        heard, turns = hear(finished, stream.index, plan.unheard)
        count += heard
        found += [(stream.index, rest) for turn in turns for rest in _outside(turn, plan.unheard)]
    says = [
        f"in sound track {stream} somebody may speak from {begin / 1000:.3f} to {end / 1000:.3f} s"
        for stream, (begin, end) in found
    ]
    if any(detector.name == LISTENS for detector in plan.detectors):
        hits = [
            Hit(CHECK, f"{said}, outside of what was muted", mute=span)
            for said, (_, span) in zip(says, found, strict=True)
        ]
        return count, hits, []
    more = [f"and {len(says) - _NAMED_MAX} times more"] if len(says) > _NAMED_MAX else []
    return count, [], [f"listen: {said}, and is not muted" for said in says[:_NAMED_MAX]] + more


def _outside(turn: Range, muted: Sequence[Range]) -> list[Range]:
    """Return the parts of a turn that lie in no muted range; the shortest are the detector's rounding."""
    begin, end = turn
    found = []
    for first, last in sorted(muted):
        if begin < first < end:
            found.append((begin, first))
        if first < end and last > begin:
            begin = max(begin, last)
    found.append((begin, end))
    return [(first, last) for first, last in found if last - first >= _SHORTEST]
