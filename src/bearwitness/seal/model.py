"""What is asked of a seal, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bearwitness.sandbox.client import Sandbox

from .closing import Closed
from .form import CustodyForm
from .part import Lost


@dataclass(frozen=True)
class Options:
    """How to seal, beyond what the source itself says."""

    form: CustodyForm = field(default_factory=CustodyForm)
    md5: bool = False
    kind: str | None = None
    card: Path | None = None
    recover_deleted: bool = False
    weak_sandbox: bool = False
    sandbox: Sandbox | None = None  # for containers, if it was begun early


@dataclass
class Sealing:
    """What was sealed: the delivery, what was lost, and for a device what went to the quarantine."""

    closed: Closed
    how: str
    lost: list[Lost]
    resumed: bool = False
    warnings: list[str] = field(default_factory=list)
    quarantine: Closed | None = None
    unread: list[Lost] = field(default_factory=list)
    card_missing: bool = False
