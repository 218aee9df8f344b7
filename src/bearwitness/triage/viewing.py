"""Gives one file that was made of an item for somebody to look at: a proxy, or a reconstructed copy."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from sqlalchemy import select

from bearwitness.catalogue import schema
from bearwitness.catalogue.catalogue import Catalogue, ItemRow, refuse_other_name
from bearwitness.errors import RefusedError
from bearwitness.vault.derivatives import DONE
from bearwitness.vault.ledger import Ledger

from . import repairing
from .proxies import Proxies

LEVELS: Final = {
    "veiled": (Proxies.name, ("veiled.mp4", "veiled.jpg")),
    "clear": (Proxies.name, ("clear.mp4", "clear.jpg")),
    "reconstructed": (repairing.KIND, (repairing.COPY,)),
}
"""What can be looked at: of which kind of result, under which names."""
_NEXT: Final = {
    Proxies.name: "make them with: bearwitness triage --only proxies",
    repairing.KIND: "make one with: bearwitness repair --item ITEM",
}


@dataclass(frozen=True)
class Viewable:
    """A file to look at: its bytes, its name's ending, and its SHA-256 in hexadecimal."""

    data: bytes = field(repr=False)
    suffix: str
    sha256: str


def viewable(ledger: Ledger, catalogue: Catalogue, row: ItemRow, level: str) -> Viewable:
    """Return what triage made of an item, or of another with the same bytes.

    Raises FrozenError for a frozen item, UsageError for another name of one, RefusedError where there is
    nothing of this level.
    """
    ledger.frozen.refuse([row.item])
    refuse_other_name(row)
    kind, names = LEVELS[level]
    same = [] if row.sha256 is None or not row.bytes else catalogue.with_bytes(row.sha256)
    items = {row.item, *(each.item for each in same)} - set(ledger.frozen.items)
    table = schema.results.c
    query = select(table.job, table.delivery, table["keys"]).where(
        table.kind == kind, table.outcome == DONE, table.item.in_(items)
    )
    with catalogue.connect() as connection:
        rows = connection.execute(query.order_by(table.entry.desc())).all()
    for job, delivery, keys in rows:
        derived = ledger.open_derived(ledger.open_delivery(delivery), keys)
        for name in names:
            if name in derived.jobs.get(job, {}):
                data = derived.read(job, name)
                return Viewable(data, "." + name.rpartition(".")[2], sha256(data).hexdigest())
    raise RefusedError(f"of item {row.item} there is nothing {level} to look at", _NEXT[kind])
