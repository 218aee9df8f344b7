"""The door for the locked child: which container a file is, by its content, and its index.

:func:`index_file` answers in bytes that :func:`answer.decode_index` takes in; it raises nothing on
purpose. :func:`index` is the same as values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from . import matroska, mp4, mpegts, riff
from .answer import encode_damaged, encode_index, encode_unknown
from .model import ContainerError, Index
from .reader import ByteSource, Reader

_HEAD_BYTES: Final = 4_096
# A file is walked over at most twice; what reads more than that walks in circles.
_SPARE_BYTES: Final = 64 << 20
_CONTAINERS: Final[tuple[tuple[Callable[[bytes], bool], Callable[[Reader], Index | None]], ...]] = (
    (mp4.recognise, mp4.read),
    (matroska.recognise, matroska.read),
    (riff.recognise, riff.read),
    (mpegts.recognise, mpegts.read),
)


def index(source: ByteSource) -> Index | None:
    """Return the index of a file, None if it is of no kind read here; raise ContainerError if damaged."""
    head = source.pread(0, min(_HEAD_BYTES, source.size))
    reader = Reader(source, 2 * source.size + _SPARE_BYTES)
    try:
        for recognise, read in _CONTAINERS:
            if recognise(head):
                return read(reader)
    except OverflowError:
        raise ContainerError("a number of the index is beyond 64 bits") from None
    return None


def index_file(source: ByteSource) -> bytes:
    """Return the encoded answer for a file, in the locked child; for damaged ones it holds the reason."""
    try:
        found = index(source)
        return encode_unknown() if found is None else encode_index(found)
    except ContainerError as error:
        return encode_damaged(error.message)
