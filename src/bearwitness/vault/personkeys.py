"""Where a person keeps their signing key: a file with a passphrase (age), or a plain one; never a vault."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pyrage

from bearwitness.custody.signing import SigningKey
from bearwitness.errors import KeyUnlockError, MalformedError, RefusedError, storage_error
from bearwitness.store.local import write_new

from .people import person_key
from .vault import KIT_FILE, VAULT_FILE

PASSPHRASE_LENGTH_MIN: Final = 12
_FILE_BYTES_MAX: Final = 1 << 16
_AGE: Final = b"age-encryption.org/v1\n"


def new_key() -> SigningKey:
    """Make a signing key; its name says nothing of whose it is."""
    return SigningKey.generate(f"person/{os.urandom(4).hex()}")


def write(path: Path, key: SigningKey, passphrase: str | None) -> None:
    """Keep `key` at `path`, which must be new and outside of every vault; None: in the clear."""
    _refuse_vault(path)
    data = (key.encode() + "\n").encode()
    if passphrase is not None:
        if len(passphrase) < PASSPHRASE_LENGTH_MIN:
            raise RefusedError(
                f"the passphrase is shorter than {PASSPHRASE_LENGTH_MIN} characters",
                "take five or six random words",
            )
        data = bytes(pyrage.passphrase.encrypt(data, passphrase))
    try:
        write_new(path, data)
    except FileExistsError:
        raise RefusedError(f"{path} is there already; a key is never overwritten") from None
    except OSError as error:
        raise storage_error(error, str(path)) from error


def read(path: Path, ask: Callable[[str], str]) -> SigningKey:
    """Return the key that `path` holds; `ask` is called for the passphrase; raise KeyUnlockError."""
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES_MAX)
    except OSError as error:
        raise KeyUnlockError(f"the key file {path} can not be read: {error.strerror}") from None
    if data.startswith(_AGE):
        try:
            data = bytes(pyrage.passphrase.decrypt(data, ask(f"Passphrase for {path}: ")))
        except pyrage.DecryptError:
            raise KeyUnlockError(f"the passphrase does not open {path}") from None
    try:
        key = SigningKey.parse(data.decode("ascii"))
        person_key(key.verifier.encode())
    except (UnicodeDecodeError, MalformedError):
        raise KeyUnlockError(
            f"{path} does not hold a person's signing key", "such files are made by: bearwitness people new"
        ) from None
    return key


def _refuse_vault(path: Path) -> None:
    for folder in path.absolute().resolve().parents:
        if (folder / VAULT_FILE).exists() or (folder / KIT_FILE).exists():
            raise RefusedError(
                f"{path} lies in the vault or kit at {folder}: a person's key never does",
                "keep it on a stick of its own: whoever has the vault must not be able to sign for people",
            )
