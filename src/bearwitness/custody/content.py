"""Hashes a file while it streams by: SHA-256 of all bytes, and its content tree (docs/format.md, 3.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from bearwitness.crypto.derive import derive, keyed
from bearwitness.custody.trees import RunBuilder
from bearwitness.errors import ProofError
from bearwitness_verify.leaves import prefix

_SEGMENT_HEAD: Final = b"\x00" + prefix("segment")
_SALT: Final = b"salt"
_FIRST_SALT: Final = b"salt" + bytes(8)
_NONE_LEFT: Final = 1 << 64  # longer than any file


def root_of_one(item_secret: bytes, data: memoryview | bytes) -> bytes:
    """Return the content root of a file that is one segment: what ContentHasher gives, faster."""
    salt = sha256(keyed(derive(item_secret, b"content")) + _FIRST_SALT).digest()
    segment = sha256(_SEGMENT_HEAD + salt)
    segment.update(data)
    return segment.digest()


class Hashes(NamedTuple):
    """What a file is committed to by; those not asked for are empty."""

    root: bytes
    sha256: bytes
    md5: bytes


class ContentHasher:
    """Takes the bytes of one file in order and gives its hashes at the end."""

    def __init__(
        self,
        item_secret: bytes,
        lengths: Sequence[int],
        *,
        whole: bool = True,
        md5: bool = False,
        keep_leaves: bool = False,
    ) -> None:
        """`lengths` are those of the segments; `whole`: hash all bytes together as well."""
        self._lengths = lengths
        secret = derive(item_secret, b"content")
        self._key = keyed(secret) + _SALT
        self.tree = RunBuilder(secret, len(lengths), single=True)
        self._whole = sha256() if whole else None
        self._md5 = hashlib.md5(usedforsecurity=False) if md5 else None
        self.leaves: list[bytes] = []  # of all segments, if they are to be kept
        self._keep_leaves = keep_leaves
        self._number = 0
        self._segment = sha256(_SEGMENT_HEAD + self._salt(0))
        self._missing = lengths[0] if lengths else _NONE_LEFT

    def _salt(self, number: int) -> bytes:
        return sha256(self._key + number.to_bytes(8, "big")).digest()

    def feed(self, data: memoryview) -> None:
        """Take the next bytes; that some come after the last segment is found at the end."""
        if self._whole:
            self._whole.update(data)
        if self._md5:
            self._md5.update(data)
        segment, missing, lengths = self._segment, self._missing, self._lengths
        leaves: list[bytes] = []
        at, end = 0, len(data)
        while at + missing <= end and at < end:
            segment.update(data[at : at + missing])
            leaves.append(segment.digest())
            at += missing
            self._number = number = self._number + 1
            segment = sha256(_SEGMENT_HEAD + self._salt(number))
            missing = lengths[number] if number < len(lengths) else _NONE_LEFT
        if at < end:
            segment.update(data[at:])
            missing -= end - at
        self._segment, self._missing = segment, missing
        self._take(leaves)

    def _take(self, leaves: list[bytes]) -> None:
        if self._keep_leaves:
            self.leaves += leaves
        self.tree.extend(leaves)

    def finish(self) -> Hashes:
        """Return the hashes of the file; raise ProofError unless it had all its bytes."""
        if not self._number and self._lengths[0] == 0:  # the one empty segment of an empty file
            self._take([self._segment.digest()])
        elif self._number == len(self._lengths) and self._missing != _NONE_LEFT:
            raise ProofError("the file is longer than its segments")
        return Hashes(
            self.tree.root(),
            self._whole.digest() if self._whole else b"",
            self._md5.digest() if self._md5 else b"",
        )
