"""The door for the locked child: which container a file is, by its content, and its index.

:func:`index_file` answers in bytes that :func:`answer.decode_index` takes in; it raises nothing on
purpose. :func:`index` is the same as values.
"""

from __future__ import annotations

from . import matroska, mp4, mpegts, riff
from .answer import encode_damaged, encode_index, encode_unknown
from .model import ContainerError, Index
from .reader import READ_BYTES_MAX, ByteSource, Reader

_HEAD_BYTES = 4_096


def index(source: ByteSource) -> Index | None:
    """Return the index of a file, None if it is of no kind read here; raise ContainerError if damaged."""
    head = source.pread(0, min(_HEAD_BYTES, source.size))
    # Scanning parsers see each header of the file once; a window may be read twice at its edge.
    scan = 2 * source.size + READ_BYTES_MAX
    try:
        if mp4.recognise(head):
            return mp4.read(Reader(source))
        if matroska.recognise(head):
            return matroska.read(Reader(source, scan))
        if riff.recognise(head):
            return riff.read(Reader(source, scan))
        if mpegts.recognise(head):
            return mpegts.read(Reader(source, scan))
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
