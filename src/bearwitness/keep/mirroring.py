"""Copies a vault's ciphertext to another place, resumable, every file checked on both sides.

A mirror is a vault that can be read (with keys) but not written: it has no signing key. What was destroyed or
frozen in the vault is removed from a mirror when it is reached; nothing else ever is.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from bearwitness.custody.log import OWN, Log
from bearwitness.errors import BearwitnessError, RefusedError, TamperedError
from bearwitness.store.base import Store
from bearwitness.store.local import LocalStore
from bearwitness.store.packs import pack_path
from bearwitness.vault.change import erase, erase_leftovers, replace
from bearwitness.vault.delivery import Descriptor
from bearwitness.vault.freezing import frozen
from bearwitness.vault.vault import VAULT_FILE, Vault

CARD: Final = "mirror.json"


@dataclass(frozen=True)
class Mirrored:
    """What a mirroring did."""

    mirror: str
    copied: int
    copied_bytes: int
    removed: int


def mirror(vault: Vault, destination: Path, progress: Callable[[int], None]) -> Mirrored:
    """Bring the mirror at `destination` up to date and enter it in the log."""
    if vault.is_kit:
        raise RefusedError("a kit is imported into its vault, and the vault is mirrored")
    target = LocalStore(destination)
    name = _card(vault, target)
    _must_continue(vault, target)
    erase_leftovers(target)
    copied, size, wanted = 0, 0, set()
    for path, digest in wanted_files(vault):
        length = _copy(vault.store, target, path, digest)
        copied, size = copied + (length > 0), size + length
        wanted.add(path)
        progress(vault.store.size(path) or 0)
    gone = [path for path in _obsolete(vault, target) if path not in wanted]
    for path in gone:
        erase(target.root / path)
    _copy_logs(vault, target)
    fields = {"kind": "mirrored", "mirror": name, "size": str(vault.log.size)}
    vault.append(fields, secrets={"path": os.fspath(destination.resolve())})
    _copy_logs(vault, target)
    _verify(vault, target)
    return Mirrored(name, copied, size, len(gone))


def _card(vault: Vault, target: LocalStore) -> str:
    """Return the mirror's name; a place that is neither empty nor a mirror of this vault is refused."""
    if target.size(CARD) is not None:
        try:
            card = json.loads(target.read(CARD))
            name, home = str(card["mirror"]), card.get("vault", vault.fingerprint)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise TamperedError(f"{target.root}/{CARD} is damaged", "choose another place") from None
        if home != vault.fingerprint:
            raise RefusedError(f"{target.root} is a mirror of another vault", "choose another place")
        return name
    if any(target.names("")):
        raise RefusedError(f"{target.root} is not empty and not a mirror", "choose another place")
    name = secrets.token_hex(8)
    target.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.write(CARD, json.dumps({"mirror": name, "v": "1", "vault": vault.fingerprint}).encode())
    return name


def _must_continue(vault: Vault, target: LocalStore) -> None:
    """Refuse to put an older or another vault over a mirror."""
    if target.size(VAULT_FILE) is None:
        return
    try:
        there = Log(target, vault.config.log_key).checkpoint
    except BearwitnessError as error:
        raise TamperedError(f"the mirror's log can not be used: {error}") from None
    if there.size and vault.log.root_at(there.size) != there.root:
        raise TamperedError("FORK: the mirror holds another history of this vault", "keep both as evidence")


def wanted_files(vault: Vault) -> Iterable[tuple[str, str]]:
    """Yield path and SHA-256 of everything a mirror must hold, packs first; no logs, nothing frozen."""
    expected = vault.expected_files()
    held = frozen(vault).packs
    descriptors = [
        Descriptor.decode(vault.read_expected(path, digest), path)
        for path, digest in expected.items()
        if path.startswith("deliveries/")
    ]
    for descriptor in descriptors:
        for name in descriptor.pack_names():
            if name not in held:
                yield pack_path(name), name
        for number, part in enumerate(descriptor.parts):
            yield descriptor.key_path(number), part.keys
    left_out = {VAULT_FILE, *map(pack_path, held)}
    yield from sorted((path, digest) for path, digest in expected.items() if path not in left_out)
    yield VAULT_FILE, expected[VAULT_FILE]


def _obsolete(vault: Vault, target: LocalStore) -> list[str]:
    """Return what the mirror may be rid of, unless it is wanted: its packs, and what the log removed."""
    removed = {path for effect in vault.log.effects() for path, digest in effect.items() if digest is None}
    return [*target.names("packs"), *(path for path in removed if target.size(path) is not None)]


def _copy(source: Store, target: LocalStore, path: str, digest: str) -> int:
    """Copy a file unless it is there already; return the bytes written."""
    if target.size(path) is not None:
        present = target.read(path)
        if sha256(present).hexdigest() == digest:
            return 0
    try:
        data = source.read(path)
    except KeyError:
        raise TamperedError(f"{path} is missing in the vault", "run: bearwitness check") from None
    if sha256(data).hexdigest() != digest:
        raise TamperedError(f"{path} in the vault was altered; it is not mirrored", "run: bearwitness check")
    replace(target, path, data)
    return len(data)


def _copy_logs(vault: Vault, target: LocalStore) -> None:
    for path in sorted(vault.store.names("log"), key=lambda p: (p.endswith("checkpoint"), "/notes/" in p, p)):
        data = vault.store.read(path)
        if target.size(path) != len(data) or target.read(path) != data:
            target.write(path, data)


def _verify(vault: Vault, target: LocalStore) -> None:
    """Read back every file of the mirror that is not a pack; packs were hashed as they were written."""
    if Log(target, vault.config.log_key, OWN).leaves() != vault.log.leaves():
        raise TamperedError("the log in the mirror is not the one of the vault", "the disk may be failing")
    for path, digest in wanted_files(vault):
        if target.size(path) is None:
            raise TamperedError(f"{path} did not reach the mirror", "the disk may be failing")
        if not path.startswith("packs/") and sha256(target.read(path)).hexdigest() != digest:
            raise TamperedError(f"{path} in the mirror is damaged", "the disk may be failing")
