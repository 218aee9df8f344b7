"""Faces that a detector still sees in the finished file, followed from frame to frame.

What counts: one sure detection, or several less sure ones that are one thing, or a weak one where a hidden
track has just ended or is about to begin: a plan that stops too early shows itself so. A face is seen at
several sizes, a fold of cloth that looks like one mostly at one: what two passes see in the same frame counts
from a lower score there. What does not count: a detector firing on a black fill, and what people chose to
show. What lies between is no hit and is told, for a person to look at: hands and patterned shirts beside a
black fill look a little like faces to a detector.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..covering import regions
from ..geometry import Box, common, overlap
from ..plan import Plan, Track
from ..tracking import Chain, Detection, Sighting, link_all, merged
from .hits import Hit
from .pixels import Luma, flat_share

CHECK: Final = "faces"
SEEN: Final = 0.2  # what detectors are asked for
SURE: Final = 0.65
LESS_SURE: Final = 0.5
CONTINUING: Final = 0.5
AGREED: Final = 0.35  # … or this, where two passes see it in the same frame
DOUBTFUL: Final = 0.3
_OFTEN: Final = 3
_PASSES: Final = 2
_BLACK_SHARE: Final = 0.5
_KEPT_SHARE: Final = 0.5
_ADJACENT_SECONDS: Final = 0.5
_ADJACENT_OVERLAP: Final = 0.3


@dataclass(slots=True)
class FaceCheck:
    """Takes in frame after frame what detectors see; tells the hits at the end.

    `cuts` are numbers of frames that have nothing to do with the one before; `sure` is the score that counts
    in a single frame.
    """

    plan: Plan
    cuts: list[int] = field(default_factory=list)
    sure: float = SURE
    times: list[int] = field(default_factory=list)
    seen: list[list[Sighting]] = field(default_factory=list)

    def take(self, time: int, brightest: Luma, detections: Sequence[Detection]) -> None:
        """Take in one frame: `brightest` is the largest of the colours of each pixel."""
        kept = [t.boxes[time] for t in self.plan.tracks if not t.hide and time in t.boxes]
        self.times.append(time)
        self.seen.append([one for one in merged(detections) if not self._explained(one.box, brightest, kept)])

    def _explained(self, box: Box, brightest: Luma, kept: Iterable[Box]) -> bool:
        if flat_share(brightest, box, 0) >= _BLACK_SHARE:
            return True
        return any(common(box, one) >= _KEPT_SHARE * box.area for one in kept)

    def judge(self) -> tuple[list[Hit], list[str]]:
        """Return a hit for each thing that still looks like a face, and what a person should look at."""
        seconds = [self.plan.seconds(time) for time in self.times]
        hits: list[Hit] = []
        doubts: list[str] = []
        for chain in link_all(self.seen, seconds, self.cuts):
            found = list(self._judge(chain, seconds))
            best = max(one.score for one in chain.seen.values())
            if not found and best >= DOUBTFUL:
                at = seconds[next(iter(chain.seen))]
                doubts.append(
                    f"look at {at:.3f} s: a detector takes something for a face, unsurely ({best:.2f})"
                )
            hits += found
        return hits, doubts

    def _judge(self, chain: Chain, seconds: Sequence[float]) -> Iterator[Hit]:
        scores = [one.score for one in chain.seen.values()]
        count = sum(score >= LESS_SURE for score in scores)
        if max(scores) >= self.sure or count >= _OFTEN:
            what = f"a face is seen in {len(scores)} frame(s), at best with {max(scores):.2f}"
        elif (max(scores) >= CONTINUING or _agreed(chain)) and self._continues(chain, seconds):
            what = f"a hidden track goes on where the plan ends (seen with {max(scores):.2f})"
        else:
            return
        first = next(iter(chain.seen))
        picture = self.plan.picture
        boxes = regions(chain, seconds, self.cuts, picture.width, picture.height)
        by_time = {self.times[at]: box for at, box in boxes.items()}
        yield Hit(CHECK, f"from {seconds[first]:.3f} s {what}", self.times[first], by_time)

    def _continues(self, chain: Chain, seconds: Sequence[float]) -> bool:
        for track in self.plan.tracks:
            if track.hide and track.kind in ("face", "head"):
                begin, end = self.plan.seconds(track.first), self.plan.seconds(track.last)
                for at, one in chain.seen.items():
                    if _beside(one.box, seconds[at], track, begin, end):
                        return True
        return False


def _agreed(chain: Chain) -> bool:
    """Say whether at least two passes saw it in the same frame, the surer one well enough."""
    return any(one.score >= AGREED and len(one.by) >= _PASSES for one in chain.seen.values())


def _beside(box: Box, second: float, track: Track, begin: float, end: float) -> bool:
    before = 0 < begin - second <= _ADJACENT_SECONDS and overlap(box, track.boxes[track.first])
    after = 0 < second - end <= _ADJACENT_SECONDS and overlap(box, track.boxes[track.last])
    return max(before, after) >= _ADJACENT_OVERLAP


def additions(hits: Iterable[Hit]) -> list[Mapping[int, Box]]:
    """Return what to add to a plan for hits in frames: boxes by time, for each."""
    return [hit.boxes for hit in hits if hit.boxes]
