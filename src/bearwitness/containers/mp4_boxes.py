"""Boxes of ISO/IEC 14496-12 (4.2) and atoms of the QuickTime File Format: headers, tables, nothing more.

:class:`Boxes` walks what lies in memory, :func:`top_level` the file. Nothing here descends on its own:
a parser asks for the children it knows, so nesting costs neither stack nor time.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Final, NamedTuple

from .model import ContainerError, TooLargeError, big_endian
from .reader import Reader

# A day of fragments of a second each takes 170,000 top-level boxes; 8-byte boxes could fill a whole disk.
BOXES_MAX: Final = 1_000_000
_FULL_BOX_BYTES: Final = 4  # version and flags (4.2.2)


class Box(NamedTuple):
    """A box: its type and where its content begins and ends."""

    kind: bytes
    begin: int
    end: int


class Boxes:
    """Boxes in `data`, a moov or moof read whole."""

    def __init__(self, data: bytes, boxes_max: int = BOXES_MAX) -> None:
        self.data = data
        self.view = memoryview(data)
        self._left = boxes_max

    def inside(self, begin: int, end: int) -> Iterator[Box]:
        """Yield the boxes between two places; raise ContainerError where one does not fit its parent."""
        while end - begin >= 8:
            size = int.from_bytes(self.data[begin : begin + 4], "big")
            header = 8
            if size == 1 and end - begin >= 16:
                size, header = int.from_bytes(self.data[begin + 8 : begin + 16], "big"), 16
            elif size == 0:  # QuickTime ends some lists so
                return
            self._left -= 1
            if self._left < 0:
                raise TooLargeError("the index has more boxes than any real one")
            if size < header or size > end - begin:
                raise ContainerError("a box does not fit into the box around it")
            yield Box(self.data[begin + 4 : begin + 8], begin + header, begin + size)
            begin += size

    def children(self, box: Box, skip: int = 0) -> dict[bytes, Box]:
        """Return the first child of each type, `skip` bytes into `box`."""
        found: dict[bytes, Box] = {}
        for child in self.inside(box.begin + skip, box.end):
            found.setdefault(child.kind, child)
        return found

    def bytes(self, box: Box, begin: int, length: int) -> bytes:
        """Return `length` bytes of the content of `box` from `begin`; raise ContainerError beyond its end."""
        at = box.begin + begin
        if length < 0 or at + length > box.end:
            raise ContainerError(f"a box {_printable(box.kind)} is too short")
        return self.data[at : at + length]

    def uint(self, box: Box, begin: int, length: int) -> int:
        """Return an unsigned integer of the content of `box`."""
        return int.from_bytes(self.bytes(box, begin, length), "big")

    def sint(self, box: Box, begin: int, length: int) -> int:
        """Return a signed integer of the content of `box`."""
        return int.from_bytes(self.bytes(box, begin, length), "big", signed=True)

    def words(self, box: Box, begin: int, count: int, code: str = "I") -> array[int]:
        """Return `count` integers of the content of `box`; `code` is the one of :mod:`array`."""
        words = array(code)
        at = box.begin + begin
        if count * words.itemsize > box.end - at:
            raise ContainerError(f"a box {_printable(box.kind)} is too short for its table")
        words.frombytes(self.view[at : at + count * words.itemsize])
        return big_endian(words)

    def table(self, box: Box | None, columns: int, code: str = "I") -> array[int]:
        """Return the table of a FullBox that begins with the count of its rows; none if there is no box."""
        if box is None:
            return array(code)
        return self.words(box, _FULL_BOX_BYTES + 4, columns * self.uint(box, _FULL_BOX_BYTES, 4), code)


def _printable(kind: bytes) -> str:
    return "".join(chr(c) if 0x20 <= c < 0x7F else "?" for c in kind)


def top_level(reader: Reader) -> Iterator[tuple[Box, int, bool]]:
    """Yield each box of the file, where its header begins and whether the file holds all of it.

    Ends at the first that is cut off or has an impossible size: what follows can not be told apart.
    """
    at, left = 0, BOXES_MAX
    while at < reader.size:
        head = reader.some(at, 16)
        left -= 1
        if left < 0:
            raise TooLargeError(f"the file has more than {BOXES_MAX:,} boxes")
        size, header = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(head[8:16], "big"), 16
        elif size == 0:  # to the end of the file (4.2)
            size = reader.size - at
        whole = header <= size <= reader.size - at and len(head) >= header
        yield Box(head[4:8], at + header, at + size if whole else reader.size), at, whole
        if not whole:
            return
        at += size
