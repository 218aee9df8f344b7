"""Destroys items so that with every key that still exists their bytes can not be had (docs/format.md, 10).

Packs that hold bytes of an item are written again without them under new identities, manifest and key
file likewise; a tombstone stays, and every other proof holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from bearwitness.catalogue.catalogue import Catalogue, ItemRow
from bearwitness.errors import RefusedError
from bearwitness.store.packs import pack_path
from bearwitness.vault import derivatives
from bearwitness.vault.change import Change, erase_leftovers
from bearwitness.vault.delivery import Record
from bearwitness.vault.ledger import DeliveryRecord, Ledger
from bearwitness_verify.canonical import Json
from bearwitness_verify.leaves import item_id

from .rewriting import PartRewriter, earlier_attempts, leaf_of


@dataclass
class Destroyed:
    """What was destroyed."""

    items: list[str] = field(default_factory=list)
    packs_rewritten: int = 0


def refuse_survivors(catalogue: Catalogue, rows: Sequence[ItemRow]) -> None:
    """Refuse to call destroyed what the vault would still hold under another item."""
    going = {row.item for row in rows}
    for row in rows:
        first = catalogue.get(row.same_as) if row.same_as else None  # whose bytes a further name stands for
        others = [*catalogue.links_to(row.same_as or row.item), *([first] if first else [])]
        digest = first.sha256 if first else row.sha256
        if digest is not None:
            others += catalogue.with_bytes(digest)
        left = sorted({other.item for other in others} - going)
        if left:
            raise RefusedError(
                f"the same bytes as in item {row.item} are in {', '.join(left)} too",
                "name those as well, or say --leave-copies if they shall stay",
            )


def destroy(
    ledger: Ledger, rows: Sequence[ItemRow], fields: dict[str, Json], progress: Callable[[str], None]
) -> Destroyed:
    """Destroy the items; committed by the entry `destroyed`. That two agree the caller has checked."""
    ledger.frozen.refuse([row.item for row in rows])
    done = Destroyed()
    erase_leftovers(ledger.vault.store)
    change = Change(ledger.vault)
    for record in ledger.deliveries():
        leaves = {row.leaf for row in rows if row.delivery == record.delivery}
        if leaves:
            progress(f"rewriting delivery {record.delivery} without what is destroyed")
            done.packs_rewritten += _rewrite(ledger, record, leaves, change)
            done.items += [item_id(leaf) for leaf in leaves]
    _remove_derivatives(ledger, {(row.delivery, row.item) for row in rows}, change)
    done.items.sort()
    change.commit({"kind": "destroyed", "items": list(done.items), **fields})
    return done


def _rewrite(ledger: Ledger, record: DeliveryRecord, leaves: set[bytes], change: Change) -> int:
    opened = ledger.open_delivery(record.delivery, frozen_too=True)  # what stays may be frozen beside it
    doomed = leaves | earlier_attempts(opened, record, leaves).keys()
    parts, count = list(opened.descriptor.parts), 0
    for number in range(len(parts)):
        lines = list(opened.lines(number))
        if any(isinstance(line, Record) and leaf_of(line) in doomed for line in lines):
            rewriter = PartRewriter(opened, number, change)
            parts[number] = rewriter.rewrite(lines, doomed, leaves)
            count += rewriter.count
    descriptor = replace(opened.descriptor, parts=tuple(parts))
    change.put(descriptor.path, descriptor.encode())
    return count


def _remove_derivatives(ledger: Ledger, gone: set[tuple[str, str]], change: Change) -> None:
    """Have what was made of the items that are `gone` go with them: key files and packs."""
    found = derivatives.files_by_item(ledger.vault.log.effects())
    for key in sorted(gone):
        for path, packs in found.get(key, {}).items():
            change.remove(path)
            for name in packs:
                change.remove(pack_path(name))
