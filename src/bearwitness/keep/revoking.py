"""Declares a kit lost: what its log grows beyond what was imported is refused from now on."""

from __future__ import annotations

from bearwitness.errors import UsageError
from bearwitness.vault.keyring import Unlocked
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.vault import Vault
from bearwitness_verify import canonical, note
from bearwitness_verify.checkpoint import Checkpoint
from bearwitness_verify.note import VerifierKey


def revoke(vault: Vault, unlocked: Unlocked, name: str, ground: str) -> int:
    """Revoke the kit whose log is called `name`; return how many of its entries stay accepted."""
    device, size = "", 0
    for act in Ledger(vault, unlocked).acts():
        if act.body is None or act.body.kind not in ("device-certified", "imported"):
            continue
        text = canonical.text(act.body.fields["device"], "the key of a kit")
        if VerifierKey.parse(text).name == name:
            device = text
            signed = note.parse(canonical.text(act.body.fields["checkpoint"]).encode())
            size = Checkpoint.parse(signed.text).size
    if not device:
        raise UsageError(f"no kit of this vault is called {name!r}", "names are shown by: bearwitness log")
    named = {"ground": ground} if ground else {}
    vault.append({"kind": "device-revoked", "device": device, "size": str(size), **named})
    return size
