"""What is known of times, as equations for the clock solver (clock_solver.py).

True time T of a moment, and what a recorder's clock c showed then: T = c + offset + drift · (c - middle). An
item that starts at true time S shows at media time t the moment S + t.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """At media time `media` of `item`, `clock` showed `shown` (both in seconds), known to ± error (one
    sigma).

    clock: whose: a recorder's name, or a name of its own for another source of the same recorder that may be
    set otherwise (its container times in UTC). source: what says so, for people: "overlay", "file name",
    "container".
    """

    item: str
    clock: str
    media: float
    shown: float
    error: float
    source: str


@dataclass(frozen=True)
class Same:
    """`item` at `media` and `other` at `other_media` are one moment, to ± error: the same flash, bang, or
    copied footage.
    """

    item: str
    media: float
    other: str
    other_media: float
    error: float
    source: str


@dataclass(frozen=True)
class Known:
    """`item` at `media` is the true time `true`, to ± error: a broadcast, a GPS time, a witness."""

    item: str
    media: float
    true: float
    error: float
    source: str


Evidence = Shown | Same | Known


@dataclass(frozen=True)
class Contradiction:
    """Evidence that does not fit the solution: by how many seconds, and by how many of its own errors.

    settled: the rest agrees without it, and clearly outnumbers it. Not settled: as many say this as that; the
    clocks it touches are given with both.
    """

    evidence: Evidence
    seconds: float
    sigmas: float
    settled: bool


@dataclass(frozen=True)
class ClockEstimate:
    """How far a clock is from the time of its group: T = c + offset + drift · (c - middle), errors bound 95
    %.

    group: clocks with one number are tied to each other. absolute: the group is tied to known true times;
    otherwise its first clock counts as right. others: other offsets that as much evidence asks for; where
    there are any, nothing is settled.
    """

    clock: str
    group: int
    absolute: bool
    offset: float
    error: float
    drift: float
    drift_error: float
    middle: float
    evidence: int
    others: tuple[float, ...]


@dataclass(frozen=True)
class ItemStart:
    """The time an item starts, on its group's time scale, ± error (95 %)."""

    item: str
    group: int
    start: float
    error: float


@dataclass(frozen=True)
class ClockSolution:
    """All clocks, all items, and all that contradicts."""

    clocks: tuple[ClockEstimate, ...]
    items: tuple[ItemStart, ...]
    contradictions: tuple[Contradiction, ...]
