"""Persons that a detector still sees in the finished file of a plan that hides whole bodies.

A person counts who is seen in three frames on end, or in the one picture there is, as surely as the gates of
a release ask for (disclose/watching.py): what passes here is not to be refused there. What does not count: a
detector firing on a black fill, and what people chose to show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ..covering import regions
from ..geometry import common
from ..looking import BODIES
from ..plan import Plan
from ..tracking import Detection, Sighting, link_all, merged
from .hits import Hit
from .pixels import Luma, flat_share

CHECK: Final = "bodies"
SEEN: Final = 0.3
OFTEN: Final = 3
_BLACK_SHARE: Final = 0.5
_KEPT_SHARE: Final = 0.5


def hides_bodies(plan: Plan) -> bool:
    """Say whether a plan was made to hide whole bodies."""
    return any(BODIES in detector.scales for detector in plan.detectors)


@dataclass(slots=True)
class BodyCheck:
    """Takes in frame after frame what was seen of persons; tells the hits at the end.

    `cuts` are numbers of frames that have nothing to do with the one before; `often` is in how many frames
    a person has to be seen.
    """

    plan: Plan
    cuts: list[int] = field(default_factory=list)
    often: int = OFTEN
    times: list[int] = field(default_factory=list)
    seen: list[list[Sighting]] = field(default_factory=list)

    def take(self, time: int, brightest: Luma, detections: Sequence[Detection]) -> None:
        """Take in one frame: `brightest` is the largest of the colours of each pixel."""
        kept = [t.boxes[time] for t in self.plan.tracks if not t.hide and time in t.boxes]
        persons = merged([one for one in detections if one.by == BODIES and one.score >= SEEN])
        self.times.append(time)
        self.seen.append(
            [
                one
                for one in persons
                if flat_share(brightest, one.box, 0) < _BLACK_SHARE
                and all(common(one.box, box) < _KEPT_SHARE * one.box.area for box in kept)
            ]
        )

    def judge(self) -> list[Hit]:
        """Return a hit for each person who is still seen."""
        picture = self.plan.picture
        seconds = [self.plan.seconds(time) for time in self.times]
        often = min(self.often, len(self.times))
        hits: list[Hit] = []
        for chain in link_all(self.seen, seconds, self.cuts):
            if len(chain.seen) < often:
                continue
            first, best = next(iter(chain.seen)), max(one.score for one in chain.seen.values())
            boxes = regions(chain, seconds, self.cuts, picture.width, picture.height)
            by_time = {self.times[at]: box for at, box in boxes.items()}
            seen = f"a person is seen in {len(chain.seen)} frame(s), at best with {best:.2f}"
            says = f"from {seconds[first]:.3f} s {seen}"
            hits.append(Hit(CHECK, says, self.times[first], by_time))
        return hits
