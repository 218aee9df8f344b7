"""What a reader got elsewhere and trusts: keys, cosigners, checkpoints, roots of authorities."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from cryptography import x509

from . import note
from .checkpoint import Checkpoint
from .errors import BearwitnessError, MalformedError
from .note import VerifierKey

T = TypeVar("T")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}\Z")
_DIGITS = re.compile(r"[0-9a-f]{8,}\Z")
_KEY = re.compile(r"[^+]+\+[0-9a-f]{8}\+")
_ANCHOR_BYTES_MAX = 1 << 20


class AnchorError(BearwitnessError):
    """An anchor given on the command line can not be used."""

    exit_code = 2


@dataclass(frozen=True)
class Anchors:
    """Everything to check a release against. Keys of vaults are vkeys or fingerprints (hexadecimal)."""

    vault_keys: Sequence[str] = ()
    cosigners: Sequence[VerifierKey] = ()
    checkpoints: Sequence[tuple[str, Checkpoint, note.Note]] = ()
    roots: Sequence[x509.Certificate] = field(default_factory=tuple)

    @property
    def identify(self) -> bool:
        """Whether any of them tells one vault from another (a root of an authority does not)."""
        return bool(self.vault_keys or self.cosigners or self.checkpoints)

    def knows(self, key: VerifierKey) -> bool:
        """Say whether `key` is one of the vault keys given."""
        return key.encode() in self.vault_keys or key.fingerprint in self.vault_keys


def load(
    vault_keys: Sequence[str], cosigners: Sequence[str], checkpoints: Sequence[str], roots: Sequence[str]
) -> Anchors:
    """Read anchors as given on a command line, texts or files; raise AnchorError."""
    return Anchors(
        tuple(_usable(value, lambda text: _vault_key(_text(text))) for value in vault_keys),
        tuple(_usable(value, lambda text: _cosigner(_text(text))) for value in cosigners),
        tuple(_usable(path, _checkpoint) for path in checkpoints),
        tuple(c for path in roots for c in _certificates(path)),
    )


def _usable(value: str, read: Callable[[str], T]) -> T:
    """Return what `read` makes of an anchor; raise AnchorError, which names it, where that is nothing."""
    try:
        return read(value)
    except MalformedError as error:
        raise AnchorError(f"{value}, given to check against, can not be used: {error}") from None


def _cosigner(text: str) -> VerifierKey:
    key = VerifierKey.parse(text)
    if key.algorithm != note.COSIGNATURE:
        raise AnchorError(f"{text} is the key of a log, not of a cosigner")
    return key


def _text(value: str) -> str:
    """Return the text of a key: the argument itself, or the first line of the file it names.

    What looks like a key or a fingerprint is never taken for the name of a file: whoever forges a release
    knows both, can guess how they are cut off, and can send files of such names along.
    """
    if _FINGERPRINT.match(_hex(value)) or _KEY.match(value.strip()):
        return value.strip()
    if _DIGITS.match(_hex(value)):
        raise AnchorError(f"{value} is no whole fingerprint, which has 64 digits; a file is named ./{value}")
    if "+" in value and not os.path.exists(value):  # says no, unlike Path, to what is too long for a name
        return value.strip()
    if not os.path.exists(value):
        raise AnchorError(
            f"{value} is neither a key, nor a fingerprint of 64 digits, nor a file that is there"
        )
    lines = _read(value).decode("utf-8", "replace").strip().splitlines()
    if not lines:
        raise AnchorError(f"{value} is empty")
    return lines[0].strip()


def _hex(text: str) -> str:
    return "".join(text.split()).replace(":", "").lower()


def _vault_key(text: str) -> str:
    if _FINGERPRINT.match(_hex(text)):
        return _hex(text)
    return VerifierKey.parse(text).encode()


def _checkpoint(path: str) -> tuple[str, Checkpoint, note.Note]:
    signed = note.parse(_read(path))
    return path, Checkpoint.parse(signed.text), signed


def _certificates(path: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ValueError:
        raise AnchorError(f"{path} holds no certificate in PEM") from None


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(_ANCHOR_BYTES_MAX)
    except OSError as error:
        raise AnchorError(f"{path} can not be read: {error.strerror}") from None
