"""Any range of an item's bytes, decrypted in memory: what decoders in the sandbox are served from."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from itertools import accumulate
from typing import Final

from bearwitness.crypto import age
from bearwitness.errors import MalformedError

from .delivery import ZERO, OpenDelivery, Record

_PACKS_KEPT: Final = 8  # their keys, not their bytes: to open a pack anew costs an exchange of keys


class ItemReader:
    """Random access to one item, for any number of threads. Holds no plaintext beyond what it returns.

    Each 64 KiB chunk is authenticated by its pack; that packs, order and hashes are those of the manifest is
    for `check` to say.
    """

    def __init__(self, delivery: OpenDelivery, record: Record) -> None:
        self._delivery, self._part, self._extents = delivery, record.part, record.extents
        self._ends = list(accumulate(length for _, _, length in record.extents))
        self.size = self._ends[-1] if self._ends else 0
        self._packs: OrderedDict[str, age.Reader] = OrderedDict()
        self._reading = threading.Lock()

    def read(self, offset: int, length: int) -> bytes:
        """Return a range; raise MalformedError beyond the end or if damaged, TamperedError if gone."""
        if offset < 0 or length < 0 or offset + length > self.size:
            raise MalformedError("an item is shorter than what is asked of it")
        with self._reading:
            return self._read(offset, length)

    def _read(self, offset: int, length: int) -> bytes:
        parts: list[bytes] = []
        number = bisect_right(self._ends, offset)
        while length:
            pack, begin, extent_length = self._extents[number]
            at = offset - (self._ends[number] - extent_length)
            step = min(length, extent_length - at)
            parts.append(bytes(step) if pack == ZERO else self._pack(pack).read(begin + at, step))
            offset, length, number = offset + step, length - step, number + 1
        return b"".join(parts)

    def _pack(self, name: str) -> age.Reader:
        if name not in self._packs:
            if len(self._packs) >= _PACKS_KEPT:
                self._packs.popitem(last=False)
            self._packs[name] = self._delivery.pack(self._part, name)
        self._packs.move_to_end(name)
        return self._packs[name]
