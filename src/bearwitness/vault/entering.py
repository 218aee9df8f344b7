"""Enters one derivative of an item in the log, made by a command and not by a run of triage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bearwitness.custody.items import commit
from bearwitness.errors import RefusedError, TamperedError
from bearwitness_verify.canonical import Json
from bearwitness_verify.leaves import item_id

from .change import Change
from .delivery import Record
from .derivatives import Derivation, next_numbers, put
from .item_reader import ItemReader
from .keyring import Unlocked
from .ledger import Ledger
from .opening import settle
from .vault import Vault

_PATIENCE_SECONDS: Final = 60


def reader_of(ledger: Ledger, delivery: str, part: int, leaf: bytes) -> ItemReader:
    """Return an item's bytes, decrypted in memory; raise FrozenError or TamperedError.

    `leaf` is the item's leaf hash; `delivery` and `part` are where it stands.
    """
    ledger.frozen.refuse([item_id(leaf)])
    opened = ledger.open_delivery(delivery)
    for line in opened.lines(part):
        if isinstance(line, Record) and commit(line.values, line.secret) == leaf:
            return ItemReader(opened, line)
    raise TamperedError(f"item {item_id(leaf)} is not in its delivery any more")


def enter(
    vault: Vault,
    unlocked: Unlocked,
    delivery: str,
    part: int,
    leaf: bytes,
    made: Derivation,
    told: Mapping[str, Json] | None = None,
) -> None:
    """Enter `made` with its files, under the vault's lock, which is held for this alone.

    `told` are further fields of its entry.

    Raises FrozenError if the item was frozen meanwhile, RefusedError if it was destroyed.
    """
    item = item_id(leaf)
    with vault.writing(_PATIENCE_SECONDS):
        settle(vault)
        ledger = Ledger(vault, unlocked)
        ledger.frozen.refuse([item])
        opened = ledger.open_delivery(delivery)
        known = (line for line in opened.lines(part) if isinstance(line, Record))
        if not any(commit(line.values, line.secret) == leaf for line in known):
            raise RefusedError(f"item {item} was destroyed meanwhile; nothing was entered")
        number = next_numbers(vault.log.effects()).get((delivery, item), 0)
        change = Change(vault)
        fields, effect = put(change, opened, item, number, [made])
        change.commit_entries([vault.entry({**fields, **(told or {})}, effect)])
