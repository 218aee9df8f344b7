"""The stop key for a suspected minor: freezes items; two keepers can thaw them (docs/format.md, 10.2).

A frozen item and all its copies get packs of their own, so that nobody can read them, whichever way, and a
mirror leaves exactly them out. What was derived of them is locked with them. One person is enough to freeze.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select

from bearwitness.catalogue import schema
from bearwitness.catalogue.catalogue import Catalogue, ItemRow
from bearwitness.errors import RefusedError
from bearwitness.vault import derivatives
from bearwitness.vault.change import Change
from bearwitness.vault.delivery import Record
from bearwitness.vault.freezing import FOLDER, FrozenItem
from bearwitness.vault.ledger import DeliveryRecord, Ledger
from bearwitness_verify.canonical import Json

from .rewriting import PartRewriter, earlier_attempts, leaf_of


@dataclass(frozen=True)
class Froze:
    """What was frozen: the items named, their copies, and how many derivatives are locked."""

    items: list[str]
    packs: int
    derivatives: int


def with_copies(catalogue: Catalogue, rows: Sequence[ItemRow]) -> list[ItemRow]:
    """Return `rows` and every item that holds the same bytes or is another name of one of them."""
    found: dict[str, ItemRow] = {}
    waiting = list(rows)
    while waiting:
        row = waiting.pop()
        if row.item in found:
            continue
        found[row.item] = row
        waiting += catalogue.links_to(row.item)
        first = catalogue.get(row.same_as) if row.same_as else None
        waiting += [first] if first else []
        if row.sha256 is not None and row.bytes:
            waiting += catalogue.with_bytes(row.sha256)
    return sorted(found.values(), key=lambda row: row.item)


def late_copies(catalogue: Catalogue) -> list[ItemRow]:
    """Return items that hold the bytes of a frozen one and are not frozen: they came later."""
    items, held = schema.items.c, select(schema.frozen.c.item)
    whole = (items.bytes > 0, items.sha256.is_not(None))
    same = select(items.sha256).where(items.item.in_(held), *whole)
    query = select(items.item).where(items.sha256.in_(same), items.item.not_in(held), *whole)
    with catalogue.connect() as connection:
        found = connection.execute(query.order_by(items.item)).scalars().all()
    return [row for item in found if (row := catalogue.get(item)) is not None]


def freeze(ledger: Ledger, rows: Sequence[ItemRow], fields: dict[str, Json]) -> Froze:
    """Freeze the items `rows`, which are all copies of what is meant; committed by the entry `frozen`."""
    new = [row for row in rows if row.item not in ledger.frozen.items]
    if not new:
        raise RefusedError("all of these items are frozen already")
    change = Change(ledger.vault)
    derived = derivatives.files_by_item(ledger.vault.log.effects())
    records = {record.delivery: record for record in ledger.deliveries()}
    count = locked = 0
    for delivery in sorted({row.delivery for row in new}):
        mine = {row.leaf: row.item for row in new if row.delivery == delivery}
        packs = _set_apart(ledger, records[delivery], set(mine), change)
        for leaf, item in sorted(mine.items(), key=lambda pair: pair[1]):
            held = [*packs.get(leaf, [])]
            for names in derived.get((delivery, item), {}).values():
                held += names
                locked += 1
            count += len(held)
            frozen = FrozenItem(item, delivery, tuple(sorted(set(held))))
            change.put(frozen.path, frozen.encode())
    items = sorted(row.item for row in new)
    change.commit({"kind": "frozen", "items": [*items], **fields})
    return Froze(items, count, locked)


def _set_apart(
    ledger: Ledger, record: DeliveryRecord, leaves: set[bytes], change: Change
) -> dict[bytes, list[str]]:
    """Stage the delivery with the items in packs of their own; return these packs by leaf."""
    opened = ledger.open_delivery(record.delivery, frozen_too=True)
    attempts = earlier_attempts(opened, record, leaves)
    parts = list(opened.descriptor.parts)
    found: dict[bytes, list[str]] = {}
    for number in range(len(parts)):
        lines = list(opened.lines(number))
        here = {leaf_of(line) for line in lines if isinstance(line, Record)} & (leaves | attempts.keys())
        if here:
            parts[number], packs = PartRewriter(opened, number, change).set_apart(lines, here)
            for leaf, names in packs.items():
                found.setdefault(attempts.get(leaf, leaf), []).extend(names)
    descriptor = replace(opened.descriptor, parts=tuple(parts))
    change.put(descriptor.path, descriptor.encode())
    return found


def thaw(ledger: Ledger, items: Sequence[str], fields: dict[str, Json]) -> list[str]:
    """Let the frozen `items` be used again; that two agree the caller has checked."""
    missing = sorted(set(items) - ledger.frozen.items)
    if missing:
        raise RefusedError(f"item {missing[0]} is not frozen")
    change = Change(ledger.vault)
    for item in sorted(set(items)):
        change.remove(f"{FOLDER}/{item}.json")
    change.commit({"kind": "thawed", "items": [*sorted(set(items))], **fields})
    return sorted(set(items))
