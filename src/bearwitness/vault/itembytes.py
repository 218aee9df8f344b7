"""The bytes of one item by ranges, decrypted as they are asked for: what a sandboxed decoder reads from."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from typing import Final

from bearwitness.crypto import age
from bearwitness.errors import TamperedError

from .delivery import ZERO, OpenDelivery, Record

_READERS_MAX: Final = 16


class ItemBytes:
    """Random access to an item; raises FrozenError where it is frozen, TamperedError for wrong packs."""

    def __init__(self, opened: OpenDelivery, record: Record) -> None:
        self._opened, self._part, self._extents = opened, record.part, record.extents
        self._starts: list[int] = []
        self.size = 0
        for _, _, length in record.extents:
            self._starts.append(self.size)
            self.size += length
        if self.size != (record.size or 0):
            raise TamperedError("the extents of an item do not add up to its size")
        self._readers: OrderedDict[str, age.Reader] = OrderedDict()

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes from `offset`, fewer only at the end."""
        out = bytearray()
        end = min(offset + length, self.size)
        while offset < end:
            number = bisect_right(self._starts, offset) - 1
            name, at, size = self._extents[number]
            inside = offset - self._starts[number]
            step = min(end - offset, size - inside)
            out += bytes(step) if name == ZERO else self._reader(name).read(at + inside, step)
            offset += step
        return bytes(out)

    def _reader(self, name: str) -> age.Reader:
        reader = self._readers.get(name)
        if reader is None:
            reader = self._readers[name] = self._opened.pack(self._part, name)
            if len(self._readers) > _READERS_MAX:
                self._readers.popitem(last=False)
        self._readers.move_to_end(name)
        return reader
