"""Packets of one track as columns: a million samples are added up in C, not in a Python loop."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import compress

from .model import PACKETS_MAX, RECORD_WORDS, TooLargeError, big_endian


def _column() -> array[int]:
    return array("q")


@dataclass(slots=True)
class Columns:
    """One value a packet in each column, in the order of decoding; flags as in a record."""

    flags: array[int] = field(default_factory=_column)
    pos: array[int] = field(default_factory=_column)
    end: array[int] = field(default_factory=_column)
    size: array[int] = field(default_factory=_column)
    pts: array[int] = field(default_factory=_column)
    dts: array[int] = field(default_factory=_column)
    duration: array[int] = field(default_factory=_column)

    def __len__(self) -> int:
        return len(self.pos)

    def all(self) -> tuple[array[int], ...]:
        """Return the columns in the order of a record."""
        return self.flags, self.pos, self.end, self.size, self.pts, self.dts, self.duration

    def append(self, flags: int, pos: int, end: int, size: int, pts: int, dts: int, duration: int) -> None:
        """Add one packet."""
        self.flags.append(flags)
        self.pos.append(pos)
        self.end.append(end)
        self.size.append(size)
        self.pts.append(pts)
        self.dts.append(dts)
        self.duration.append(duration)

    def extend(self, other: Columns) -> None:
        """Add the packets of `other`."""
        for mine, its in zip(self.all(), other.all(), strict=True):
            mine.extend(its)

    def within(self, size: int) -> tuple[Columns, bool]:
        """Return the packets that lie inside a file of `size` bytes, and whether these are all."""
        if not self.end or (min(self.pos) >= 0 and max(self.end) <= size):
            return self, True
        inside = bytes(begin >= 0 and end <= size for begin, end in zip(self.pos, self.end, strict=True))
        return Columns(*(array("q", compress(column, inside)) for column in self.all())), False

    def pack(self, track: int) -> bytes:
        """Return the packets as records of `track`."""
        head = track << 32
        if head >= 1 << 63:
            head -= 1 << 64
        words = array("q", bytes(8 * RECORD_WORDS * len(self)))
        first, *others = self.all()
        words[0::RECORD_WORDS] = array("q", [head | flags for flags in first])
        for number, column in enumerate(others, 1):
            words[number::RECORD_WORDS] = column
        return big_endian(words).tobytes()


def pack_all(tracks: Iterable[tuple[int, Columns]]) -> bytes:
    """Return the records of several tracks, given in ascending number; raise TooLargeError if too many."""
    tracks = list(tracks)
    if sum(len(columns) for _, columns in tracks) > PACKETS_MAX:
        raise TooLargeError(f"the index names more than {PACKETS_MAX:,} packets")
    return b"".join(columns.pack(number) for number, columns in tracks)
