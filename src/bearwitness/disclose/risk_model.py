"""What the report on sources is about and what it says, as values (:mod:`.source_risk` makes it)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bearwitness_verify.canonical import Json

UNKNOWN: Final = "unknown, assume one"


@dataclass(frozen=True)
class Known:
    """An item of the vault: what the place's own records may be compared with."""

    item: str
    delivery: str
    sha256: str


@dataclass(frozen=True)
class Chosen:
    """An item that is shown in part or whole. `exact`: its own bytes go out; `said`: texts that go along."""

    item: str
    delivery: str
    sha256: str
    exact: bool
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Earlier:
    """A release made before: when (RFC 3339), and of which items something was shown."""

    time: str
    items: frozenset[str]


@dataclass(frozen=True)
class Question:
    """All that is looked at. `clusters` are groups of items that triage found to be copies; None: not looked.

    `access` maps items to labels of those who could have had them, brought by a source keeper; never stored.
    `sealed_on` tells when each delivery was sealed.
    """

    subject: str
    minimum: int
    chosen: Sequence[Chosen]
    everything: Collection[Known]
    earlier: Sequence[Earlier]
    now: datetime
    sealed_on: Mapping[str, datetime]
    clusters: Sequence[Collection[str]] | None = None
    access: Mapping[str, Collection[str]] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Finding:
    """Something that narrows the circle: of which kind, about which item (empty: the whole), in words."""

    kind: str
    item: str
    text: str


@dataclass(frozen=True)
class RiskReport:
    """What was found about the release `subject`. `possible` is None where it can not be computed."""

    subject: str
    minimum: int
    possible: int | None
    findings: tuple[Finding, ...]
    alternatives: tuple[str, ...]

    @property
    def assumed(self) -> int:
        """How many people are taken to be possible."""
        return 1 if self.possible is None else self.possible

    @property
    def blocked(self) -> bool:
        """Whether fewer people are possible than must be."""
        return self.assumed < self.minimum

    def to_json(self) -> dict[str, Json]:
        """Return the report for machines."""
        return {
            "alternatives": [*self.alternatives],
            "blocked": self.blocked,
            "findings": [{"item": f.item, "kind": f.kind, "text": f.text} for f in self.findings],
            "minimum": str(self.minimum),
            "possible": UNKNOWN if self.possible is None else str(self.possible),
            "subject": self.subject,
        }

    def text(self) -> str:
        """Return the report for people."""
        possible = (
            UNKNOWN if self.possible is None else f"{self.possible}, if the sets that were given are true"
        )
        verdict = (
            f"BLOCKED: at least {self.minimum} people must be possible"
            if self.blocked
            else f"not blocked: {self.minimum} or more are taken to be possible; nobody is promised anything"
        )
        return "\n".join(
            [
                f"people who could have supplied this: {possible}",
                verdict,
                "",
                *(f" !  {f.kind}: {f'{f.item}: ' if f.item else ''}{f.text}" for f in self.findings),
                *(["", "what would say less:"] if self.alternatives else []),
                *(f" -  {text}" for text in self.alternatives),
                "",
                "Looked at: names and texts shown, copies among drives, earlier releases.",
                "Not looked at: what the pictures show, whom the place suspects, what else is told of it.",
            ]
        )
