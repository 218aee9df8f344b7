"""Text in the finished file: whatever still stands somewhere, and what is left where the original had some.

Three questions. Does a text stand anywhere that nobody chose to show (found and read as in the plan, at other
moments)? Where the plan covers a text: do strokes of it survive in the very frames in which the original,
decoded afresh, shows it (a digit beside a box that is too small, a text only greyed)? And is there a frame
in which the plan leaves that place open and the text is there?
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

import numpy as np

from bearwitness.media.model import GRAY8, Picture
from bearwitness.signals.arrays import Grey, to_grey
from bearwitness.signals.borders import Box as Edges

from ..footage import Footage
from ..geometry import Box, around, common
from ..overlays import (
    KIND,
    Place,
    Places,
    Sampling,
    TextLooker,
    around_line,
    find_lines,
    is_text,
    reach,
    room_for,
)
from ..plan import Plan, Track
from .hits import Hit, Report
from .pixels import Luma, flat_share

CHECK: Final = "overlays"
_EVERY: Final = (1.3, 3.1)
_PHASE: Final = 0.5
_SURE, _SURE_AGAIN = 0.6, 0.4
_DOUBTFUL, _DOUBTFUL_AGAIN = 0.4, 0.3
_BLACK_SHARE: Final = 0.5
KEPT_SHARE: Final = 0.5
_ORIGINALS: Final = 8  # so many frames of the original are looked at, no nearer to each other than …
_NEAR: Final = Fraction(7, 10)
_CORE: Final = 0.18  # of its height: what the finder adds above and below a line
_STROKE: Final = 40.0  # grey levels from pixel to pixel that make a stroke
_LEFT: Final = (0.12, 8.0)  # of that, or in levels: what still shows it
LEFT_SHARE: Final = 0.4
_LEFT_PIXELS: Final = 10
_PART_WIDTH: Final = 0.6  # of the height of a line: about a digit
_AGAIN_SHARE: Final = 0.5
_HITS_MAX: Final = 50
_READ_EVERY: Final = 10
_READS_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Shown:
    """A text of the original at a place that the plan covers: where, and what its pixels are."""

    time: int
    track: Track
    box: Box
    grey: Grey


@dataclass(slots=True)
class OverlayCheck:
    """Takes in every finished frame; tells the hits at the end. `shown`: by time, from the original."""

    plan: Plan
    texts: TextLooker
    shown: Mapping[int, list[Shown]]
    hits: list[Hit] = field(default_factory=list)
    looks: int = 0
    _sampling: Sampling = field(default_factory=lambda: Sampling(_EVERY, _PHASE))
    _times: list[int] = field(default_factory=list)
    _cuts: list[int] = field(default_factory=list)
    _places: Places = field(default_factory=lambda: Places(1, 1))
    _known: dict[int, list[Shown]] = field(default_factory=dict)
    _open: dict[int, int] = field(default_factory=dict)
    _kept: list[Track] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Sort what is known of the original by track."""
        picture = self.plan.picture
        self._places = Places(picture.width, picture.height)
        self._kept = [track for track in self.plan.tracks if not track.hide]
        for ones in self.shown.values():
            for one in ones:
                self._known.setdefault(one.track.number, []).append(one)

    def take(self, time: int, picture: Picture, brightest: Luma, *, cut: bool) -> None:
        """Take in a frame; `cut`: it begins a shot. Raises ChildFailedError as the worker does."""
        number, seconds = len(self._times), self.plan.seconds(time)
        if cut or not number:
            self._cuts += [number] if number else []
            self._sampling.begin(seconds)
        self._times.append(time)
        due, left = self._sampling.due(seconds), self.shown.get(time, [])
        opened = [ones for ones in self._known.values() if time not in ones[0].track.boxes]
        if not (due or left or opened):
            return
        grey = to_grey(picture)
        if due:
            self._look(number, seconds, grey, brightest)
        self.hits += self._left(time, grey, left)
        for ones in opened:
            self._again(time, number, grey, ones)

    def _look(self, number: int, seconds: float, grey: Grey, brightest: Luma) -> None:
        self.looks += 1
        at = number, seconds, len(self._cuts)
        for edges in find_lines(self.texts, grey):
            box = Box(edges.left, edges.top, edges.right - edges.left, edges.bottom - edges.top)
            if flat_share(brightest, box, 0) >= _BLACK_SHARE or self._chosen(box, self._times[number]):
                continue
            place = self._places.add(edges, at)
            if place is not None and len(place.lines) < _READS_MAX:
                place.lines.append(self.texts.read(around_line(grey, edges)))
            if place is not None and len(place.seen) == 1:
                self._sampling.look_soon()

    def _chosen(self, box: Box, time: int) -> bool:
        """Say whether people chose to show what is there."""
        boxes = [track.boxes[time] for track in self._kept if time in track.boxes]
        return any(common(box, one) >= KEPT_SHARE * box.area for one in boxes)

    def _left(self, time: int, grey: Grey, shown: Sequence[Shown]) -> Iterator[Hit]:
        """Yield a hit for each text of this very frame of which strokes are left."""
        for one in shown:
            self.looks += 1
            left = surviving(one.grey, part_of(grey, one.box))
            if max(left) >= LEFT_SHARE and len(self.hits) < _HITS_MAX:
                count = sum(share >= LEFT_SHARE for share in left)
                what = f"strokes are left in {count} of {len(left)} parts of a text"
                yield self._hit(one, time, grey, what)

    def _again(self, time: int, number: int, grey: Grey, known: Sequence[Shown]) -> None:
        """Look for a text in a frame in which its place is not covered."""
        near = min(known, key=lambda one: abs(one.time - time))
        left = surviving(near.grey, part_of(grey, near.box))
        share = sum(one >= _AGAIN_SHARE for one in left) / len(left)
        since = number - self._open.get(near.track.number, -_READ_EVERY)
        if share < _AGAIN_SHARE or since < _READ_EVERY or len(self.hits) >= _HITS_MAX:
            return
        self._open[near.track.number] = number
        self.looks += 1
        if is_text(self._read(grey, near.box)):
            self.hits.append(self._hit(near, time, grey, "a text is not covered"))

    def _read(self, grey: Grey, box: Box) -> str:
        line = self.texts.read(around_line(grey, Edges(box.x, box.y, box.right, box.bottom)))
        return line.text if line.sure >= _DOUBTFUL else ""

    def _hit(self, one: Shown, time: int, grey: Grey, what: str) -> Hit:
        words = self._read(grey, one.box)
        read = f", it reads {words!r}" if words else ""
        box = around(one.box, next(iter(one.track.boxes.values())))
        where = f"{one.box.x},{one.box.y},{one.box.w},{one.box.h}"
        says = f"at {self.plan.seconds(time):.3f} s {what} at {where}{read}"
        # The first of a place says what would cure it, the others where it is seen as well.
        told = any(hit.boxes.get(time) == box for hit in self.hits)
        return Hit(CHECK, says, time, {time: box} if told else dict.fromkeys(self.plan.times, box))

    def judge(self, report: Report) -> None:
        """Enter what was found in `report`: hits, and as warnings what a person should look at."""
        seconds = [self.plan.seconds(time) for time in self._times]
        kept = [track for track in self.plan.tracks if track.kind == KIND]
        all_kept = bool(kept) and not any(track.hide for track in kept)
        for place in self._places.found:
            if not place.stands or not place.readable(_DOUBTFUL, _DOUBTFUL_AGAIN):
                continue
            hit = self._standing(place, seconds)
            if place.readable(_SURE, _SURE_AGAIN) and not all_kept:
                self.hits.append(hit)
            else:
                report.warnings.append(f"look at {place.seen[0][1]:.3f} s: {hit.says}")
        report.add(CHECK, self.looks, self.hits)

    def _standing(self, place: Place, seconds: Sequence[float]) -> Hit:
        first, last = reach(place, seconds, self._cuts)
        box = room_for(place, self.plan.picture.width, self.plan.picture.height)
        says = (
            f"the text {place.best.text!r} stands at {box.x},{box.y},{box.w},{box.h} from "
            f"{place.seen[0][1]:.3f} to {place.seen[-1][1]:.3f} s"
        )
        covered = dict.fromkeys(self._times[first : last + 1], box)
        return Hit(CHECK, says, self._times[place.seen[0][0]], covered)


