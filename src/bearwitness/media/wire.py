"""What a decoding child sends: batches of frames, sound or packets; written and read strictly here.

    head  ‖ records ‖ troubles ‖ texts ‖ data, if it is not in the memory shared with the parent

Lengths are exact: a batch with a byte too few or too many is refused. Everything is little-endian.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from bearwitness.errors import MalformedError

from .model import TROUBLES, DecodeTrouble

HEAD: Final = struct.Struct(
    "<BIIIQqq"
)  # state, records, troubles, bytes of texts and of shared data, time base
TROUBLE: Final = struct.Struct("<BQqI")  # kind, packet, pts or UNTOLD, bytes of the reason
FRAME: Final = struct.Struct("<QqBhIIII")  # index, pts, key, rotation, width, height, both native
SOUND: Final = struct.Struct("<qqI")  # time as a fraction, count of samples
PACKET: Final = struct.Struct("<IqqqBI")  # stream, pts, dts, duration, flags, length

MORE: Final = 0
END: Final = 1
REFUSED: Final = 2  # the first text says why

KEY: Final = 1  # flags of a packet
DISCARD: Final = 2

UNTOLD: Final = -(1 << 63)
BATCH_BYTES: Final = 4 << 20  # a batch ends with the record that makes it so large
RECORDS_MAX: Final = 65_536  # a batch of tiny frames ends here
TROUBLES_MAX: Final = 65_536  # of one batch; a child with more to tell breaks off
REASON_CHARACTERS_MAX: Final = 200
_REASON: Final = re.compile(r"[\x20-\x7e]{0,200}\Z")


@dataclass(frozen=True)
class Batch:
    """One answer, its head and troubles read; `records` and `data` are still untrusted bytes."""

    ended: bool
    time_base: Fraction
    count: int
    records: memoryview
    troubles: tuple[DecodeTrouble, ...]
    data: memoryview


class RefusedByChildError(Exception):
    """The child says why it can not do what was asked; the text is printable."""


class BatchWriter:
    """Collects one batch in the child."""

    def __init__(self, time_base: Fraction, shared: memoryview | None = None) -> None:
        self._time_base, self._shared = time_base, shared
        self.clear()

    def clear(self) -> None:
        """Begin the next batch."""
        self._records, self._troubles, self._texts = bytearray(), bytearray(), bytearray()
        self._count = self._trouble_count = 0
        self.data = bytearray()
        self._shared_bytes = 0

    @property
    def full(self) -> bool:
        """Whether it is time to send it."""
        return len(self.data) + self._shared_bytes >= BATCH_BYTES or self._count >= RECORDS_MAX

    @property
    def troubled(self) -> bool:
        """Whether no more troubles fit."""
        return self._trouble_count >= TROUBLES_MAX

    def room(self, size: int) -> memoryview:
        """Return so much of the shared memory for data, behind what was handed out before."""
        if self._shared is None or self._shared_bytes + size > len(self._shared):
            raise MemoryError
        begin, self._shared_bytes = self._shared_bytes, self._shared_bytes + size
        return self._shared[begin : begin + size]

    def add(self, record: bytes) -> None:
        """Add a record; what it describes is appended to `data` by the caller."""
        self._records += record
        self._count += 1

    def trouble(self, kind: str, packet: int, pts: int | None, reason: str) -> None:
        """Add a trouble; times are told in units of the time base."""
        text = reason.encode("ascii", "replace")[:REASON_CHARACTERS_MAX]
        text = bytes(c if 0x20 <= c <= 0x7E else 0x3F for c in text)
        time = UNTOLD if pts is None else pts
        self._troubles += TROUBLE.pack(TROUBLES.index(kind), packet, time, len(text))
        self._texts += text
        self._trouble_count += 1

    def answer(self, state: int) -> bytearray:
        """Return the batch."""
        base = self._time_base
        head = HEAD.pack(
            state,
            self._count,
            self._trouble_count,
            len(self._texts),
            self._shared_bytes,
            base.numerator,
            base.denominator,
        )
        out = bytearray(head)
        for part in (self._records, self._troubles, self._texts, self.data):
            out += part
        return out


def refusal(reason: str) -> bytearray:
    """Return the answer of a child that can not do what was asked."""
    writer = BatchWriter(Fraction(1))
    writer.trouble(TROUBLES[-1], 0, None, reason)
    return writer.answer(REFUSED)


def read_batch(untrusted: bytes, record_bytes: int, shared: Callable[[int], bytes] | None = None) -> Batch:
    """Return the parts of an answer; raise RefusedByChildError, or MalformedError for nonsense.

    `shared(length)` copies data from the memory shared with the child, where there is any.
    """
    if len(untrusted) < HEAD.size:
        raise MalformedError("a batch has no head")
    state, count, trouble_count, text_bytes, shared_bytes, numerator, denominator = HEAD.unpack_from(
        untrusted
    )
    if state > REFUSED or count > RECORDS_MAX or trouble_count > 2 * TROUBLES_MAX:
        raise MalformedError("a batch is of no known kind or too large")
    if numerator <= 0 or denominator <= 0:
        raise MalformedError("a batch has no time base")
    base = Fraction(numerator, denominator)
    view = memoryview(untrusted)[HEAD.size :]
    ends = count * record_bytes, trouble_count * TROUBLE.size, text_bytes
    if sum(ends) > len(view):
        raise MalformedError("a batch is cut off")
    records, view = view[: ends[0]], view[ends[0] :]
    listed, view = view[: ends[1]], view[ends[1] :]
    troubles = _troubles(listed, bytes(view[:text_bytes]), base)
    if state == REFUSED:
        raise RefusedByChildError(troubles[0].reason if troubles else "no reason given")
    data = view[text_bytes:]
    if shared_bytes:
        if shared is None or data:
            raise MalformedError("a batch tells of shared memory where there is none")
        data = memoryview(shared(shared_bytes))
    return Batch(state == END, base, count, records, troubles, data)


def _troubles(listed: memoryview, texts: bytes, base: Fraction) -> tuple[DecodeTrouble, ...]:
    found, at = [], 0
    for kind, packet, pts, length in TROUBLE.iter_unpack(listed):
        text = texts[at : at + length].decode("ascii", "replace")
        if kind >= len(TROUBLES) or len(text) != length or not _REASON.match(text):
            raise MalformedError("a batch tells of a trouble of no known kind")
        time = None if pts == UNTOLD else pts * base
        found.append(DecodeTrouble(TROUBLES[kind], packet, time, text))
        at += length
    if at != len(texts):
        raise MalformedError("a batch holds text that belongs to nothing")
    return tuple(found)
