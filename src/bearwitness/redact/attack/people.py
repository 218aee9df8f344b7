"""People that a detector still sees: their faces, and their bodies where a plan hides those."""

from __future__ import annotations

from collections.abc import Sequence

from ..looking import BODIES, Looker
from ..plan import Plan
from ..tracking import HEADS, Detection
from . import bodies, faces
from .hits import Report
from .pixels import Luma


class People:
    """Takes in frame after frame what detectors see; enters the hits at the end."""

    def __init__(self, plan: Plan, cuts: list[int], *, single: bool = False) -> None:
        """`cuts` are numbers of frames that begin something new; `single`: each picture is by itself."""
        sure, often = (faces.LESS_SURE, 1) if single else (faces.SURE, bodies.OFTEN)
        self._faces = faces.FaceCheck(plan, cuts, sure)
        self._bodies = bodies.BodyCheck(plan, cuts, often) if bodies.hides_bodies(plan) else None

    def take(self, time: int, brightest: Luma, detections: Sequence[Detection]) -> list[Detection]:
        """Take in one frame and return what was seen of faces in it; `brightest` is as FaceCheck has it."""
        of_faces = [one for one in detections if one.by not in (HEADS, BODIES)]
        self._faces.take(time, brightest, of_faces)
        if self._bodies is not None:
            self._bodies.take(time, brightest, detections)
        return of_faces

    def judge(self, report: Report, looker: Looker) -> None:
        """Enter in `report` what was found, and how much was looked at."""
        hits, doubts = self._faces.judge()
        passes = sum(BODIES not in detector.scales for detector in looker.detectors)
        report.add(faces.CHECK, len(self._faces.times) * passes, hits)
        report.warnings += doubts
        if self._bodies is not None:
            report.add(bodies.CHECK, len(self._bodies.times), self._bodies.judge())
