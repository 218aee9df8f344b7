"""The tree over a file's track table: track fields, then packets (docs/format.md, 3.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

from bearwitness.crypto.derive import derive, keyed
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json
from bearwitness_verify.leaves import prefix

from .trees import RunBuilder

PACKET_BYTES: Final = 56
_FIELD_HEAD: Final = b"\x00" + prefix("track-field")
_PACKET_HEAD: Final = b"\x00" + prefix("packet")
_AT_ONCE: Final = 4096


def track_leaves(item_secret: bytes, fields: Sequence[Json], packets: bytes) -> Iterator[list[bytes]]:
    """Yield the leaf hashes of a track table in order, some thousands at once."""
    key = keyed(derive(item_secret, b"tracks")) + b"salt"
    yield [
        sha256(_FIELD_HEAD + sha256(key + n.to_bytes(8, "big")).digest() + canonical.dumps(field)).digest()
        for n, field in enumerate(fields)
    ]
    view, number = memoryview(packets), len(fields)
    step = PACKET_BYTES * _AT_ONCE
    for begin in range(0, len(view), step):
        leaves = []
        for at in range(begin, min(begin + step, len(view)), PACKET_BYTES):
            salt = sha256(key + number.to_bytes(8, "big")).digest()
            leaves.append(sha256(_PACKET_HEAD + salt + view[at : at + PACKET_BYTES]).digest())
            number += 1
        yield leaves


def track_tree(item_secret: bytes, fields: Sequence[Json], packets: bytes) -> RunBuilder:
    """Return the finished builder of a track table's tree; `packets` are packed payloads of 56 bytes."""
    builder = RunBuilder(derive(item_secret, b"tracks"), len(fields) + len(packets) // PACKET_BYTES)
    for leaves in track_leaves(item_secret, fields, packets):
        builder.extend(leaves)
    return builder
