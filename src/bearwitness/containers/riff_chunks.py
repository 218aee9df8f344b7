"""Chunks of RIFF: little-endian numbers, code and size before each, even places."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator
from typing import Final, NamedTuple

from .model import ContainerError, TooLargeError
from .reader import Reader

# Before the pictures stand some 20 chunks; a walk over the pictures themselves has its own bound.
CHUNKS_MAX: Final = 100_000


class Chunk(NamedTuple):
    """A chunk: its code and where its content begins and ends, the end of the file at the latest."""

    code: bytes
    begin: int
    end: int
    whole: bool


def chunk_at(reader: Reader, at: int, end: int) -> Chunk | None:
    """Return the chunk at `at`; None where less than a header is left before `end`."""
    head = reader.some(at, 8)
    if len(head) < 8 or at + 8 > end:
        return None
    stop = at + 8 + int.from_bytes(head[4:], "little")
    return Chunk(head[:4], at + 8, min(stop, end), stop <= end)


def chunks(reader: Reader, at: int, end: int, most: int = CHUNKS_MAX) -> Iterator[Chunk]:
    """Yield the chunks between two places of the file, the last one maybe cut off."""
    while (chunk := chunk_at(reader, at, end)) is not None:
        most -= 1
        if most < 0:
            raise TooLargeError("the file has more chunks than any real one")
        yield chunk
        at = chunk.end + (chunk.end - chunk.begin & 1)


def words(data: bytes, code: str = "I") -> array[int]:
    """Return little-endian integers."""
    found = array(code)
    found.frombytes(data[: len(data) - len(data) % found.itemsize])
    if sys.byteorder == "big":
        found.byteswap()
    return found


def uint(data: bytes, at: int, length: int) -> int:
    """Return a little-endian integer; raise ContainerError where `data` ends before."""
    if at + length > len(data):
        raise ContainerError("a chunk is too short")
    return int.from_bytes(data[at : at + length], "little")
