"""Checkpoints and proofs of the log as text (c2sp.org/tlog-checkpoint, c2sp.org/tlog-proof)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Final

from . import merkle, note
from .errors import MalformedError, SignatureError
from .note import Note, VerifierKey

_NUMBER = re.compile(r"(0|[1-9][0-9]{0,17})\Z")
_PROOF_HEADER: Final = "c2sp.org/tlog-proof@v1"
PROOF_HASHES_MAX: Final = 63


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log: its origin, the number of its entries, the root over them."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text strictly; extension lines are refused, we never write any."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not lines[0]:
            raise MalformedError("a checkpoint has three lines: origin, size, root")
        root = note.strict_b64(lines[2], "the root in a checkpoint")
        if len(root) != merkle.HASH_BYTES:
            raise MalformedError("the root in a checkpoint does not have 32 bytes")
        return cls(lines[0], number(lines[1], "the size in a checkpoint"), root)


def read_checkpoint(data: bytes, key: VerifierKey) -> tuple[Checkpoint, Note]:
    """Return the checkpoint in the signed note `data`, once its signature by the log's `key` holds."""
    signed = note.parse(data)
    key.verify(signed)
    checkpoint = Checkpoint.parse(signed.text)
    if checkpoint.origin != key.name:
        raise SignatureError(f"the checkpoint is of {checkpoint.origin}, the key of {key.name}")
    return checkpoint, signed


def number(text: str, what: str) -> int:
    """Return the number written in `text` in the one accepted way."""
    if not _NUMBER.match(text):
        raise MalformedError(f"{what} is not a decimal number")
    return int(text)


@dataclass(frozen=True)
class LogProof:
    """That an entry stands in a log: index, inclusion proof, the signed checkpoint as bytes."""

    index: int
    hashes: tuple[bytes, ...]
    note: bytes

    def encode(self) -> str:
        """Return the tlog-proof text."""
        lines = [_PROOF_HEADER, f"index {self.index}"]
        lines += [base64.b64encode(h).decode() for h in self.hashes]
        return "\n".join(lines) + "\n\n" + self.note.decode()

    @classmethod
    def parse(cls, text: str) -> LogProof:
        """Read the text strictly; extra data is refused, we never write any."""
        head, gap, signed = text.partition("\n\n")
        lines = head.split("\n")
        if not gap or len(lines) < 2 or lines[0] != _PROOF_HEADER:
            raise MalformedError("a log proof does not begin as one")
        if not lines[1].startswith("index ") or len(lines) - 2 > PROOF_HASHES_MAX:
            raise MalformedError("a log proof has the form index, hashes, checkpoint")
        hashes = tuple(note.strict_b64(line, "a hash in a log proof") for line in lines[2:])
        index = number(lines[1].removeprefix("index "), "the index in a log proof")
        return cls(index, hashes, signed.encode())

    def verify(self, leaf: bytes, key: VerifierKey) -> Checkpoint:
        """Check signature and inclusion of the entry with hash `leaf`; return the checkpoint."""
        checkpoint, _ = read_checkpoint(self.note, key)
        merkle.verify_inclusion(self.index, checkpoint.size, leaf, self.hashes, checkpoint.root)
        return checkpoint
