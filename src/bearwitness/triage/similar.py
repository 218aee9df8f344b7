"""Clusters of items that are copies of each other, with the relation of each pair.

Equal bytes are known from sealing; the rest comes of the sketches that triage stored, compared here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from bearwitness.catalogue import schema
from bearwitness.catalogue.catalogue import Catalogue
from bearwitness.signals.candidates import CandidateIndex
from bearwitness.signals.relation import Relation, compare, same_bytes
from bearwitness.signals.sketch import Sketch
from bearwitness.vault.delivery import OpenDelivery
from bearwitness.vault.derivatives import DONE
from bearwitness.vault.ledger import Ledger

from . import denser
from .copies import SKETCH_FILE, Copies, decode

COPIES: Final = (
    "same-bytes",
    "copy",
)  # kinds that put two items into one cluster; `same-view` is a lead only


@dataclass(frozen=True)
class Pair:
    """Two items and what relates them."""

    one: str
    other: str
    relation: Relation


@dataclass(frozen=True)
class Similar:
    """All pairs, the clusters that copies form, largest first, and how many pairs key frames leave open."""

    pairs: list[Pair]
    clusters: list[list[str]]
    left_open: int = 0


def sketches(ledger: Ledger, catalogue: Catalogue) -> dict[str, Sketch]:
    """Return the stored sketches by item, of all that are not frozen; of two of an item the later."""
    table = schema.results
    query = select(table.c.item, table.c.delivery, table.c.job, table.c["keys"]).where(
        table.c.kind == Copies.name, table.c.version == Copies.version, table.c.outcome == DONE
    )
    with catalogue.connect() as connection:
        rows = connection.execute(query.order_by(table.c.item, table.c.entry, table.c.job)).all()
    opened: dict[str, OpenDelivery] = {}
    found = {}
    for item, delivery, job, keys in rows:
        if delivery not in opened:
            opened[delivery] = ledger.open_delivery(delivery)
        derived = ledger.open_derived(opened[delivery], keys)
        found[str(item)] = decode(derived.read(job, SKETCH_FILE))
    return found


def similar(
    ledger: Ledger, catalogue: Catalogue, progress: Callable[[int], None] = lambda done: None
) -> Similar:
    """Compare everything that may be alike; where key frames leave it open, the stretch in question anew."""
    pairs = list(_equal(catalogue))
    unsure: list[tuple[Relation | None, tuple[str, str], list[denser.Moment]]] = []
    stored = sketches(ledger, catalogue)
    names = list(stored)
    candidates = CandidateIndex(list(stored.values())).pairs() if names else {}
    for (one, other), tips in candidates.items():
        relation = compare(stored[names[one]], stored[names[other]], tips)
        progress(1)
        sides = stored[names[one]], stored[names[other]]
        if denser.is_open(*sides, relation):
            unsure.append((relation, (names[one], names[other]), denser.moments(*sides, relation, tips)))
        elif relation is not None:
            pairs.append(Pair(names[one], names[other], relation))
    unsure.sort(key=lambda each: -_likeness(each[0]))  # the likeliest first, for not all may be looked at
    with denser.Denser(ledger, catalogue) as looker:
        for number, (lead, pair, moments) in enumerate(unsure):
            found = None
            if number < denser.PAIRS_MAX:
                found = looker.compare(pair, (stored[pair[0]], stored[pair[1]]), moments)
                progress(1)
            relation = found or lead
            if relation is not None:
                pairs.append(Pair(*pair, relation))
    return Similar(pairs, clusters(pairs), max(0, len(unsure) - denser.PAIRS_MAX))


def _likeness(relation: Relation | None) -> float:
    return max((span.likeness for span in relation.spans), default=0.0) if relation is not None else 0.0


def _equal(catalogue: Catalogue) -> Iterable[Pair]:
    """Yield pairs of the same bytes: each further copy with the first."""
    first: dict[bytes, str] = {}
    for row in catalogue.items():
        if row.sha256 is None or not row.bytes or catalogue.is_frozen(row.item):
            continue
        if row.sha256 in first:
            yield Pair(first[row.sha256], row.item, same_bytes())
        else:
            first[row.sha256] = row.item


def clusters(pairs: Iterable[Pair]) -> list[list[str]]:
    """Return the groups of items that copies connect, largest first."""
    parent: dict[str, str] = {}

    def root(item: str) -> str:
        parent.setdefault(item, item)
        while parent[item] != item:
            parent[item] = item = parent[parent[item]]
        return item

    for pair in pairs:
        if pair.relation.kind in COPIES:
            parent[root(pair.one)] = root(pair.other)
    groups: dict[str, list[str]] = {}
    for item in sorted(parent):
        groups.setdefault(root(item), []).append(item)
    return sorted(groups.values(), key=lambda group: (-len(group), group))


def told(pair: Pair) -> dict[str, Any]:
    """Return a pair as plain JSON: times in seconds."""
    relation = pair.relation
    return {
        "items": [pair.one, pair.other],
        "relation": relation.kind,
        "traits": sorted(relation.traits),
        "changed": {"a": pair.one, "b": pair.other}.get(relation.changed or ""),
        "spans": [
            {
                "from": [round(span.a_start, 3), round(span.a_end, 3)],
                "in": [round(span.b_start, 3), round(span.b_end, 3)],
                "likeness": round(float(span.likeness), 4),
            }
            for span in relation.spans
        ],
    }
