"""Text on finished pages: what still stands there, and strokes of what the plan covers.

Pages are looked at in tiles of another size than for the plan, by a worker that never saw the original; that
which is shown the original tells what its covered texts look like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np

from bearwitness.media.model import Picture
from bearwitness.signals.arrays import to_grey

from ..geometry import common
from ..overlays import KIND, TextLooker, is_text, with_room
from ..page_texts import ATTACK_TILE, PLAN_TILE, WHOLE_PAGE_LINES, clock_alone, find_on, read_at
from ..plan import Plan
from ..stills import Stills
from .hits import Hit, Report
from .overlays import CHECK, KEPT_SHARE, LEFT_SHARE, Shown, core_of, part_of, surviving
from .pixels import Luma, flat_share

_SURE: Final = 0.6
_DOUBTFUL: Final = 0.4
_BLACK_SHARE: Final = 0.5


@dataclass
class PageCheck:
    """Takes in every finished page; `shown`: covered texts of the original, by page."""

    plan: Plan
    texts: TextLooker
    shown: Mapping[int, Sequence[Shown]]
    hits: list[Hit] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    looks: int = 0

    def take(self, number: int, picture: Picture, brightest: Luma) -> None:
        """Take in a page; raise ChildFailedError as the worker does."""
        grey = to_grey(picture)
        kept = [t.boxes[number] for t in self.plan.tracks if not t.hide and number in t.boxes]
        full = len(kept) >= WHOLE_PAGE_LINES
        self.looks += 1
        for box in find_on(self.texts, grey, ATTACK_TILE):
            chosen = sum(common(box, one) for one in kept) >= KEPT_SHARE * box.area
            if chosen or flat_share(brightest, box, 0) >= _BLACK_SHARE:
                continue
            line = read_at(self.texts, grey, box)
            if not is_text(line.text):
                continue
            says = f"on page {number + 1} the text {line.text!r} stands at {box.x},{box.y},{box.w},{box.h}"
            if line.sure >= _SURE and not self._all_kept and (clock_alone(line.text) or not full):
                room = with_room(box, picture.shape[1], picture.shape[0])
                self.hits.append(Hit(CHECK, says, number, {number: room}))
            elif line.sure >= _DOUBTFUL:
                self.doubts.append(f"look: {says}")
        for one in self.shown.get(number, ()):
            self.looks += 1
            left = surviving(one.grey, part_of(grey, one.box))
            count = sum(share >= LEFT_SHARE for share in left)
            if count:
                says = f"on page {number + 1} strokes are left in {count} of {len(left)} parts of a text"
                where = f"{one.box.x},{one.box.y},{one.box.w},{one.box.h}"
                self.hits.append(Hit(CHECK, f"{says} at {where}", number, {number: one.box}))

    @cached_property
    def _all_kept(self) -> bool:
        """Whether people chose to show every text that was found."""
        found = [track for track in self.plan.tracks if track.kind == KIND]
        return bool(found) and not any(track.hide for track in found)

    def judge(self, report: Report) -> None:
        """Enter what was found in `report`."""
        report.add(CHECK, self.looks, self.hits)
        report.warnings += self.doubts


def of_pages(original: Stills, plan: Plan, texts: TextLooker) -> dict[int, list[Shown]]:
    """Return the texts of the original at places the plan covers, by page; `texts` sees the original."""
    tracks = [track for track in plan.tracks if track.kind == KIND and track.hide]
    found: dict[int, list[Shown]] = {}
    for number in sorted({time for track in tracks for time in track.boxes}):
        grey = to_grey(original.pages[number])
        places = [(track, track.boxes[number]) for track in tracks if number in track.boxes]
        for whole in find_on(texts, grey, PLAN_TILE):
            box = core_of(whole)
            for track, place in places:
                if common(place, box) >= KEPT_SHARE * min(place.area, box.area):
                    part = np.array(part_of(grey, box))
                    found.setdefault(number, []).append(Shown(number, track, box, part))
                    break
    return found
