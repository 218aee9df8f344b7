"""From detections in single frames to chains of one thing (Kalman-free); :mod:`.covering` hides them.

A detector misses a turned or blurred face for some frames; a track does not. Detections are linked from
frame to frame and over gaps, forwards, and, because a link joins both its ends, backwards alike: a weak
detection counts if it belongs to something that is strong at another time. Nothing is linked across a cut.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from .geometry import Box, around, enclosing, overlap

GAP_SECONDS: Final = 1.0  # how long something may be lost and still be the same
SURE: Final = 0.35  # one detection of this score is enough for a track …
SEEN_OFTEN: Final = 3  # … or so many of THRESHOLD
THRESHOLD: Final = 0.2
HEADS: Final = "heads"  # who says so where a person is seen and no face
WEAK: Final = 0.1  # carries a track on, begins none
LYING_OFTEN: Final = 5  # frames in which a turned picture shows a face: a single one is mostly none
_LYING: Final = WEAK + 0.05  # how sure it is that somebody lies there, by one frame
_SAME: Final = 0.25  # overlap of two detectors' boxes in one frame that makes them one
_LINK: Final = 0.15
_NEAR: Final = 1.0  # or middles this many box sides apart …
_STEADY: Final = 6  # sightings a speed is taken over: two alone are mostly the detector's unrest
_FAR_SIDES: Final = 3  # nothing is expected further away than so many of its sides
GROWTH_MAX: Final = 1.6  # … with sides that differ by no more than this


@dataclass(frozen=True, slots=True)
class Detection:
    """What one detector saw in one frame: a rectangle in pixels, 0 to 1 how sure, who saw it.

    `lying`: in a turned picture.
    """

    x: float
    y: float
    w: float
    h: float
    score: float
    by: str
    lying: bool = False

    @property
    def box(self) -> Box:
        """Its box in whole pixels."""
        return enclosing(self.x, self.y, self.w, self.h)


@dataclass(frozen=True, slots=True)
class Sighting:
    """What all detectors together saw at one place in one frame; `lying`: how surely in a turned picture."""

    box: Box
    score: float
    by: frozenset[str]
    lying: float = 0.0

    @property
    def only_carries(self) -> bool:
        """Whether it is a head without a face, which says where something is and not that it is one."""
        return self.by == {HEADS} and self.score < THRESHOLD


@dataclass(slots=True)
class Chain:
    """Sightings that are one thing, by the index of the frame."""

    seen: dict[int, Sighting] = field(default_factory=dict)

    @property
    def last(self) -> int:
        """The index of the frame it was last seen in."""
        return next(reversed(self.seen))

    @property
    def last_told(self) -> int:
        """The frame in which it was last seen as what it is, not only carried; its first if it never was."""
        told = (at for at, one in reversed(self.seen.items()) if not one.only_carries)
        return next(told, next(iter(self.seen)))

    def trimmed(self) -> Chain:
        """Return it without what only carries it at its ends, where it carries to nowhere."""
        told = [at for at, one in self.seen.items() if not one.only_carries]
        if not told:
            return self
        return Chain({at: one for at, one in self.seen.items() if told[0] <= at <= told[-1]})

    def counts(self, sure: float) -> bool:
        """Say whether it was seen surely, with that score, or often enough to be hidden."""
        scores = [one.score for one in self.seen.values()]
        lying = sum(one.lying >= sure for one in self.seen.values())
        often = sum(score >= THRESHOLD for score in scores) >= SEEN_OFTEN
        # Where one picture is all there is, it has to do.
        return max(scores) >= sure or often or lying >= (LYING_OFTEN if sure > THRESHOLD else 1)

    def expected(self, at: int, times: Sequence[float]) -> Box:
        """Return where it should be in frame `at`, had it moved on as over its last few sightings."""
        known = list(itertools.islice(reversed(self.seen), _STEADY))  # never all of them: tracks are long
        last, first = known[0], known[-1]
        box, before = self.seen[last].box, self.seen[first].box
        span = times[last] - times[first]
        if span <= 0:
            return box
        share, most = (times[at] - times[last]) / span, _FAR_SIDES * max(box.w, box.h)

        def moved(now: int, then: int) -> int:
            return round(now + max(-most, min(most, (now - then) * share)))

        return Box(moved(box.x, before.x), moved(box.y, before.y), box.w, box.h)


def merged(detections: Sequence[Detection]) -> list[Sighting]:
    """Return what was seen in one frame, boxes of several detectors around one thing as one."""
    found: list[Sighting] = []
    for one in sorted(detections, key=lambda d: (d.lying, -d.score)):
        for n, old in enumerate(found):
            if overlap(old.box, one.box) >= _SAME:
                found[n] = _joined(old, one)
                break
        else:
            score, lying = (_LYING, one.score) if one.lying else (one.score, 0.0)
            found.append(Sighting(one.box, score, frozenset((one.by,)), lying))
    return found


def _joined(old: Sighting, one: Detection) -> Sighting:
    """Return what was seen with one detection more at its place."""
    box = around(old.box, one.box)
    if (one.by == HEADS and one.score < THRESHOLD) or (one.lying and old.score >= THRESHOLD):
        # A head's box is guessed from shoulders and ears: it confirms a face and does not enlarge it. Nor
        # does what a turned picture shows of a face that is seen upright.
        box = old.box
    elif one.lying and old.by == {HEADS}:
        box = one.box
    return Sighting(box, old.score, old.by | {one.by}, max(old.lying, one.score if one.lying else 0.0))


def link(
    frames: Sequence[Sequence[Sighting]], times: Sequence[float], cuts: Collection[int], sure: float = SURE
) -> list[Chain]:
    """Return the chains that count; `times` in seconds, `cuts` are frames that begin a new shot."""
    return [chain for chain in link_all(frames, times, cuts) if chain.counts(sure)]


def link_all(
    frames: Sequence[Sequence[Sighting]], times: Sequence[float], cuts: Collection[int]
) -> list[Chain]:
    """Return the chains through all frames, those of a single unsure sighting included."""
    done: list[Chain] = []
    live: list[Chain] = []
    for at, sightings in enumerate(frames):
        if at in cuts:
            done, live = done + live, []
        still = [chain for chain in live if times[at] - times[chain.last_told] <= GAP_SECONDS]
        done += [chain for chain in live if times[at] - times[chain.last_told] > GAP_SECONDS]
        live = still
        _link_frame(live, at, sightings, times)
    return [chain.trimmed() for chain in done + live]


def _link_frame(live: list[Chain], at: int, sightings: Sequence[Sighting], times: Sequence[float]) -> None:
    pairs = []
    for c, chain in enumerate(live):
        expected, last = chain.expected(at, times), chain.seen[chain.last].box
        for s, one in enumerate(sightings):
            # What was hardly seen must lie where the thing is: it may not drag a track to another place.
            far = one.score >= THRESHOLD
            fit = max(_fit(expected, one.box, far=far), _fit(last, one.box, far=far))
            if fit > 0:
                pairs.append((fit, c, s))
    taken_chains: set[int] = set()
    taken: set[int] = set()
    for _, c, s in sorted(pairs, reverse=True):
        if c not in taken_chains and s not in taken:
            live[c].seen[at] = sightings[s]
            taken_chains.add(c)
            taken.add(s)
    live += [Chain({at: one}) for s, one in enumerate(sightings) if s not in taken]


def _fit(a: Box, b: Box, *, far: bool) -> float:
    """Return how well two boxes may be one thing, 0 if not at all; `far`: also without touching."""
    shared = overlap(a, b)
    if shared >= _LINK:
        return 1 + shared
    if not far:
        return 0.0
    ratio = max(a.w, b.w) / min(a.w, b.w)
    side = max(a.w, a.h, b.w, b.h)
    away = max(abs(a.x + a.w / 2 - b.x - b.w / 2), abs(a.y + a.h / 2 - b.y - b.h / 2)) / side
    return 1 - away / 2 if ratio <= GROWTH_MAX and away <= _NEAR else 0.0
