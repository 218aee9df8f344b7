"""Making a vault, and making field kits for it (docs/format.md, 8 and 9)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bearwitness.crypto import age, shares
from bearwitness.custody.entries import Effect
from bearwitness.custody.signing import SigningKey
from bearwitness.errors import RefusedError, UsageError, storage_error
from bearwitness.store.local import LocalStore, make_folder, sync_folder, write_new

from . import config, keyring
from .config import KitConfig, VaultConfig
from .vault import KIT_FILE, VAULT_FILE, Vault, digest_of


@dataclass(frozen=True)
class Keepers:
    """Who may open a new vault: keepers, how many of them together, and the source keepers."""

    keepers: Sequence[str]
    threshold: int
    source_keepers: Sequence[str]


def found(root: Path, keepers: Keepers, origin: str = "", note: str = "") -> Vault:
    """Make a vault at `root`, which must not exist or be empty; return it open."""
    wraps = _check_keepers(keepers)
    _new_folder(root)
    store = LocalStore(root)
    identity, source = age.Identity.generate(), age.Identity.generate()
    signer = SigningKey.generate(origin or f"bearwitness/{secrets.token_hex(6)}")
    public = VaultConfig(
        v="1",
        suite=config.SUITE,
        origin=signer.name,
        key=signer.verifier.encode(),
        recipient=str(identity.recipient),
        source_recipient=str(source.recipient),
        threshold=str(keepers.threshold),
    )
    if not config.ORIGIN.match(signer.name):
        raise UsageError(f"{origin!r} can not be the name of a log: letters, digits and . _ / - only")
    effect: Effect = {VAULT_FILE: digest_of(config.encode(public))}
    files = _wrap_vault(identity, wraps, keepers.threshold)
    files |= {
        f"{keyring.SOURCE_KEEPERS}/{n}.age": keyring.wrap_identity(source, keeper)
        for n, keeper in enumerate(keyring.recipients_of(keepers.source_keepers or wraps))
    }
    for path, data in files.items():
        store.write(path, data)
        effect[path] = digest_of(data)
    write_signer(root, signer)
    store.write(VAULT_FILE, config.encode(public))
    vault = Vault(root, public)
    with vault.writing():
        vault.append(
            {
                "kind": "founded",
                "vault": effect[VAULT_FILE],
                "keepers": list(wraps),
                "source_keepers": list(keyring.recipients_of(keepers.source_keepers or wraps)),
                "threshold": str(keepers.threshold),
                **({"note": note} if note else {}),
            },
            effect,
        )
    return vault


def _check_keepers(keepers: Keepers) -> list[str]:
    wraps = keyring.recipients_of(keepers.keepers)
    if not wraps:
        raise UsageError(
            "a vault needs at least one --recipient", "make an identity with: bearwitness keys new -o KEY"
        )
    if not 1 <= keepers.threshold <= len(wraps):
        raise UsageError(
            f"--threshold {keepers.threshold} is not possible: the number of recipients is {len(wraps)}",
            "name a --recipient for every keeper; the threshold is how many of them open it together",
        )
    if keepers.threshold > 1 and len(wraps) > shares.SHARES_MAX:
        raise UsageError(f"with a threshold there can be at most {shares.SHARES_MAX} keepers")
    return wraps


def _wrap_vault(identity: age.Identity, wraps: Sequence[str], threshold: int) -> dict[str, bytes]:
    """Return the keepers' files: the identity for each, or a share for each."""
    if threshold == 1:
        return {
            f"{keyring.VAULT_KEEPERS}/{n}.age": keyring.wrap_identity(identity, keeper)
            for n, keeper in enumerate(wraps)
        }
    pieces = shares.split(identity.secret, threshold, len(wraps))
    return {
        f"{keyring.VAULT_KEEPERS}/{n}.age": keyring.wrap_share(piece, threshold, identity.recipient, keeper)
        for n, (keeper, piece) in enumerate(zip(wraps, pieces, strict=True))
    }


def make_kit(root: Path, vault: Vault, label: str = "") -> Vault:
    """Make a field kit at `root` for `vault`, certified in the vault's log; return it open."""
    if vault.is_kit or not isinstance(vault.config, VaultConfig):
        raise RefusedError("a kit is made from the vault itself, not from another kit")
    with vault.writing():
        return _make_kit(root, vault, vault.config, label)


def _make_kit(root: Path, vault: Vault, home: VaultConfig, label: str) -> Vault:
    _new_folder(root)
    signer = SigningKey.generate(f"{home.origin}/{secrets.token_hex(4)}")
    public = KitConfig(
        v="1",
        suite=config.SUITE,
        vault_origin=home.origin,
        vault_key_text=home.key,
        recipient=home.recipient,
        source_recipient=home.source_recipient,
        origin=signer.name,
        key=signer.verifier.encode(),
    )
    write_signer(root, signer)
    kit = Vault(root, public)
    named = {"label": label} if label else {}
    with kit.writing():
        kit.append(
            {"kind": "kit-founded", "vault": home.key, "device": public.key, **named},
            {KIT_FILE: digest_of(config.encode(public))},
        )
    first = kit.log.note_bytes(1).decode()
    vault.append({"kind": "device-certified", "device": public.key, "checkpoint": first, **named})
    kit.store.write(KIT_FILE, config.encode(public))  # last: before, nobody takes it for a kit
    return kit


def write_signer(root: Path, signer: SigningKey) -> None:
    """Keep the signing key of a device where only its owner can read it."""
    folder = root / "local"
    folder.mkdir(mode=0o700, exist_ok=True)
    write_new(folder / "device.key", (signer.encode() + "\n").encode())
    sync_folder(folder)
    sync_folder(root)


def _new_folder(root: Path) -> None:
    try:
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise RefusedError(f"{root} is there already and is not empty", "choose another place")
        make_folder(root)
        root.chmod(0o700)
    except OSError as error:
        raise storage_error(error, str(root)) from error
