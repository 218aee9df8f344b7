"""PES packets of an MPEG transport stream (ISO/IEC 13818-1, 2.4.3.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .model import UNTOLD

# Streams whose packets have no flags and no times: maps, padding, private stream 2, ECM, EMM, …
_PLAIN_IDS = frozenset((0xBC, 0xBE, 0xBF, 0xF0, 0xF1, 0xF2, 0xF8, 0xFF))
PREFIX = b"\x00\x00\x01"
_SHORT_BYTES = 6  # prefix, stream_id, PES_packet_length
_LONG_BYTES = 9  # and flags and PES_header_data_length


class PesHeader(NamedTuple):
    """How long a header is, how long the packet after it (None: up to the next), and its times."""

    length: int
    body: int | None
    pts: int
    dts: int


def header_bytes(head: bytes) -> int:
    """Return how many bytes the header that begins with `head` has, as far as can be told yet."""
    if len(head) < _SHORT_BYTES:
        return _LONG_BYTES
    if head[3] in _PLAIN_IDS:
        return _SHORT_BYTES
    return _LONG_BYTES if len(head) < _LONG_BYTES else _LONG_BYTES + head[8]


def read_header(head: bytes) -> PesHeader | None:
    """Return the header `head` begins with, None if it is none or not whole."""
    length = header_bytes(head)
    if len(head) < length or head[:3] != PREFIX:
        return None
    told = int.from_bytes(head[4:6], "big")
    body = told + _SHORT_BYTES - length if told else None
    if length == _SHORT_BYTES:
        return PesHeader(length, body, UNTOLD, UNTOLD)
    if head[6] & 0xC0 != 0x80 or (body is not None and body < 0):
        return None
    pts = _timestamp(head, 9) if head[7] & 0x80 and head[8] >= 5 else UNTOLD
    # A packet tells when it is decoded only where that is not when it is shown (2.4.3.7).
    dts = _timestamp(head, 14) if head[7] & 0x40 and head[8] >= 10 else pts
    return PesHeader(length, body, pts, dts)


def _timestamp(head: bytes, at: int) -> int:
    """Return the 33 bits of a time in 1/90,000 s, as written: they begin again after 26.5 hours."""
    high, middle, low = head[at], head[at + 1 : at + 3], head[at + 3 : at + 5]
    return (high >> 1 & 7) << 30 | int.from_bytes(middle, "big") >> 1 << 15 | int.from_bytes(low, "big") >> 1


@dataclass(slots=True)
class Pes:
    """A PES packet while its cells come by; `head` is how its payload begins."""

    pos: int
    head: bytes
    flags: int
    end: int = 0
    payload: int = 0

    def lacks_head(self) -> bool:
        """Say whether more bytes are needed to read the header."""
        return len(self.head) < header_bytes(self.head)
