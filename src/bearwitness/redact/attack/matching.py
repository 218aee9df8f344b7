"""Asks a face matcher whether hidden faces can still be told by the original's: where it is installed.

Under a solid fill nothing is left to match, unless a face is covered in part. Under mosaic or blur machines
often still tell who it is; how often in this very file is counted. A face of the finished file is compared
with the same person's in other frames of the original, as somebody with another picture of them could, and
counts if it is nearer than two pictures of one person usually are, and nearer to that person than to others.
Nothing of it is kept: prints live in memory until the attack is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from bearwitness.media.model import Picture

from ..covering import GROW
from ..geometry import Box, clipped, common, grown
from ..plan import Plan, Track
from ..shown import Shown
from ..tracking import Detection
from .hits import Hit, Report
from .pixels import Luma, flat_share

CHECK: Final = "faces matched"
SAME: Final = 0.6  # dlib's author takes it for two pictures of one person
_SIDE_MIN: Final = 24
_PROBES: Final = (0.25, 0.5, 0.75)
_GALLERY: Final = (0.1, 0.4, 0.6, 0.9)
_SEEN: Final = 0.3
_PARTLY: Final = 0.1
_BLACK_SHARE: Final = 0.5
_ROOM: Final = 1.6  # around a face, for the finder of landmarks
MISSING: Final = (
    "no face matcher is installed, so nobody counted which faces can still be told: "
    "pip install --no-deps --require-hashes -r requirements-faces.lock"
)


class Printer(Protocol):
    """Makes prints: :class:`bearwitness.inference.faceprints.Faceprints`."""

    def describe(
        self, picture: NDArray[np.uint8], boxes: Sequence[tuple[float, float, float, float]]
    ) -> NDArray[np.float32]:
        """Return (n, 128) for n boxes of a picture (h, w, BGR)."""


@dataclass(frozen=True, slots=True)
class _Probe:
    time: int
    track: Track
    box: Box
    numbers: NDArray[np.float32]


@dataclass(slots=True)
class MatchCheck:
    """Takes in every finished frame, compares at the end; `accepted`: what can be told is let through."""

    plan: Plan
    printer: Printer
    accepted: bool = False
    _probes: list[_Probe] = field(default_factory=list)
    _times: dict[int, frozenset[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Choose in which frames each hidden face is looked at."""
        if self.plan.fill != "solid":
            self._times = {t.number: frozenset(_spread(t, _PROBES)) for t in self._faces()}

    def _faces(self) -> list[Track]:
        return [track for track in self.plan.tracks if track.hide and track.kind == "face"]

    def take(self, time: int, picture: Picture, brightest: Luma, detections: Sequence[Detection]) -> None:
        """Take in a frame and what detectors see in it; raise ChildFailedError as the worker does."""
        for track in self._faces():
            if time not in track.boxes:
                continue
            if time in self._times.get(track.number, ()):
                self._add(time, track, grown(track.boxes[time], 1 / GROW), picture)
            elif self.plan.fill == "solid" and sum(p.track is track for p in self._probes) < len(_PROBES):
                for one in detections:
                    partly = common(one.box, track.boxes[time]) >= _PARTLY * one.box.area
                    if one.score >= _SEEN and partly and flat_share(brightest, one.box, 0) < _BLACK_SHARE:
                        self._add(time, track, one.box, picture)
                        break

    def _add(self, time: int, track: Track, box: Box, picture: Picture) -> None:
        found = self._printed(picture, box)
        if found is not None:
            self._probes.append(_Probe(time, track, box, found))

    def _printed(self, picture: Picture, box: Box) -> NDArray[np.float32] | None:
        """Return the print of a face, None where it is too small to tell."""
        room = clipped(grown(box, _ROOM), picture.shape[1], picture.shape[0])
        if min(box.w, box.h) < _SIDE_MIN or room is None:
            return None
        part = np.ascontiguousarray(picture[room.y : room.bottom, room.x : room.right])
        place = (float(box.x - room.x), float(box.y - room.y), float(box.w), float(box.h))
        found: NDArray[np.float32] = self.printer.describe(part, [place])[0]
        return found

    def judge(self, original: Shown, report: Report) -> None:
        """Compare with the original, decoded afresh; enter hits and counts in `report`."""
        gallery = self._gallery(original) if self._probes else {}
        matched: dict[int, _Probe] = {}
        told: set[int] = set()
        for probe in self._probes:
            own = gallery.get(probe.track.number)
            if own is None:
                continue
            told.add(probe.track.number)
            away = {
                n: float(np.linalg.norm(found - probe.numbers, axis=1).min()) for n, found in gallery.items()
            }
            nearest = min(away, key=lambda number: away[number])
            if away[probe.track.number] < SAME and nearest == probe.track.number:
                matched.setdefault(probe.track.number, probe)
        says = f"a face matcher still tells {len(matched)} of the {len(told)} faces that could be compared"
        if self.plan.fill != "solid":
            report.warnings.append(f"{self.plan.fill}: {says}; {len(self._faces()) - len(told)} could not be")
        hits = [] if self.accepted else [self._hit(probe) for probe in matched.values()]
        report.add(CHECK, len(self._probes), hits)

    def _gallery(self, original: Shown) -> dict[int, NDArray[np.float32]]:
        """Return the prints of each face of the original, by number of the track."""
        wanted: dict[int, list[Track]] = {}
        used = {(probe.track.number, probe.time) for probe in self._probes}
        for track in self._faces():
            for time in _spread(track, _GALLERY):
                # A page shows a face once, so what is left of it is compared with that very picture.
                if original.apart or (track.number, time) not in used:
                    wanted.setdefault(time, []).append(track)
        found: dict[int, list[NDArray[np.float32]]] = {}
        for frame in original.frames(upright=True):
            for track in wanted.get(frame.pts, ()):
                one = self._printed(frame.picture, grown(track.boxes[frame.pts], 1 / GROW))
                if one is not None:
                    found.setdefault(track.number, []).append(one)
        return {number: np.stack(ones) for number, ones in found.items()}

    def _hit(self, probe: _Probe) -> Hit:
        box = probe.box
        says = (
            f"at {self.plan.seconds(probe.time):.3f} s the face of track {probe.track.number} at "
            f"{box.x},{box.y},{box.w},{box.h} can still be told by a face matcher"
        )
        if self.plan.fill != "solid":
            says += f"; use --fill solid, or accept that with --accept-reversible {self.plan.fill}"
        return Hit(CHECK, says, probe.time, {probe.time: box})


def _distance(known: NDArray[np.float32], one: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(known - one, axis=1).min())


def _spread(track: Track, shares: Sequence[float]) -> list[int]:
    """Return some of a track's times, spread over it."""
    times = sorted(track.boxes)
    return [times[min(len(times) - 1, int(share * len(times)))] for share in shares]
