"""Writes an item's bytes as an exhibit and proves them on the way."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bearwitness.crypto.derive import derive
from bearwitness.custody.content import ContentHasher
from bearwitness.custody.trees import run_proof
from bearwitness.errors import TamperedError
from bearwitness.vault.delivery import OpenDelivery, Record
from bearwitness.vault.indexblob import segment_lengths
from bearwitness_verify.canonical import Json, unb64

from .kinds import HEAD_BYTES, extension_of
from .proofs import content_json


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
    temporary = folder / f".{number}"
    hasher = ContentHasher(record.secret, lengths, keep_leaves=True)
    head, size = b"", 0
    with temporary.open("xb") as file:
        for piece in delivery.content(record):
            head = head or piece[:HEAD_BYTES]
            hasher.feed(memoryview(piece))
            file.write(piece)
            size += len(piece)
        file.flush()
        os.fsync(file.fileno())
    hashes = hasher.finish()
    if hashes.sha256 != unb64(record.value("sha256")):
        raise TamperedError(f"the stored bytes of exhibit {number} are not those that were sealed")
    name = f"exhibits/{number:02}.{extension_of(head)}"
    temporary.rename(folder.parent / name)
    secret = derive(record.secret, b"content")
    run = run_proof(hasher.leaves, secret, 0, len(hasher.leaves), single=True)
    salts = b"".join(derive(secret, b"salt", i) for i in range(len(lengths)))
    return Exhibit(name, size, hashes.sha256.hex(), content_json(run, lengths, salts))
