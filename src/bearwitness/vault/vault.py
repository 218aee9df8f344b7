"""A vault or kit that is open: its store, its log, what must be in it, the lock of those who write.

The door is :func:`bearwitness.vault.opening.open_vault`.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from bearwitness import __version__
from bearwitness.crypto import age
from bearwitness.custody import entries
from bearwitness.custody.entries import Body, Effect, Entry
from bearwitness.custody.log import Log
from bearwitness.custody.signing import SigningKey
from bearwitness.errors import (
    TamperedError,
    VaultBusyError,
    VaultError,
    storage_error,
    unreadable_error,
)
from bearwitness.store.local import LocalStore
from bearwitness_verify.canonical import Json
from bearwitness_verify.checkpoint import Checkpoint

from .config import Config, KitConfig

VAULT_FILE: Final = "vault.toml"
KIT_FILE: Final = "kit.toml"
_LOCK_PAUSE_SECONDS: Final = 0.02
TOOL: Final = f"bearwitness {__version__}"


class Vault:
    """An open vault or kit."""

    def __init__(self, root: Path, config: Config) -> None:
        self.root, self.config = root, config
        self.store = LocalStore(root)
        self.log = Log(self.store, config.log_key)
        self._expected: dict[str, str] = {}
        self._expected_size = 0  # how many entries `_expected` already tells of
        self.recipient = age.Recipient.parse(config.recipient)
        self.source_recipient = age.Recipient.parse(config.source_recipient)

    @property
    def is_kit(self) -> bool:
        """Whether this is a field kit."""
        return isinstance(self.config, KitConfig)

    @property
    def public_file(self) -> str:
        """The name of the file by which the vault or kit is known."""
        return KIT_FILE if self.is_kit else VAULT_FILE

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the vault's verifier key, hexadecimal."""
        return self.config.vault_key.fingerprint

    @property
    def local(self) -> Path:
        """The folder of what belongs to this machine alone."""
        return self.root / "local"

    def signer(self) -> SigningKey:
        """Return this device's signing key."""
        path = self.local / "device.key"
        try:
            return SigningKey.parse(path.read_text("ascii"))
        except FileNotFoundError:
            raise VaultError(
                f"{self.root} can be read here but not written: this machine has no signing key for it",
                "write on the machine where it was made, or make a kit for this one",
            ) from None

    @contextmanager
    def writing(self, patience_seconds: float = 0) -> Iterator[None]:
        """Hold the lock of those who write; raise VaultBusyError if it can not be had in time."""
        self.local.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self.local / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                locked = _lock(descriptor, patience_seconds)
            except OSError as error:  # a network file system without locks
                raise storage_error(error, str(self.root)) from error
            if not locked:
                raise VaultBusyError(f"another command is writing to {self.root}", "wait until it has ended")
            self.log.refresh()
            yield
        finally:
            os.close(descriptor)

    def append(
        self,
        fields: Mapping[str, Json],
        effect: Effect | None = None,
        *,
        secrets: Mapping[str, Json] | None = None,
        recipient: age.Recipient | None = None,
    ) -> Checkpoint:
        """Enter one act in the log; committed when this returns. Files in `effect` must be durable."""
        return self.append_all([self.entry(fields, effect, secrets=secrets, recipient=recipient)])

    def entry(
        self,
        fields: Mapping[str, Json],
        effect: Effect | None = None,
        *,
        secrets: Mapping[str, Json] | None = None,
        recipient: age.Recipient | None = None,
    ) -> Entry:
        """Return an act as an entry, encrypted, not yet in the log."""
        body = Body({"time": entries.now(), "tool": TOOL, **fields}, secrets or {})
        return Entry.seal(body, recipient or self.recipient, effect)

    def append_all(self, sealed: Sequence[Entry]) -> Checkpoint:
        """Enter several acts in the log under one checkpoint: all of them are committed, or none."""
        return self.log.append(sealed, self.signer())

    def expected_files(self) -> dict[str, str]:
        """Return the files the log says are here, with their SHA-256."""
        effects = self.log.effects()
        for effect in effects[self._expected_size :]:
            for path, digest in effect.items():
                if digest is None:
                    self._expected.pop(path, None)
                else:
                    self._expected[path] = digest
        self._expected_size = len(effects)
        return dict(self._expected)

    def read_expected(self, path: str, digest: str) -> bytes:
        """Return the file at `path`, which must have this SHA-256; raise TamperedError."""
        try:
            data = self.store.read(path)
        except KeyError:
            raise TamperedError(f"{path} is missing", "restore it from a mirror") from None
        except OSError as error:
            raise unreadable_error(error, path) from None
        if sha256(data).hexdigest() != digest:
            raise TamperedError(f"{path} is not the file its log speaks of", "restore it from a mirror")
        return data

    def check_public_file(self) -> None:
        """Refuse a vault whose public file (and so its keys) is not the one its log commits to."""
        expected = self.expected_files().get(self.public_file)
        if expected is None:
            raise TamperedError(f"the log does not speak of {self.public_file}")
        self.read_expected(self.public_file, expected)


def _lock(descriptor: int, patience_seconds: float) -> bool:
    end = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return True


def digest_of(data: bytes) -> str:
    """Return the SHA-256 of `data` as effects and descriptors write it."""
    return sha256(data).hexdigest()
