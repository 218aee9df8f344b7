"""Hashes a file while it streams by: SHA-256 of all bytes, and the content tree (docs/format.md, 3.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from bearwitness.crypto.derive import derive, keyed
from bearwitness.custody.trees import RunBuilder
from bearwitness_verify.leaves import prefix

_SEGMENT_HEAD: Final = b"\x00" + prefix("segment")
_SALT: Final = b"salt"
_FIRST_SALT: Final = b"salt" + bytes(8)
_NONE_LEFT: Final = 1 << 64  # longer than any file


def one_segment(item_secret: bytes, data: memoryview) -> tuple[bytes, bytes]:
    """Return SHA-256 and content root of a file that is one segment: what ContentHasher gives, faster."""
    salt = sha256(keyed(derive(item_secret, b"content")) + _FIRST_SALT).digest()
    segment = sha256(_SEGMENT_HEAD + salt)
    segment.update(data)
    return sha256(data).digest(), segment.digest()


class ContentHasher:
    """Takes the bytes of one file in order and gives its hashes at the end."""

    def __init__(self, item_secret: bytes, lengths: Sequence[int], *, md5: bool = False) -> None:
        self._lengths = lengths
        secret = derive(item_secret, b"content")
        self._key = keyed(secret)
        self.tree = RunBuilder(secret, len(lengths), single=True)
        self._whole = sha256()
        self._md5 = hashlib.md5(usedforsecurity=False) if md5 else None
        self._number = 0
        self._begin_segment()

    def _begin_segment(self) -> None:
        number = self._number
        salt = sha256(self._key + _SALT + number.to_bytes(8, "big")).digest()
        self._segment = sha256(_SEGMENT_HEAD + salt)
        self._missing = self._lengths[number] if number < len(self._lengths) else _NONE_LEFT

    def feed(self, data: memoryview) -> None:
        """Take the next bytes."""
        self._whole.update(data)
        if self._md5:
            self._md5.update(data)
        leaves: list[bytes] = []
        at, end = 0, len(data)
        while at + self._missing <= end and at < end:
            self._segment.update(data[at : at + self._missing])
            leaves.append(self._segment.digest())
            at += self._missing
            self._number += 1
            self._begin_segment()
        if at < end:
            self._segment.update(data[at:])
            self._missing -= end - at
        self.tree.extend(leaves)

    def finish(self) -> tuple[bytes, bytes, bytes | None]:
        """Return SHA-256, content root and MD5 (None unless asked for) of the whole file."""
        if not self._number and self._lengths[0] == 0:  # the one empty segment of an empty file
            self.tree.extend([self._segment.digest()])
        return self._whole.digest(), self.tree.root(), self._md5.digest() if self._md5 else None
