"""C2SP signed notes, their verifier keys and cosignatures (c2sp.org/signed-note, /tlog-cosignature).

A note is text, an empty line, and signature lines ``— name base64(key id ‖ signature)``.
:func:`parse` splits it strictly; :meth:`VerifierKey.verify` checks one signature.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .errors import MalformedError, SignatureError

ED25519: Final = 0x01  # a signature over the text
COSIGNATURE: Final = 0x04  # a timestamped cosignature of a checkpoint
NOTE_BYTES_MAX: Final = 64 * 1024  # far above 16 signatures; a note is read whole
SIGNATURES_MAX: Final = 64
TIME_MAX: Final = 253_402_300_799  # 9999-12-31: what a calendar can show of the 2**63 - 1 that C2SP allows
_NAME = re.compile(r"[^\s+\x00-\x1f]{1,200}\Z")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DASH = "\N{EM DASH} "


def strict_b64(text: str, what: str) -> bytes:
    """Return the bytes of standard, padded, canonical base64 `text`."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        raise MalformedError(f"{what} is not base64") from None
    if base64.b64encode(data).decode() != text:
        raise MalformedError(f"{what} is not canonical base64")
    return data


def key_id(name: str, algorithm: int, public: bytes) -> bytes:
    """Return the four bytes by which a signature line names its key."""
    return sha256(name.encode() + b"\n" + bytes([algorithm]) + public).digest()[:4]


@dataclass(frozen=True)
class Signature:
    """One signature line: key name, four-byte key id, signature bytes."""

    name: str
    key_id: bytes
    data: bytes

    def line(self) -> str:
        """Return the line as it stands in a note, newline included."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.data).decode()}\n"


@dataclass(frozen=True)
class Note:
    """A parsed note: `text` ends in a newline; signatures are not checked yet."""

    text: str
    signatures: tuple[Signature, ...]

    def plain(self, key: VerifierKey) -> str:
        """Return the note with the signature of `key` alone, the bytes that stamps cover."""
        for signature in self.signatures:
            if key.made(signature):
                return self.text + "\n" + signature.line()
        raise SignatureError(f"the note is not signed by {key.name}")

    def encode(self) -> bytes:
        """Return the note's bytes."""
        return (self.text + "\n" + "".join(s.line() for s in self.signatures)).encode()


@dataclass(frozen=True)
class VerifierKey:
    """A public key as C2SP vkeys write it: ``name+hash+base64(algorithm ‖ key)``."""

    name: str
    algorithm: int
    public: bytes

    @classmethod
    def parse(cls, vkey: str) -> VerifierKey:
        """Read a vkey strictly."""
        parts = vkey.split("+", 2)
        if len(parts) != 3 or not _NAME.match(parts[0]):
            raise MalformedError("a verifier key has the form name+hash+base64")
        raw = strict_b64(parts[2], "the key in a verifier key")
        if len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE):
            raise MalformedError("the verifier key is of a kind not known here")
        key = cls(parts[0], raw[0], raw[1:])
        if key.encode() != vkey:
            raise MalformedError("the hash in the verifier key does not fit the key")
        return key

    def encode(self) -> str:
        """Return the vkey text."""
        material = base64.b64encode(bytes([self.algorithm]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{material}"

    @property
    def id(self) -> bytes:
        """The four-byte key id."""
        return key_id(self.name, self.algorithm, self.public)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the vkey text, hexadecimal: what people compare."""
        return sha256(self.encode().encode()).hexdigest()

    def made(self, signature: Signature) -> bool:
        """Say whether `signature` claims to be by this key."""
        return (signature.name, signature.key_id) == (self.name, self.id)

    def verify(self, note: Note) -> int:
        """Check this key's signature of `note`; raise SignatureError if absent or wrong.

        Returns the POSIX time of a cosignature, 0 for a plain signature.
        """
        mine = [s for s in note.signatures if self.made(s)]
        if not mine:
            raise SignatureError(f"there is no signature by {self.name} ({self.id.hex()})")
        return max(self._verify_one(note.text, signature.data) for signature in mine)

    def _verify_one(self, text: str, data: bytes) -> int:
        time, message = 0, text.encode()
        if self.algorithm == COSIGNATURE:
            time, data = int.from_bytes(data[:8], "big"), data[8:]
            if time > TIME_MAX:
                raise SignatureError(f"the cosignature by {self.name} claims a time beyond any calendar")
            message = f"cosignature/v1\ntime {time}\n".encode() + message
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(data, message)
        except (InvalidSignature, ValueError):
            raise SignatureError(f"the signature by {self.name} does not hold") from None
        return time


def parse(data: bytes) -> Note:
    """Split the bytes of a note strictly into text and signatures."""
    if len(data) > NOTE_BYTES_MAX:
        raise MalformedError("a signed note is too large")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError("a signed note is not UTF-8") from None
    if _CONTROL.search(whole):
        raise MalformedError("a signed note holds control characters")
    text, gap, lines = whole.rpartition("\n\n")
    if not gap or not lines.endswith("\n"):
        raise MalformedError("a signed note lacks its signatures")
    signatures = tuple(_signature(line) for line in lines[:-1].split("\n"))
    if len(signatures) > SIGNATURES_MAX:
        raise MalformedError(f"a signed note has more than {SIGNATURES_MAX} signatures")
    return Note(text + "\n", signatures)


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not _NAME.match(name):
        raise MalformedError("a signature line of a note is malformed")
    raw = strict_b64(encoded, "a signature of a note")
    if len(raw) < 5:
        raise MalformedError("a signature of a note is too short")
    return Signature(name, raw[:4], raw[4:])
