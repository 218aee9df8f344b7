"""Salts and fillers out of secrets (docs/format.md, 1.2)."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Final

SECRET_BYTES: Final = 32
_COUNTER: Final = b"\x00\x00\x00\x01"


def new_secret() -> bytes:
    """Return 32 random bytes."""
    return os.urandom(SECRET_BYTES)


def keyed(secret: bytes) -> bytes:
    """Return what stands before label and numbers; hot loops hash ``keyed(secret) + label + …``."""
    return _COUNTER + secret


def derive(secret: bytes, label: bytes, *numbers: int) -> bytes:
    """Return 32 bytes for `label` and `numbers`: one-step KDF, NIST SP 800-56C r2 §4, option 1."""
    block = _COUNTER + secret + label
    for number in numbers:
        block += number.to_bytes(8, "big")
    return sha256(block).digest()
