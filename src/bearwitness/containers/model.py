"""What a container says of its packets, as values; no I/O (docs/format.md, 3.2).

:class:`Index` is what every parser returns: tracks, packets as packed records of 56 bytes in the order
of track and decoding, and extra places to cut at. :func:`unpack` turns records into :class:`Packet`.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from bearwitness.errors import BearwitnessError
from bearwitness_verify.canonical import Json

Bytes: TypeAlias = bytes | bytearray | memoryview

UNTOLD: Final = -(1 << 63)  # a time the container does not tell
KEY: Final = 1  # flag: the container calls it a key frame
IN_PIECES: Final = 2  # flag: bytes of other streams stand between its bytes
RECORD: Final = struct.Struct(">IIQQQqqq")
RECORD_BYTES: Final = RECORD.size
RECORD_WORDS: Final = RECORD_BYTES // 8
# Added to the name of the container where the file ends, or is unsound, before its index does.
INCOMPLETE: Final = ", incomplete"
CONTAINERS: Final = ("mp4", "mov", "matroska", "webm", "avi", "wav", "rf64", "bw64", "mpegts", "m2ts")

# A phone writes 2 or 3 tracks, a dome of cameras 16; each costs a decoder later on.
TRACKS_MAX: Final = 64
# 11 hours of 30 pictures and 20 sounds a second; 112 MB of records, which the parent holds in memory.
PACKETS_MAX: Final = 2_000_000
# Runs of an MPEG-TS file; 32 MB. Beyond it the file is cut every 65,536 bytes.
CUTS_MAX: Final = 4_000_000
# Parameter sets take some 100 bytes; Vorbis' code books, the largest in use, some 10,000.
EXTRADATA_BYTES_MAX: Final = 1 << 20
# Editors write one edit for each cut; a camera writes none or one.
EDITS_MAX: Final = 1_024


class ContainerError(BearwitnessError):
    """A container is damaged, or asks for more than is read of it; its file is cut in plain blocks."""


class TooLargeError(ContainerError):
    """Reading on would take more time or memory than any file is given."""


@dataclass(frozen=True, slots=True)
class Track:
    """One stream: the number its container gives it and its track fields, by name."""

    number: int
    fields: Mapping[str, Json]


class Packet(NamedTuple):
    """One packet: its bytes stand in `pos` to `end`-1, `size` of them its own; times in the time base."""

    track: int
    flags: int
    pos: int
    end: int
    size: int
    pts: int
    dts: int
    duration: int


@dataclass(frozen=True, slots=True)
class Index:
    """What a container says of its packets; `cuts` are ascending places between streams (MPEG-TS)."""

    container: str
    tracks: tuple[Track, ...]
    packets: Bytes
    cuts: array[int]


def unpack(packets: Bytes) -> Iterator[Packet]:
    """Return the packets of packed records."""
    return map(Packet._make, RECORD.iter_unpack(packets))


def big_endian(words: array[int]) -> array[int]:
    """Turn `words` from big-endian to the machine's order or back, in place; return it."""
    if sys.byteorder == "little":
        words.byteswap()
    return words


def record_words(packets: Bytes) -> array[int]:
    """Return packed records as seven 64-bit words each, the first of which is track and flags."""
    words = array("q")
    words.frombytes(packets)
    return big_endian(words)
