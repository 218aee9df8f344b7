"""What the gates judge by. A fact is about exact bytes, by their SHA-256, or missing; and missing is no."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bearwitness.catalogue.catalogue import Catalogue, ItemRow
from bearwitness.catalogue.search import most
from bearwitness.vault import signed
from bearwitness.vault.ledger import VAULT, Ledger
from bearwitness.vault.redactions import TOOL, redactions_of
from bearwitness.vault.signed_acts import Signed

from .request import Request
from .risk_model import RiskReport


@dataclass(frozen=True)
class Attack:
    """The attack on a finished file: what was found in these bytes that must not be there.

    `lacking` says why the plan of the redaction does not count as approved, empty if it does.
    """

    sha256: str
    hits: tuple[str, ...]
    tool: str
    lacking: str = ""


@dataclass(frozen=True)
class Look:
    """What detectors find in these bytes; 0 where they read all and found none, None where none looked.

    `faces`, `persons`: how many at most at once; `speech`: for how many whole seconds somebody speaks, at
    least one if at all; `texts`: how many lines of text at most stand in the picture at once.
    """

    sha256: str
    faces: int
    tool: str
    persons: int | None = None
    speech: int | None = None
    texts: int | None = None


@dataclass(frozen=True)
class Scan:
    """What metadata these bytes carry besides what their format needs; empty: clean."""

    sha256: str
    findings: tuple[str, ...]
    tool: str


@dataclass(frozen=True)
class Rule:
    """When a compartment's items may be shown: at all, by how many people, by which roles among them."""

    compartment: str
    releasable: bool
    approvals: int = 0
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Facts:
    """All facts about one request. None says that nobody looked, and refuses.

    `travelling` are the conditions that the release itself tells (docs/format.md, 11.1).

    `sealed` maps items to the SHA-256 of their sealed bytes (empty for what has none), `rules` to their
    compartment's rule.
    """

    now: datetime | None = None
    signed: Signed | None = None
    sealed: Mapping[str, str] | None = None
    frozen: frozenset[str] | None = None
    rules: Mapping[str, Rule] | None = None
    attacks: tuple[Attack, ...] = ()
    looks: tuple[Look, ...] = ()
    scans: tuple[Scan, ...] = ()
    risk: RiskReport | None = field(default=None)
    travelling: Mapping[str, str] | None = None


def rule_of(compartment: str) -> Rule:
    """Return the rule of a compartment of this version; one that is not known lets nothing out."""
    return Rule(compartment, releasable=compartment == VAULT)


def _seen_in_triage(catalogue: Catalogue, request: Request) -> Iterator[Look]:
    """Yield how many faces triage saw in exhibits that are whole items: it may know of more."""
    for shown in request.exhibits:
        row = catalogue.get(shown.item)
        if row is None or not row.sha256 or row.sha256.hex() != shown.sha256:
            continue
        same = [row, *catalogue.with_bytes(row.sha256)]  # of equal bytes triage looks at one
        seen = [most(catalogue, each.item, "faces") for each in same]
        known = [faces for faces in seen if faces is not None]
        if known:
            yield Look(shown.sha256, int(max(known)), "triage")


def _alike(catalogue: Catalogue, rows: Sequence[ItemRow], frozen: frozenset[str]) -> frozenset[str]:
    """Return those of `rows` that hold the bytes of a frozen item: what came later may not be frozen yet."""
    held = [row for row in rows if row.sha256 is not None and row.bytes]
    return frozenset(
        row.item
        for row in held
        if any(each.item in frozen for each in catalogue.with_bytes(row.sha256 or b""))
    )


def of_vault(
    ledger: Ledger,
    catalogue: Catalogue,
    request: Request,
    now: datetime,
    *,
    attacks: tuple[Attack, ...] = (),
    looks: tuple[Look, ...] = (),
    scans: tuple[Scan, ...] = (),
    risk: RiskReport | None = None,
    travelling: Mapping[str, str] | None = None,
) -> Facts:
    """Return the facts that the vault holds about `request`, with those that others found out.

    Attacks on redacted copies are read from what the log binds, with the approvals of their plans.
    """
    known = signed.read(ledger)
    made = tuple(
        Attack(one.sha256, one.hits, f"{TOOL} {one.version}", one.lacking(known))
        for one in redactions_of(ledger, request.items)
    )
    seen = tuple(_seen_in_triage(catalogue, request))
    rows = [row for item in request.items if (row := catalogue.get(item)) is not None]
    return Facts(
        now=now,
        signed=known,
        sealed={row.item: row.sha256.hex() if row.sha256 else "" for row in rows},
        frozen=ledger.frozen.items | _alike(catalogue, rows, ledger.frozen.items),
        rules={row.item: rule_of(ledger.descriptor(row.delivery).compartment) for row in rows},
        attacks=(*attacks, *made),
        looks=(*looks, *seen),
        scans=scans,
        risk=risk,
        travelling=travelling,
    )
