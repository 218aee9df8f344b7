"""Looking at every frame and making the plan: detectors, cuts, tracks, doubts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bearwitness.errors import RefusedError
from bearwitness.media.model import Frame

from .covering import regions
from .cuts import Cuts
from .geometry import Box
from .looking import BODIES, Looker
from .overlays import Finder, Overlay
from .plan import BY_MACHINE, Doubt, Plan, Source, Track
from .shown import Shown
from .tracking import HEADS, SURE, THRESHOLD, Chain, Sighting, link, merged

Progress = Callable[[int], None]


@dataclass(slots=True)
class Seen:
    """What was seen in a whole file; lists run in parallel, one entry a frame."""

    times: list[int] = field(default_factory=list)
    sightings: list[list[Sighting]] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    overlays: list[Overlay] = field(default_factory=list)
    unread: list[tuple[int, str]] = field(default_factory=list)


def look_at_all(
    footage: Shown,
    looker: Looker,
    progress: Progress = lambda done: None,
    finder: Finder | None = None,
) -> Seen:
    """Return what the detectors saw in each frame, where cuts are, and what `finder` says is burned in."""
    seen = Seen()
    cuts = Cuts(seen.cuts, everywhere=footage.apart)
    handed: list[int] = []
    for frame, detections in looker.look(_noted(footage.frames(upright=True), handed)):
        before = len(seen.cuts)
        cuts.take(frame.picture)
        if finder is not None:
            finder.take(float(frame.time), frame.picture, cut=len(seen.cuts) > before)
        seen.times.append(frame.pts)
        seen.sightings.append(merged(detections))
        progress(1)
    if seen.times != handed:
        raise RefusedError(
            f"detectors answered for {len(seen.times)} of {len(handed)} frames of {footage.name}",
            "a frame that nobody saw can not be handed on; run it again",
        )
    if finder is not None:
        seen.overlays, seen.unread = finder.finish()
    return seen


def _noted(frames: Iterator[Frame], handed: list[int]) -> Iterator[Frame]:
    for frame in frames:
        handed.append(frame.pts)
        yield frame


def make_plan(source: Source, footage: Shown, looker: Looker, seen: Seen) -> Plan:
    """Return the plan that hides every face and head that was seen."""
    picture = footage.picture
    seconds = [float(time * picture.time_base) for time in seen.times]
    # A single picture has no other in which a face could be seen more surely.
    sure = THRESHOLD if len(seen.cuts) == len(seen.times) - 1 else SURE
    chains = link(seen.sightings, seconds, seen.cuts, sure)
    chains.sort(key=lambda chain: (min(chain.seen), -len(chain.seen)))
    tracks: list[Track] = []
    for chain in chains:
        boxes = regions(chain, seconds, seen.cuts, picture.width, picture.height)
        if boxes:
            by_time = {seen.times[at]: box for at, box in sorted(boxes.items())}
            tracks.append(Track(len(tracks) + 1, _kind(chain), hide=True, by=BY_MACHINE, boxes=by_time))
    return Plan(
        source, picture, tuple(seen.times), looker.detectors,
        tracks=tuple(tracks), doubts=tuple(_doubts(seen, chains, len(looker.detectors))),
    )  # fmt: skip


def _kind(chain: Chain) -> str:
    by = {name for one in chain.seen.values() for name in one.by}
    return {frozenset((HEADS,)): "head", frozenset((BODIES,)): "body"}.get(frozenset(by), "face")


def _doubts(seen: Seen, chains: Sequence[Chain], detectors: int) -> Iterator[Doubt]:
    """Yield the first frame of each run in which detectors disagree, and of what was seen but not hidden."""
    reasons: dict[int, tuple[str, Box]] = {}
    kept = {(at, one.box) for chain in chains for at, one in chain.seen.items()}
    for chain in chains:
        known = list(chain.seen)
        for a, b in itertools.pairwise(known):
            if b - a > 1:
                told = f"something was lost for {b - a - 1} frames and is hidden where it must be"
                reasons.setdefault(a + 1, (told, chain.seen[a].box))
        for at, one in chain.seen.items():
            if len(one.by) == 1 and detectors > 1 and one.score < 0.5:
                told = f"only one detector ({next(iter(one.by))}) saw something it was not sure of"
                reasons.setdefault(at, (told, one.box))
    for at, sightings in enumerate(seen.sightings):
        for one in sightings:
            if (at, one.box) in kept:
                continue
            if one.score >= THRESHOLD or one.lying >= SURE:
                reasons.setdefault(at, ("a detector saw something once, unsurely; it is not hidden", one.box))
            if one.by == {HEADS}:
                told = "a head is there without a face; it is not hidden (--heads hides it)"
                reasons.setdefault(at, (told, one.box))
    for at in sorted(reasons):
        reason, box = reasons[at]
        if at - 1 not in reasons or reasons[at - 1][0] != reason:
            yield Doubt(seen.times[at], reason, box)
