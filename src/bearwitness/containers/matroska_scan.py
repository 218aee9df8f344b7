"""One walk over the headers of a Matroska segment: its tracks and the frames of its blocks (RFC 9559)."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from .columns import Columns
from .matroska_blocks import BLOCK_HEAD_BYTES_MAX, Block, read_block
from .matroska_ebml import HEADER_BYTES_MAX, UNKNOWN, Element, Master, header
from .matroska_tracks import Entry, read_tracks
from .model import KEY, PACKETS_MAX, TRACKS_MAX, UNTOLD, ContainerError, TooLargeError
from .reader import Reader

EBML: Final = 0x1A45DFA3
_SEGMENT: Final = 0x18538067
_INFO: Final = 0x1549A966
_TIMESTAMP_SCALE: Final = 0x2AD7B1
_TRACKS: Final = 0x1654AE6B
_CLUSTER: Final = 0x1F43B675
_TIMESTAMP: Final = 0xE7
_SIMPLE_BLOCK: Final = 0xA3
_BLOCK_GROUP: Final = 0xA0
_BLOCK: Final = 0xA1
_BLOCK_DURATION: Final = 0x9B
_REFERENCE_BLOCK: Final = 0xFB
_KEY_FRAME: Final = 0x80  # in the flags of a simple block (10.2)
LEAST_BYTES: Final = 4_096  # of an EBML header and of what stands before the segment
# Parameters of 64 decoders take some kilobytes.
TRACKS_BYTES_MAX: Final = 16 << 20
# A block group has some 5 elements; 2-byte elements could fill a whole disk.
ELEMENTS_MAX: Final = 5 * PACKETS_MAX
_PEEK_BYTES: Final = HEADER_BYTES_MAX + BLOCK_HEAD_BYTES_MAX


class Scan:
    """One walk over a segment. Clusters are entered, all else is passed over by its size."""

    def __init__(self, reader: Reader) -> None:
        self.tracks: dict[int, Entry] | None = None
        self.scale = 1_000_000  # nanoseconds in a unit of time (5.1.2.9)
        self.columns: dict[int, Columns] = {}
        self.whole = True
        self._reader = reader
        self._elements = self._packets = 0
        self._time: int | None = None  # of the cluster the walk is in

    def run(self) -> None:
        """Visit every element of the first segment."""
        at, end = self._segment()
        cluster_end = end
        while at < end:
            if at >= cluster_end:
                cluster_end, self._time = end, None
            peek = self._reader.some(at, _PEEK_BYTES)
            element = self._element(peek, at, cluster_end)
            if element is None:  # on after the cluster, if it is known where that is
                self.whole = False
                at, cluster_end, self._time = cluster_end, end, None
            elif element.kind == _CLUSTER:
                at, cluster_end, self._time = element.begin, element.end, None
            elif element.kind in (EBML, _SEGMENT):  # another file follows this one
                return
            else:
                self._visit(element, peek[element.begin - at :])
                at = element.end

    def _segment(self) -> tuple[int, int]:
        """Return where the content of the segment begins and where it, or the file, ends."""
        at = 0
        while at < LEAST_BYTES:
            kind, size, length = header(self._reader.some(at, HEADER_BYTES_MAX))
            at += length
            if kind == _SEGMENT:
                end = self._reader.size if size == UNKNOWN else at + size
                self.whole = end <= self._reader.size
                return at, min(end, self._reader.size)
            if size == UNKNOWN:
                break
            at += size
        raise ContainerError("the file has no segment")

    def _element(self, peek: bytes, at: int, limit: int) -> Element | None:
        """Return the element at `at`, None where there is none that ends by `limit`."""
        self._elements += 1
        if self._elements > ELEMENTS_MAX:
            raise TooLargeError(f"the file has more than {ELEMENTS_MAX:,} elements")
        try:
            kind, size, length = header(peek)
        except ContainerError:
            return None
        begin = at + length
        if kind == _CLUSTER:
            self.whole = self.whole and (size == UNKNOWN or begin + size <= limit)
            return Element(kind, begin, limit if size == UNKNOWN else min(begin + size, limit))
        if size == UNKNOWN or begin + size > limit:
            return None
        return Element(kind, begin, begin + size)

    def _visit(self, element: Element, head: bytes) -> None:
        """Take what counts out of one element; `head` is how its content begins."""
        kind, begin, end = element
        try:
            if kind == _SIMPLE_BLOCK:
                self._add(read_block(self._reader, head, begin, end), None, UNTOLD)
            elif kind == _BLOCK_GROUP:
                self._group(begin, end)
            elif kind == _TIMESTAMP:
                self._time = self._uint(element)
            elif kind == _TRACKS and self.tracks is None:
                self.tracks = read_tracks(self._load(element))
            elif kind == _INFO:
                self.scale = Master(self._load(element), 0, end - begin).uint(_TIMESTAMP_SCALE, self.scale)
        except TooLargeError:
            raise
        except ContainerError:
            self.whole = False

    def _load(self, element: Element) -> bytes:
        if element.end - element.begin > TRACKS_BYTES_MAX:
            raise TooLargeError("the description of the tracks is larger than any that is read")
        return self._reader.read(element.begin, element.end - element.begin)

    def _uint(self, element: Element) -> int:
        """Return an integer of an element; those above 2**62 are no times."""
        if element.end - element.begin > 8:
            raise ContainerError("an integer of an element is too long")
        value = int.from_bytes(self._reader.read(element.begin, element.end - element.begin), "big")
        if value >> 62:
            raise ContainerError("a time is beyond all bounds")
        return value

    def _group(self, at: int, end: int) -> None:
        """Add the block of a group; it is a key frame unless the group refers to another (10.1)."""
        block, duration, key = None, UNTOLD, KEY
        while at < end:
            peek = self._reader.some(at, _PEEK_BYTES)
            element = self._element(peek, at, end)
            if element is None:
                raise ContainerError("an element does not fit into its group")
            if element.kind == _BLOCK:
                block = read_block(self._reader, peek[element.begin - at :], element.begin, element.end)
            elif element.kind == _BLOCK_DURATION:
                duration = self._uint(element)
            elif element.kind == _REFERENCE_BLOCK:
                key = 0
            at = element.end
        if block is not None:
            self._add(block, key, duration if len(block.places) == 2 else UNTOLD)

    def _add(self, block: Block, key: int | None, duration: int) -> None:
        """Add the frames of a block; `key` None: its own flags tell."""
        if self._time is None:
            raise ContainerError("a block stands where no cluster gives it a time")
        columns = self.columns.get(block.track)
        if columns is None:
            if len(self.columns) >= TRACKS_MAX:
                raise TooLargeError("there are blocks of too many tracks")
            columns = self.columns[block.track] = Columns()
        self._packets += len(block.places) - 1
        if self._packets > PACKETS_MAX:
            raise TooLargeError(f"the file has more than {PACKETS_MAX:,} packets")
        flags = (KEY if block.flags & _KEY_FRAME else 0) if key is None else key
        time = self._time + block.time
        for begin, end in pairwise(block.places):
            columns.append(flags, begin, end, end - begin, time, UNTOLD, duration)
            time = UNTOLD
