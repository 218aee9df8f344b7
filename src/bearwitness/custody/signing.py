"""Ed25519 keys that write notes: a device's own, a cosigner's (c2sp.org/signed-note).

A secret key is kept as Go's sumdb writes it, ``PRIVATE+KEY+name+hash+base64(algorithm ‖ seed)``.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bearwitness.errors import MalformedError
from bearwitness_verify.note import COSIGNATURE, ED25519, Note, Signature, VerifierKey, strict_b64

_PREFIX = "PRIVATE+KEY+"


@dataclass(frozen=True)
class SigningKey:
    """A secret signing key with its name; never printed by repr."""

    name: str
    algorithm: int
    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls, name: str, algorithm: int = ED25519) -> SigningKey:
        """Make a new key."""
        return cls(name, algorithm, os.urandom(32))

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        key = Ed25519PrivateKey.from_private_bytes(self.seed)
        return VerifierKey(self.name, self.algorithm, key.public_key().public_bytes_raw())

    def encode(self) -> str:
        """Return the secret text to be kept in a file of mode 600."""
        material = base64.b64encode(bytes([self.algorithm]) + self.seed).decode()
        return f"{_PREFIX}{self.name}+{self.verifier.id.hex()}+{material}"

    @classmethod
    def parse(cls, text: str) -> SigningKey:
        """Read the secret text; raise MalformedError."""
        parts = text.removesuffix("\n").removeprefix(_PREFIX).split("+", 2)
        if not text.startswith(_PREFIX) or len(parts) != 3:
            raise MalformedError("the signing key has not the form PRIVATE+KEY+name+hash+base64")
        raw = strict_b64(parts[2], "the signing key")
        if len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE):
            raise MalformedError("the signing key is of a kind not known here")
        key = cls(parts[0], raw[0], raw[1:])
        if key.verifier.id.hex() != parts[1]:
            raise MalformedError("the signing key is damaged: its hash does not fit")
        return key

    def sign(self, text: str, time: int = 0) -> Signature:
        """Sign note `text`; a cosigner's key signs it with POSIX `time`."""
        key, message, head = Ed25519PrivateKey.from_private_bytes(self.seed), text.encode(), b""
        if self.algorithm == COSIGNATURE:
            message = f"cosignature/v1\ntime {time}\n".encode() + message
            head = time.to_bytes(8, "big")
        return Signature(self.name, self.verifier.id, head + key.sign(message))

    def sign_note(self, text: str) -> bytes:
        """Return the bytes of a note with `text` and this key's signature alone."""
        return Note(text, (self.sign(text),)).encode()
