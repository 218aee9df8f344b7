"""Changes who holds keys: more keepers, shares on paper, a new vault identity (docs/format.md, 9).

Rotation never makes copies unreadable that somebody already has; it decides who can open what comes later and
what the vault holds from now on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bearwitness.crypto import age, shares
from bearwitness.errors import RefusedError, UsageError
from bearwitness.vault import config, keyring
from bearwitness.vault.change import Change
from bearwitness.vault.config import VaultConfig
from bearwitness.vault.delivery import Descriptor
from bearwitness.vault.keyring import Unlocked, require_vault
from bearwitness.vault.vault import VAULT_FILE, Vault


def add_keepers(vault: Vault, unlocked: Unlocked, keepers: Sequence[str], *, source: bool) -> None:
    """Wrap the vault's (or the quarantine's) identity for further keepers."""
    identity = unlocked.source if source else require_vault(unlocked)
    if identity is None:
        raise RefusedError("only a source keeper can let another one into the quarantine")
    if not source and int(_config(vault).threshold) > 1:
        raise RefusedError(
            "this vault is split among its keepers; a new share can not be added to an old split",
            "make a new split with: bearwitness keys rotate --threshold K --recipient …",
        )
    folder = keyring.SOURCE_KEEPERS if source else keyring.VAULT_KEEPERS
    number = 1 + max(
        int(path.rpartition("/")[2].removesuffix(".age")) for path, _ in keyring.key_files(vault, folder)
    )
    change, wanted = Change(vault), keyring.recipients_of(keepers)
    for offset, keeper in enumerate(wanted):
        change.put(f"{folder}/{number + offset}.age", keyring.wrap_identity(identity, keeper))
    action = "source keepers added" if source else "keepers added"
    change.commit({"kind": "keys-changed", "action": action, "keepers": list(wanted)})


def paper_shares(vault: Vault, unlocked: Unlocked, threshold: int, count: int) -> list[str]:
    """Return shares of the vault's identity to be written on paper; the split is entered in the log."""
    identity = require_vault(unlocked)
    mnemonics = shares.split(identity.secret, threshold, count)
    vault.append({"kind": "keys-changed", "action": f"split on paper, {threshold} of {count}"})
    return mnemonics


def rotate(vault: Vault, unlocked: Unlocked, keepers: Sequence[str], threshold: int) -> age.Recipient:
    """Give the vault a new identity, wrapped for `keepers` only; deliveries are wrapped to it."""
    old = require_vault(unlocked)
    new, wanted = age.Identity.generate(), keyring.recipients_of(keepers)
    if not 1 <= threshold <= len(wanted):
        raise UsageError(f"--threshold {threshold} needs at least as many --recipient")
    change = Change(vault)
    for path, _ in keyring.key_files(vault, keyring.VAULT_KEEPERS):
        change.remove(path)
    start = _next_number(vault)
    wraps = [keyring.wrap_identity(new, keeper) for keeper in wanted]
    if threshold > 1:
        pieces = shares.split(new.secret, threshold, len(wanted))
        wraps = [
            keyring.wrap_share(piece, threshold, new.recipient, keeper)
            for piece, keeper in zip(pieces, wanted, strict=True)
        ]
    for number, wrap in enumerate(wraps):
        change.put(f"{keyring.VAULT_KEEPERS}/{start + number}.age", wrap)
    for number, identity in enumerate((*unlocked.previous, old)):
        data = age.encrypt(identity.text().encode(), new.recipient)
        change.put(f"{keyring.PREVIOUS}/{number:04}.age", data)
    _rewrap_deliveries(vault, unlocked, new.recipient, change)
    public = replace(_config(vault), recipient=str(new.recipient), threshold=str(threshold))
    change.put(VAULT_FILE, config.encode(public))
    change.commit(
        {
            "kind": "keys-changed",
            "action": "rotated",
            "keepers": list(wanted),
            "recipient": str(new.recipient),
        },
        recipient=new.recipient,
    )
    return new.recipient


def _rewrap_deliveries(vault: Vault, unlocked: Unlocked, recipient: age.Recipient, change: Change) -> None:
    expected = vault.expected_files()
    for path, digest in expected.items():
        if not path.startswith("deliveries/"):
            continue
        descriptor = Descriptor.decode(vault.read_expected(path, digest), path)
        if descriptor.compartment != "vault":
            continue
        wrapped = descriptor.identity_path
        text = unlocked.open(vault.read_expected(wrapped, expected[wrapped]), wrapped)
        change.put(wrapped, age.encrypt(text, recipient))


def _next_number(vault: Vault) -> int:
    """Return a number for key files that no keeper's file ever had."""
    used = [
        int(path.rpartition("/")[2].removesuffix(".age"))
        for effect in vault.log.effects()
        for path in effect
        if path.startswith(keyring.VAULT_KEEPERS + "/")
    ]
    return 1 + max(used, default=-1)


def _config(vault: Vault) -> VaultConfig:
    if not isinstance(vault.config, VaultConfig):
        raise RefusedError("the keys of a vault are changed in the vault, not in a kit")
    return vault.config
