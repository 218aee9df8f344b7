"""Writes an item's bytes as an exhibit and proves them on the way."""

from __future__ import annotations

import os
from array import array
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from bearwitness.crypto.derive import derive
from bearwitness.custody.trees import run_proof
from bearwitness.errors import TamperedError
from bearwitness.vault.delivery import OpenDelivery, Record
from bearwitness.vault.indexblob import segment_lengths
from bearwitness_verify.canonical import Json, unb64
from bearwitness_verify.leaves import prefix

from .kinds import HEAD_BYTES, extension_of
from .proofs import content_json

_SEGMENT_HEAD: Final = b"\x00" + prefix("segment")


@dataclass(frozen=True)
class Exhibit:
    """An exhibit as written: its file, and the JSON that proves its content."""

    name: str
    size: int
    sha256: str
    content: Json


def write_exhibit(folder: Path, number: int, delivery: OpenDelivery, record: Record) -> Exhibit:
    """Write the bytes of `record` below `folder`; raise TamperedError unless they are the sealed ones."""
    lengths = segment_lengths(delivery, record)
    secret = derive(record.secret, b"content")
    salts = [derive(secret, b"salt", i) for i in range(len(lengths))]
    temporary = folder / f".{number}"
    hasher = _Segments(lengths, salts)
    head = b""
    with temporary.open("xb") as file:
        for piece in delivery.content(record):
            head = head or piece[:HEAD_BYTES]
            hasher.feed(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    digest = hasher.whole.digest()
    if digest != unb64(record.value("sha256")):
        raise TamperedError(f"the stored bytes of item {number} are not those that were sealed")
    name = f"exhibits/{number:02}.{extension_of(head)}"
    temporary.rename(folder.parent / name)
    leaves = hasher.leaves()
    run = run_proof(leaves, secret, 0, len(leaves), single=True)
    content = content_json(run, lengths, b"".join(salts))
    return Exhibit(name, hasher.size, digest.hex(), content)


class _Segments:
    """Hashes the whole and each segment while bytes stream by."""

    def __init__(self, lengths: array[int], salts: list[bytes]) -> None:
        self.whole, self.size = sha256(), 0
        self._lengths, self._salts = lengths, salts
        self._leaves: list[bytes] = []
        self._hash = sha256(_SEGMENT_HEAD + salts[0])
        self._missing = lengths[0]

    def feed(self, piece: bytes) -> None:
        self.whole.update(piece)
        self.size += len(piece)
        view = memoryview(piece)
        while view:
            if not self._missing:
                raise TamperedError("an item is longer than its segments")
            part = view[: self._missing]
            self._hash.update(part)
            self._missing -= len(part)
            view = view[len(part) :]
            if not self._missing:
                self._next()

    def _next(self) -> None:
        self._leaves.append(self._hash.digest())
        number = len(self._leaves)
        if number < len(self._lengths):
            self._hash = sha256(_SEGMENT_HEAD + self._salts[number])
            self._missing = self._lengths[number]

    def leaves(self) -> list[bytes]:
        """Return the hashes of all segments."""
        if not self.size and not self._leaves:
            self._next()
        if len(self._leaves) != len(self._lengths):
            raise TamperedError("an item is shorter than its segments")
        return self._leaves
