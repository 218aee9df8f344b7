"""For whom a redacted copy carries a mark, and by which key: a file stored with it (docs/format.md, 5.3).

It stands encrypted beside the copy and nowhere else: destroying or freezing the item takes it along, and no
release shows it.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from bearwitness.crypto.derive import SECRET_BYTES, derive, new_secret
from bearwitness.errors import MalformedError
from bearwitness_verify import canonical
from bearwitness_verify.canonical import b64, unb64

from .keyring import parse_recipient
from .ledger import Ledger
from .redactions import MARK, Redaction, read_file


@dataclass(frozen=True)
class Mark:
    """A mark for one age recipient; `key` is random, of 32 bytes."""

    recipient: str
    key: bytes = field(repr=False)

    def seed(self, original: str) -> bytes:
        """Return the 32 bytes the patterns are drawn from; `original` is its SHA-256 in hexadecimal."""
        told = self.recipient.encode() + b"\x00" + original.encode()
        return hmac.digest(derive(self.key, b"mark"), told, "sha256")

    def encode(self) -> bytes:
        """Return the file."""
        return canonical.dumps({"key": b64(self.key), "recipient": self.recipient, "type": "mark", "v": "1"})

    @classmethod
    def decode(cls, data: bytes) -> Mark:
        """Read the file strictly; raise MalformedError."""
        got = canonical.members(canonical.loads(data, "a mark"), "a mark", "key recipient type v")
        if (got["type"], got["v"]) != ("mark", "1"):
            raise MalformedError("a mark is of no version known here")
        recipient = canonical.text(got["recipient"], "the recipient of a mark")
        parse_recipient(recipient)
        return cls(recipient, unb64(got["key"], "the key of a mark", SECRET_BYTES))


def new_mark(recipient: str) -> Mark:
    """Return a mark for an age recipient, its key drawn anew; raise MalformedError for what is none."""
    parse_recipient(recipient)
    return Mark(recipient, new_secret())


def mark_of(ledger: Ledger, copy: Redaction) -> Mark | None:
    """Return the mark in a redacted copy, None if it has none; raise FrozenError, MalformedError."""
    return Mark.decode(read_file(ledger, copy, MARK)) if copy.marked else None


def is_for(ledger: Ledger, copy: Redaction, recipient: str) -> bool:
    """Say whether a copy has the mark of this age recipient; raise FrozenError, MalformedError."""
    mark = mark_of(ledger, copy)
    return mark is not None and mark.recipient == recipient
