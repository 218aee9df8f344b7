"""Finds the items to be shown, and all others, at their places in a delivery's tree, which is built anew."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from bearwitness.crypto.derive import derive
from bearwitness.custody import items as commitments
from bearwitness.custody.trees import Proof, Scattered, scatter
from bearwitness.errors import TamperedError
from bearwitness.vault.delivery import OpenDelivery, Record, Tombstone
from bearwitness.vault.indexblob import read_index
from bearwitness.vault.ledger import DeliveryRecord
from bearwitness_verify.leaves import hash_leaf, item_id

from . import footage

DESTROYED: Final = "destroyed"


@dataclass(frozen=True)
class Shown:
    """An item to be shown, at its place in its delivery."""

    record: Record
    proofs: commitments.ItemProofs
    place: Proof


@dataclass(frozen=True)
class Found:
    """A delivery: the items to be shown by leaf, all others with their places, seconds of footage."""

    shown: Mapping[bytes, Shown]
    others: Mapping[bytes, str]  # leaf of each, and its ground where its own
    tree: Scattered
    seconds: Fraction


def find(
    opened: OpenDelivery,
    record: DeliveryRecord,
    wanted: Collection[bytes],
    *,
    others: bool,
    counting: bool,
) -> Found:
    """Return the wanted items with their places in the delivery's tree, which is built anew.

    `others`: with the places of all other items; `counting`: with the seconds of footage of all.
    """
    leaves = [hash_leaf("receipt", derive(record.tree_secret, b"salt", 0), record.receipt)]
    found: dict[bytes, Record] = {}
    rest: dict[bytes, str] = {}
    total = Fraction(0)
    for leaf, line in _counted(opened, record):
        leaves.append(leaf)
        if isinstance(line, Record) and counting:
            total += footage.seconds(read_index(opened, line))
        if isinstance(line, Record) and leaf in wanted:
            found[leaf] = line
        elif others:
            rest[leaf] = DESTROYED if line is None else ""
    tree = scatter(leaves, record.tree_secret, [*wanted, *rest])
    if tree.root != record.tree.root:
        raise TamperedError(f"the items of delivery {record.delivery} do not add up to what was sealed")
    missing = [item_id(leaf) for leaf in wanted if leaf not in found]
    if missing:
        raise TamperedError(f"item {missing[0]} is not in its delivery's manifest")
    shown = {
        leaf: Shown(line, commitments.prove(line.values, line.secret), tree.proofs[leaf])
        for leaf, line in found.items()
    }
    return Found(shown, rest, tree, total)


def _counted(opened: OpenDelivery, record: DeliveryRecord) -> Iterator[tuple[bytes, Record | None]]:
    """Yield the leaves of all items that count, with None for what was destroyed."""
    for line in opened.all_lines():
        if isinstance(line, Record):
            leaf = commitments.commit(line.values, line.secret)
            if leaf not in record.dropped:
                yield leaf, line
        elif isinstance(line, Tombstone):
            yield line.leaf, None
