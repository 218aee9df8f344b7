"""A transport stream out of proven cells, with tables of its own (ISO/IEC 13818-1; docs/format.md, 11.3)."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from itertools import count, repeat
from typing import Final
from zlib import crc32

from .plan import NoPlanError, Plan
from .rows import Row, Track

_PAYLOAD_BYTES: Final = 184
_SECTION_BYTES_MAX: Final = 1024
_TYPE = re.compile(r"0x[0-9a-f]{2}\Z")
_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def write(tracks: Sequence[Track], order: Sequence[tuple[Track, Row]]) -> Plan:
    """Return the plan: tables of the programs, then the cells as they are."""
    del order  # cells stay as they were
    pids = {track.number for track in tracks}
    pid = next(n for n in count(0x1000) if n not in pids)
    skip = bytes(4 if tracks[0].container == "m2ts" else 0)
    pat = _section(0x00, 1, struct.pack(">HH", 1, 0xE000 | pid))
    pmt = _section(0x02, 1, struct.pack(">HH", 0xE000 | tracks[0].number, 0xF000), *map(_stream, tracks))
    return Plan(_cells(0, pat, skip) + _cells(pid, pmt, skip), repeat(b""), b"")


def _stream(track: Track) -> bytes:
    if not _TYPE.match(track.codec):
        raise NoPlanError("a stream has no type")
    head = struct.pack(">BHH", int(track.codec, 16), 0xE000 | track.number, 0xF000 | len(track.extradata))
    return head + track.extradata


def _section(table: int, number: int, *content: bytes) -> bytes:
    body = struct.pack(">HBBB", number, 0xC1, 0, 0) + b"".join(content)
    length = len(body) + 4
    if length + 3 > _SECTION_BYTES_MAX:
        raise NoPlanError("the streams have more descriptors than a table holds")
    section = struct.pack(">BH", table, 0xB000 | length) + body
    # The checksum of annex A is that of zlib with the bits turned around, and not inverted.
    mirrored = (crc32(section.translate(_MIRRORED)) ^ 0xFFFFFFFF).to_bytes(4, "little")
    return section + mirrored.translate(_MIRRORED)


def _cells(pid: int, section: bytes, skip: bytes) -> bytes:
    data, cells = b"\x00" + section, []
    for number, at in enumerate(range(0, len(data), _PAYLOAD_BYTES)):
        head = struct.pack(">BHB", 0x47, (0 if at else 0x4000) | pid, 0x10 | number & 15)
        cells.append(skip + head + data[at : at + _PAYLOAD_BYTES].ljust(_PAYLOAD_BYTES, b"\xff"))
    return b"".join(cells)
