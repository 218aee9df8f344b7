"""What comes of carrying out a plan: a finished file, one that was handed over, or what the attack found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bearwitness.errors import RefusedError

from . import operations
from .attack.hits import Hit, Report
from .plan import BY_ATTACK, Plan, Track
from .rendering import Rendered
from .sound import Sounds


class AttackedError(RefusedError):
    """The attack found something; `report` says what, `plan` is what was carried out."""

    def __init__(self, report: Report, plan: Plan, name: str) -> None:
        count = len(report.hits)
        super().__init__(
            f"{name} was not handed over: the attack on the finished file found {count} thing(s) that must "
            f"not be in it, the first: {report.hits[0].check}: {report.hits[0].says}",
            "see them with --sheet, then run again with --add-hits, which adds them to the plan, or edit it",
        )
        self.report, self.plan = report, plan


@dataclass(frozen=True, slots=True)
class Done:
    """A derivative that was handed over, or entered in a vault (`out` is None), and what was checked."""

    out: Path | None
    sha256: str
    plan: Plan
    rendered: Rendered | None
    sounds: Sounds
    report: Report


@dataclass(frozen=True, slots=True)
class Finished:
    """A derivative that was attacked and let through; `descriptor` is its file, which has no name yet."""

    descriptor: int
    sha256: str
    plan: Plan
    rendered: Rendered | None
    sounds: Sounds
    report: Report


def with_hits(plan: Plan, hits: list[Hit]) -> Plan:
    """Return the plan that also hides what the attack found in frames, and mutes what it heard."""
    for hit in hits:
        boxes = {time: box for time, box in hit.boxes.items() if time in set(plan.times)}
        if boxes:
            plan = plan.with_track(Track(plan.next_number(), "box", hide=True, by=BY_ATTACK, boxes=boxes))
    return operations.mute(plan, heard) if (heard := [hit.mute for hit in hits if hit.mute]) else plan
