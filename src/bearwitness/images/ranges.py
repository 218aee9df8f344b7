"""Ranges of a disk: sectors that can not be read, sectors that read differently each time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class Ranges:
    """Disjoint ranges in ascending order; those that touch or overlap become one."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []
        for offset, length in ranges:
            self.add(offset, length)

    def __bool__(self) -> bool:
        return bool(self._begins)

    def __len__(self) -> int:
        return len(self._begins)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield offset and length of each range."""
        for begin, end in zip(self._begins, self._ends, strict=True):
            yield begin, end - begin

    @property
    def total(self) -> int:
        """How many bytes they hold together."""
        return sum(self._ends) - sum(self._begins)

    def add(self, offset: int, length: int) -> None:
        """Add one range."""
        if length <= 0:
            return
        begin, end = offset, offset + length
        low, high = bisect_left(self._ends, begin), bisect_right(self._begins, end)
        if low < high:
            begin, end = min(begin, self._begins[low]), max(end, self._ends[high - 1])
        self._begins[low:high], self._ends[low:high] = [begin], [end]

    def within(self, offset: int, length: int) -> list[tuple[int, int]]:
        """Return the parts of the ranges that lie in `length` bytes from `offset`."""
        if not self._begins:
            return []
        stop = offset + length
        low, high = bisect_right(self._ends, offset), bisect_left(self._begins, stop)
        cut = zip(self._begins[low:high], self._ends[low:high], strict=True)
        return [(max(begin, offset), min(end, stop) - max(begin, offset)) for begin, end in cut]
