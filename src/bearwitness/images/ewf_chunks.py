"""The chunks of an EWF image as they are stored, to tell a chunk of zeros from a damaged one (locked child).

libewf answers with zeros, and without an error, where the checksum of a chunk is wrong, and opens an image
whose last segment files are missing. So the tables of chunks are read here a second time. Source of the
layout: the specification of the Expert Witness Compression Format in the documents of libewf. Its second
version (.Ex01) is not read: nothing at hand writes one to try it on.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, Protocol

SIGNATURE: Final = b"EVF\x09\x0d\x0a\xff\x00"
_FILE_HEAD_BYTES: Final = 13
_SECTION_BYTES: Final = 76
_TABLE_HEAD_BYTES: Final = 24
_PACKED: Final = 0x80000000
_SECTIONS_MAX: Final = 1_000_000  # of one segment file; a terabyte has about 2,000 tables
_CHECKED_MAX: Final = 4_096


class File(Protocol):
    """A segment file."""

    def pread(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer only at the end."""


class _Section(NamedTuple):
    kind: bytes
    place: int  # of its data
    length: int


class _Table(NamedTuple):
    first: int  # number of its first chunk
    file: File
    entries: list[int]  # where they begin; a second copy may be the one that is whole
    base: int  # what their offsets count from


class StoredChunks:
    """Where the chunks of an image of the first version lie."""

    def __init__(self, files: Sequence[File], chunk_bytes: int, size: int) -> None:
        self.chunk_bytes, self._size = chunk_bytes, size
        self._tables: list[_Table] = []
        self._count = 0
        self._checked: dict[int, bytes | None] = {}
        for number, file in enumerate(files, 1):
            self._read_segment(file, number, last=number == len(files))

    def _read_segment(self, file: File, number: int, *, last: bool) -> None:
        head = file.pread(0, _FILE_HEAD_BYTES)
        if head[:8] != SIGNATURE or _u16(head, 9) != number:
            raise OSError("the segment files are not those of one image in their order")
        end = b""
        for section in _sections(file):
            end = section.kind
            if end in (b"table", b"table2"):
                self._add_table(file, section)
        if end != (b"done" if last else b"next"):
            raise OSError("segment files of the image are missing, or its last one is cut short")

    def _add_table(self, file: File, section: _Section) -> None:
        """Take in the table of a section, or the copy of the last one; libewf opens no image without both."""
        head = file.pread(section.place, _TABLE_HEAD_BYTES)
        count, entries = _u32(head, 0), section.place + _TABLE_HEAD_BYTES
        if not 0 < count <= (section.length - _TABLE_HEAD_BYTES) // 4:
            return
        if section.kind == b"table2" and self._tables:
            self._tables[-1].entries.append(entries)
            return
        base = int.from_bytes(head[8:16], "little")
        self._tables.append(_Table(self._count, file, [entries], base))
        self._count += count

    def damaged(self, offset: int, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield the parts of `data`, decoded from `offset`, that are zeros where no zeros are stored."""
        step, end = self.chunk_bytes, offset + len(data)
        for number in range(offset // step, -(-end // step)):
            begin, stop = max(offset, number * step), min(end, (number + 1) * step)
            piece = data[begin - offset : stop - offset]
            if piece.count(0) == len(piece):
                stored = self._chunk(number)
                if stored is None or stored[begin - number * step :][: len(piece)] != piece:
                    yield begin, len(piece)

    def _chunk(self, number: int) -> bytes | None:
        if number not in self._checked:
            if len(self._checked) >= _CHECKED_MAX:
                self._checked.clear()
            self._checked[number] = self._decode(number)
        return self._checked[number]

    def _decode(self, number: int) -> bytes | None:
        """Return what a chunk holds, None if its checksum says otherwise or no table knows it."""
        at = bisect_right(self._tables, number, key=lambda table: table.first) - 1
        length = min(self.chunk_bytes, self._size - number * self.chunk_bytes)
        if at < 0 or number >= self._count or length <= 0:
            return None
        table = self._tables[at]
        for entries in table.entries:
            entry = _u32(table.file.pread(entries + 4 * (number - table.first), 4), 0)
            found = None
            if entry & _PACKED:
                found = _unpacked(table.file, table.base + entry - _PACKED, length)
            # EnCase 6.7 let offsets grow beyond 2 GiB: then the bit is part of the offset.
            found = found or _plain(table.file, table.base + entry, length)
            if found is not None:
                return found
        return None


def _plain(file: File, place: int, length: int) -> bytes | None:
    data = file.pread(place, length + 4)
    return data[:length] if zlib.adler32(data[:length]) == _u32(data, length) else None


def _unpacked(file: File, place: int, length: int) -> bytes | None:
    try:
        inflater = zlib.decompressobj()
        data = inflater.decompress(file.pread(place, 2 * length + 64), length + 1)
        inflater.decompress(inflater.unconsumed_tail, 1)  # its own checksum stands at the end
    except zlib.error:
        return None
    return data if inflater.eof and len(data) == length else None


def _sections(file: File) -> Iterator[_Section]:
    """Yield the sections of a segment file up to the last, or to where they lead nowhere."""
    at = _FILE_HEAD_BYTES
    for _ in range(_SECTIONS_MAX):
        head = file.pread(at, _SECTION_BYTES)
        if len(head) < _SECTION_BYTES or zlib.adler32(head[:72]) != _u32(head, 72):
            return
        following, length = int.from_bytes(head[16:24], "little"), int.from_bytes(head[24:32], "little")
        yield _Section(head[:16].rstrip(b"\x00"), at + _SECTION_BYTES, max(0, length - _SECTION_BYTES))
        if following <= at:
            return
        at = following


def _u16(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "little")


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")
