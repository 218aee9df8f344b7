"""What is hidden of a chain of sightings, frame by frame: more than any detector saw, within its shot.

Gaps are filled, boxes enlarged, entries and exits padded. In bad light a detector's box shrinks for some
frames, mostly to the front of a head, while the head stays as large as it was: so no box of what was seen
surely once is smaller than those around it in time. What never was is mostly no face and keeps its room.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Collection, Sequence
from typing import Final

from .geometry import Box, around, between, centred, clipped, enclosing, grown
from .tracking import GROWTH_MAX, SURE, Chain

GROW: Final = 1.3  # detectors box brow to chin; hair, ears and the chin of an open mouth lie outside
PAD_SECONDS: Final = 0.4  # how long it is hidden before it is first and after it is last seen
STEADY_SECONDS: Final = 0.2  # a head does not shrink and grow again within so long each way
_UNSEEN: Final = 1.15  # where it was not seen it may have turned or moved unevenly: both ends a little more


def regions(
    chain: Chain, times: Sequence[float], cuts: Collection[int], width: int, height: int
) -> dict[int, Box]:
    """Return what to hide of a chain, by index of frame; `times` in seconds, of a picture of that size."""
    filled = _filled(chain, times)
    if any(one.score >= SURE for one in chain.seen.values()):
        filled = _steadied(filled, times)
    _pad(filled, times, sorted(cuts), len(times))
    found = {}
    for at, box in filled.items():
        inside = clipped(grown(box, GROW), width, height)
        if inside is not None:
            found[at] = inside
    return found


def _filled(chain: Chain, times: Sequence[float]) -> dict[int, Box]:
    """Return its boxes from its first to its last frame, in order, those between sightings guessed."""
    filled: dict[int, Box] = {}
    for first, second in itertools.pairwise(chain.seen):
        a, b = chain.seen[first].box, chain.seen[second].box
        filled[first] = a
        for at in range(first + 1, second):
            share = (times[at] - times[first]) / (times[second] - times[first])
            filled[at] = grown(between(a, b, share), _UNSEEN)
    filled[chain.last] = chain.seen[chain.last].box
    return filled


def _steadied(filled: dict[int, Box], times: Sequence[float]) -> dict[int, Box]:
    """Return boxes around the same middles, each as wide and as high as any close to it in time.

    What is larger by more than things are linked over is not taken for the same thing's true size.
    """
    steady: dict[int, Box] = {}
    near: list[int] = []  # those within reach of it
    coming = iter(filled)
    ahead = next(coming, None)
    for at, box in filled.items():
        while ahead is not None and times[ahead] - times[at] <= STEADY_SECONDS:
            near.append(ahead)
            ahead = next(coming, None)
        near = [other for other in near if times[at] - times[other] <= STEADY_SECONDS]
        wide = max(filled[other].w for other in near)
        high = max(filled[other].h for other in near)
        steady[at] = centred(box, min(wide, GROWTH_MAX * box.w), min(high, GROWTH_MAX * box.h))
    return steady


def _pad(filled: dict[int, Box], times: Sequence[float], cuts: Sequence[int], count: int) -> None:
    """Hide it before its entry and after its exit, moving on at half of its speed, within its shot."""
    first, last = min(filled), max(filled)
    place = bisect.bisect_right(cuts, first)
    shot_begin = cuts[place - 1] if place else 0
    place = bisect.bisect_right(cuts, last)
    shot_end = cuts[place] if place < len(cuts) else count
    head, tail = _step(filled, first, 1), _step(filled, last, -1)
    for at in range(first - 1, shot_begin - 1, -1):
        if times[first] - times[at] > PAD_SECONDS:
            break
        filled[at] = _drifted(filled[first], head, first - at)
    for at in range(last + 1, shot_end):
        if times[at] - times[last] > PAD_SECONDS:
            break
        filled[at] = _drifted(filled[last], tail, at - last)


def _step(filled: dict[int, Box], at: int, towards: int) -> tuple[float, float]:
    """Return how far it moves a frame when it leaves `at` away from what is known."""
    other = at + towards * min(5, len(filled) - 1)
    if other == at or other not in filled:
        return 0.0, 0.0
    a, b = filled[at], filled[other]
    away = abs(other - at)
    return (a.x - b.x) / away, (a.y - b.y) / away


def _drifted(box: Box, step: tuple[float, float], frames: int) -> Box:
    moved = enclosing(box.x + step[0] * frames / 2, box.y + step[1] * frames / 2, box.w, box.h)
    return around(box, moved) if frames <= 2 else moved
