"""The tree over a file's track table: track fields, then packets (docs/format.md, 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
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


def track_tree(item_secret: bytes, fields: Sequence[Json], packets: bytes) -> RunBuilder:
    """Return the finished builder of a track table's tree; `packets` are packed payloads of 56 bytes."""
    secret = derive(item_secret, b"tracks")
    key = keyed(secret) + b"salt"
    builder = RunBuilder(secret, len(fields) + len(packets) // PACKET_BYTES)
    builder.extend(
        [
            sha256(
                _FIELD_HEAD + sha256(key + n.to_bytes(8, "big")).digest() + canonical.dumps(field)
            ).digest()
            for n, field in enumerate(fields)
        ]
    )
    view, number = memoryview(packets), len(fields)
    step = PACKET_BYTES * _AT_ONCE
    for begin in range(0, len(view), step):
        leaves = []
        for at in range(begin, min(begin + step, len(view)), PACKET_BYTES):
            salt = sha256(key + number.to_bytes(8, "big")).digest()
            leaves.append(sha256(_PACKET_HEAD + salt + view[at : at + PACKET_BYTES]).digest())
            number += 1
        builder.extend(leaves)
    return builder
