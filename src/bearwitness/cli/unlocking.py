"""Opens a vault with keys: ledger and catalogue at hand, the latter brought up to date."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bearwitness.errors import RefusedError, UsageError
from bearwitness.vault import keyring
from bearwitness.vault.keyring import Unlocked
from bearwitness.vault.ledger import SOURCE, VAULT, Ledger
from bearwitness.vault.opening import open_vault_proper, settle
from bearwitness.vault.vault import Vault

from .options import ask
from .output import Output

if TYPE_CHECKING:
    from bearwitness.catalogue.catalogue import Catalogue


@dataclass
class Opened:
    """An unlocked vault with its ledger and its catalogue."""

    vault: Vault
    unlocked: Unlocked
    ledger: Ledger
    catalogue: Catalogue

    def fresh_ledger(self) -> Ledger:
        """Return the ledger as it is after something was entered."""
        self.ledger = Ledger(self.vault, self.unlocked)
        return self.ledger


def unlock(vault: Vault, identities: list[str]) -> Unlocked:
    """Unlock `vault` with what --identity names."""
    if not identities:
        raise UsageError("this needs --identity", "give an identity file, a share, or - to be asked")
    return keyring.unlock(vault, keyring.load_given(identities, ask))


def two_keepers(unlocked: Unlocked) -> list[str]:
    """Return the recipients of those who opened the vault; refuse unless they are two at least."""
    if len(unlocked.keepers) < 2:
        raise RefusedError(
            "two people must agree: this was opened by one keeper",
            "give --identity twice, of two keepers; more keepers: bearwitness keys wrap",
        )
    return sorted(unlocked.keepers)


@contextmanager
def opened(options: argparse.Namespace, out: Output, *, writing: bool = False) -> Iterator[Opened]:
    """Open the vault that the options name; `writing` takes its lock and needs its signing key."""
    vault = open_vault_proper(options.vault)
    unlocked = unlock(vault, options.identity)
    with ExitStack() as stack:
        if writing:
            stack.enter_context(vault.writing())
            settle(vault)
            vault.signer()
        catalogue = _catalogue(vault, unlocked, quarantine=getattr(options, "quarantine", False))
        stack.callback(catalogue.close)
        stack.enter_context(catalogue.in_use())
        ledger = Ledger(vault, unlocked)
        with out.bar("catalogue", None, unit=" items") as progress:
            catalogue.refresh(ledger, progress)
        if getattr(options, "quarantine", False):
            _tell_closed(ledger, out)
        if ledger.frozen.items:
            _tell_late(catalogue, out)
        yield Opened(vault, unlocked, ledger, catalogue)


def deliveries_named(at: Opened, beginning: str) -> list[str]:
    """Return the deliveries whose ids begin so; raise UsageError where none does, unless it is empty.

    None is returned of those that the identities do not open: that there are such was said before.
    """
    wanted = beginning.strip().lower().removesuffix("…")
    found = [
        name for name in (str(d["delivery"]) for d in at.catalogue.deliveries()) if name.startswith(wanted)
    ]
    closed = (name for kept in (VAULT, SOURCE) for name in at.ledger.closed_deliveries(kept))
    if wanted and not found and not any(name.startswith(wanted) for name in closed):
        raise UsageError(f"no delivery begins with {beginning!r}", "ids are shown by: bearwitness list")
    return found


def _tell_closed(ledger: Ledger, out: Output) -> None:
    """Say how much of the quarantine is not seen: what a kit brought is found by an entry for keepers."""
    closed = len(ledger.closed_deliveries(SOURCE))
    if closed:
        out.say(
            f"{closed} of the quarantine's deliveries came with kits and are not shown, for the identities "
            "given do not open their entries: give a keeper's --identity beside the source keeper's"
        )


def _tell_late(catalogue: Catalogue, out: Output) -> None:
    """Say which items came after a stop key was pressed and hold the same bytes: nothing keeps them yet."""
    from bearwitness.keep.freezing import late_copies  # most vaults have nothing frozen

    for row in late_copies(catalogue):
        out.say(
            f"WARNING: item {row.item} is not frozen and holds the bytes of one that is: "
            f"bearwitness freeze --item {row.item}"
        )


def _catalogue(vault: Vault, unlocked: Unlocked, *, quarantine: bool) -> Catalogue:
    from bearwitness.catalogue.catalogue import Catalogue  # its library is slow to load, and check needs none

    if quarantine:
        keyring.require_source(unlocked)
        return Catalogue.in_memory(SOURCE)
    identity = keyring.require_vault(unlocked)
    if not os.access(vault.local if vault.local.exists() else vault.root, os.W_OK):
        return Catalogue.in_memory(VAULT)  # a mirror on a medium that can not be written
    vault.local.mkdir(mode=0o700, exist_ok=True)
    return Catalogue.open(vault.local / "catalogue.db", identity)
