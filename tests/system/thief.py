"""Tries every key that can be found on everything that is locked, and again with what comes to light."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

from bearwitness.crypto import age
from bearwitness.errors import KeyUnlockError, MalformedError


def files_of(kit: Path) -> dict[str, bytes]:
    """Return all files below a folder by path."""
    return {str(path.relative_to(kit)): path.read_bytes() for path in kit.rglob("*") if path.is_file()}


def keys_in(files: dict[str, bytes]) -> Iterator[bytes]:
    """Yield everything in these files that could be a secret of 32 bytes: whole, encoded, or a piece."""
    for data in files.values():
        for text in re.findall(rb"AGE-SECRET-KEY-1[0-9A-Z]+", data.upper()):
            yield age.Identity.parse(text.decode()).secret
        for text in re.findall(rb"[A-Za-z0-9+/_-]{40,}={0,2}", data):
            plain = text.translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
            decoded = base64.b64decode(plain + b"=" * (-len(plain) % 4)) if len(plain) % 4 != 1 else b""
            yield from {decoded[:32], decoded[1:33], decoded[-32:]}
        for text in re.findall(rb"[0-9a-f]{64}", data):
            yield bytes.fromhex(text.decode())
        if len(data) <= 64:
            yield from (data[at : at + 32] for at in range(len(data) - 31))


def opened_with(secrets: set[bytes], files: dict[str, bytes]) -> dict[str, bytes]:
    """Return what can be decrypted, with these secrets and with whatever comes to light on the way."""
    plain: dict[str, bytes] = {}
    tried: set[bytes] = set()
    while secrets - tried:
        fresh, tried = secrets - tried, tried | secrets
        for path, data in files.items():
            at = data.find(b"age-encryption.org/v1")
            if path in plain or at < 0:
                continue
            for secret in fresh:
                try:
                    plain[path] = age.decrypt(data[at:], age.Identity(secret))
                except (KeyUnlockError, MalformedError):
                    continue
                break
        secrets = tried | {key for key in keys_in(plain) if len(key) == 32}
    return plain
