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


def content_secret(item_secret: bytes) -> bytes:
    """Return the secret of an item's content tree."""
    return derive(item_secret, b"content")


def content_builder(item_secret: bytes, segments: int) -> RunBuilder:
    """Return the builder of a content tree of that many segments."""
    return RunBuilder(content_secret(item_secret), segments, single=True)


class ContentHasher:
    """Takes the bytes of one file in order and gives its hashes at the end."""

    def __init__(self, item_secret: bytes, lengths: Sequence[int], *, md5: bool = False) -> None:
        self._lengths = lengths
        self._key = keyed(content_secret(item_secret))
        self.tree = content_builder(item_secret, len(lengths))
        self._whole = sha256()
        self._md5 = hashlib.md5(usedforsecurity=False) if md5 else None
        self._number = 0
        self._begin_segment()

    def _begin_segment(self) -> None:
        salt = sha256(self._key + _SALT + self._number.to_bytes(8, "big")).digest()
        self._segment = sha256(_SEGMENT_HEAD + salt)
        self._missing = self._lengths[self._number] if self._number < len(self._lengths) else 0

    def feed(self, data: memoryview) -> None:
        """Take the next bytes."""
        self._whole.update(data)
        if self._md5:
            self._md5.update(data)
        leaves, at, end = [], 0, len(data)
        while at < end:
            step = self._missing if self._missing <= end - at else end - at
            if not step:
                raise AssertionError("more bytes than segments")
            self._segment.update(data[at : at + step])
            self._missing -= step
            at += step
            if not self._missing:
                leaves.append(self._segment.digest())
                self._number += 1
                self._begin_segment()
        self.tree.extend(leaves)

    def finish(self) -> tuple[bytes, bytes, bytes | None]:
        """Return SHA-256, content root and MD5 (None unless asked for) of the whole file."""
        if not self._number and self._lengths[0] == 0:  # the one empty segment of an empty file
            self.tree.extend([self._segment.digest()])
        return self._whole.digest(), self.tree.root(), self._md5.digest() if self._md5 else None
