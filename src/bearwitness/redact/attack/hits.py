"""What the attack says: hits, each a sentence, and what was checked how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..geometry import Box


@dataclass(frozen=True, slots=True)
class Hit:
    """Something in the finished file that must not be there.

    `time` in ticks where it is in a frame; `boxes` is what a plan would have to hide as well, by time,
    and `mute` what it would have to mute, in milliseconds.
    """

    check: str
    says: str
    time: int | None = None
    boxes: Mapping[int, Box] = field(default_factory=dict)
    mute: tuple[int, int] | None = None


@dataclass(slots=True)
class Report:
    """All hits, and how much each check looked at: a check that looked at nothing stands there with 0."""

    hits: list[Hit] = field(default_factory=list)
    looked_at: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def add(self, check: str, looked_at: int, hits: Sequence[Hit]) -> None:
        """Take in what one check found."""
        self.looked_at[check] = self.looked_at.get(check, 0) + looked_at
        self.hits += hits
