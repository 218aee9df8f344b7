"""EBML elements (RFC 8794): identifiers, variable-size integers, the children of a master in memory."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from .model import ContainerError, TooLargeError

# Of a header: an identifier of at most 4 bytes and a size of at most 8 (RFC 9559, 5).
HEADER_BYTES_MAX: Final = 12
# A muxer writes some 30 elements a track.
CHILDREN_MAX: Final = 100_000
UNKNOWN: Final = -1  # a size that is not told (RFC 8794, 6.2)
# How long a number is, told by the zero bits its first byte begins with; 9 is no number (RFC 8794, 4).
_WIDTHS: Final = bytes(9 - byte.bit_length() for byte in range(256))


class Element(NamedTuple):
    """An element: its identifier and where its content begins and ends."""

    kind: int
    begin: int
    end: int


def header(data: bytes) -> tuple[int, int, int]:
    """Return identifier, size of the content (or UNKNOWN) and length of the header `data` begins with.

    Raises ContainerError for bytes that are no header, or only a part of one.
    """
    length = _WIDTHS[data[0]] if data else 9
    if length > 4:
        raise ContainerError("bytes stand where an element should")
    size, width = number(data, length)
    return int.from_bytes(data[:length], "big"), size, length + width


def number(data: bytes, at: int) -> tuple[int, int]:
    """Return the variable-size integer at `at` (UNKNOWN if all its bits are set) and its length."""
    width = _WIDTHS[data[at]] if at < len(data) else 9
    if width == 1:
        value, mask = data[at] & 0x7F, 0x7F
    elif width > 8 or at + width > len(data):
        raise ContainerError("a number of an element is cut off")
    else:
        mask = (1 << 7 * width) - 1
        value = int.from_bytes(data[at : at + width], "big") & mask
    return (UNKNOWN if value == mask else value), width


def children(data: bytes, begin: int, end: int) -> Iterator[Element]:
    """Yield the elements between two places of `data`; raise ContainerError where one does not fit."""
    for _ in range(CHILDREN_MAX):
        if begin >= end:
            return
        kind, size, length = header(data[begin : min(end, begin + HEADER_BYTES_MAX)])
        begin += length
        if size == UNKNOWN or size > end - begin:
            raise ContainerError("an element does not fit into the one around it")
        yield Element(kind, begin, begin + size)
        begin += size
    raise TooLargeError(f"an element has more than {CHILDREN_MAX:,} children")


class Master:
    """The children of a master element in memory, by identifier; of several alike the first counts."""

    def __init__(self, data: bytes, begin: int, end: int) -> None:
        self._data = data
        self._first: dict[int, Element] = {}
        for child in children(data, begin, end):
            self._first.setdefault(child.kind, child)

    def bytes(self, kind: int) -> bytes:
        """Return the content of a child, nothing if there is none."""
        child = self._first.get(kind)
        return b"" if child is None else self._data[child.begin : child.end]

    def uint(self, kind: int, default: int = 0) -> int:
        """Return an unsigned integer (RFC 8794, 7.2) of at most 8 bytes."""
        if kind not in self._first:
            return default
        content = self.bytes(kind)
        if len(content) > 8:
            raise ContainerError("an integer of an element is too long")
        return int.from_bytes(content, "big")

    def whole(self, kind: int, default: int = 0) -> int:
        """Return a float (RFC 8794, 7.3) as an integer, 0 if it is none that makes sense."""
        if kind not in self._first:
            return default
        content = self.bytes(kind)
        if len(content) not in (0, 4, 8):
            raise ContainerError("a float of an element has an impossible length")
        value = struct.unpack(">d" if len(content) == 8 else ">f", content)[0] if content else 0.0
        return int(value) if 0 <= value < 1 << 32 else 0

    def text(self, kind: int) -> str:
        """Return a text (RFC 8794, 7.4): ASCII up to the first zero byte; others are shown as ``?``."""
        content = self.bytes(kind).split(b"\x00", 1)[0]
        return "".join(chr(c) if 0x20 <= c < 0x7F else "?" for c in content)

    def master(self, kind: int) -> Master | None:
        """Return a child that is itself a master, None if there is none."""
        child = self._first.get(kind)
        return None if child is None else Master(self._data, child.begin, child.end)