def of_original(original: Footage, plan: Plan, texts: TextLooker) -> dict[int, list[Shown]]:
    """Return the texts of the original at places the plan covers, by time, in some frames over its length.

    `texts` sees the original here: what looks at the finished file must be another worker (:mod:`..eyes`).
    """
    tracks = [track for track in plan.tracks if track.kind == KIND and track.hide]
    found: dict[int, list[Shown]] = {}
    if not tracks:
        return found
    length = Fraction(plan.times[-1] - plan.times[0]) * plan.picture.time_base
    every = max(_NEAR, length / _ORIGINALS)
    for frame in original.frames(GRAY8, upright=True, every=every):
        for edges in find_lines(texts, frame.picture):
            box = Box(edges.left, edges.top, edges.right - edges.left, edges.bottom - edges.top)
            box = core_of(box)
            for track in tracks:
                if _at(track, box):
                    part = np.array(part_of(frame.picture, box))
                    found.setdefault(frame.pts, []).append(Shown(frame.pts, track, box, part))
                    break
    return found


def surviving(original: Grey, finished: Grey) -> list[float]:
    """Return which share of the strokes of a text still runs as in the original, for each part of it.

    Both are (height, width) cuts of one place in one frame; parts are about as wide as a digit, 0 where there
    is hardly a stroke. A pixel counts as a stroke's where brightness changes steeply, as surviving where it
    still changes in that direction, if only a little.
    """
    (ax, ay), (bx, by) = _slopes(original), _slopes(finished)
    steep = np.hypot(ax, ay)
    stroke = steep >= _STROKE
    along = (ax * bx + ay * by) / np.maximum(steep, 1)
    share, levels = _LEFT
    left = stroke & (along >= np.maximum(levels, share * steep)) & (along >= 0.7 * np.hypot(bx, by))
    count = max(1, round(stroke.shape[1] / (_PART_WIDTH * original.shape[0])))
    parts = np.array_split(np.arange(stroke.shape[1]), count)
    strokes = [int(stroke[:, part].sum()) for part in parts]
    kept = [int(left[:, part].sum()) for part in parts]
    return [a / b if b >= _LEFT_PIXELS else 0.0 for a, b in zip(kept, strokes, strict=True)]


def _slopes(grey: Grey) -> tuple[np.ndarray, np.ndarray]:
    values = grey.astype(np.float32)
    return values[1:-1, 2:] - values[1:-1, :-2], values[2:, 1:-1] - values[:-2, 1:-1]


def core_of(box: Box) -> Box:
    """Return a line's box without what the finder adds above and below it."""
    core = round(_CORE * box.h)
    return Box(box.x, box.y + core, box.w, max(1, box.h - 2 * core))


def part_of(grey: Grey, box: Box) -> Grey:
    """Return a box's part of a picture."""
    return grey[max(0, box.y) : box.bottom, max(0, box.x) : box.right]


def _at(track: Track, box: Box) -> bool:
    """Say whether a text stands where a track covers one, wholly or in part."""
    place = next(iter(track.boxes.values()))
    return common(place, box) >= KEPT_SHARE * min(place.area, box.area)
