"""AVI and WAV out of proven packets (RIFF; docs/format.md, 11.3)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction

from .canonical import integer
from .mp4_entry import fraction
from .plan import Plan
from .rows import KEY, Row, Track


def chunk(code: bytes, *content: bytes) -> bytes:
    """Return a chunk, padded to even length."""
    data = b"".join(content)
    return struct.pack("<4sI", code, len(data)) + data + bytes(len(data) & 1)


def _list(code: bytes, *content: bytes) -> bytes:
    return chunk(b"LIST", code, *content)


def write_wav(tracks: Sequence[Track], order: Sequence[tuple[Track, Row]]) -> Plan:
    """Return the plan of a file of one run of sound."""
    size = sum(row.size for _, row in order)
    layout = chunk(b"fmt ", tracks[0].extradata)
    riff = struct.pack("<4sI4s", b"RIFF", 4 + len(layout) + 8 + size + (size & 1), b"WAVE")
    head = riff + layout + struct.pack("<4sI", b"data", size)
    return Plan(head, [b""] * len(order), bytes(size & 1))


def write_avi(tracks: Sequence[Track], order: Sequence[tuple[Track, Row]]) -> Plan:
    """Return the plan of an AVI file with one list of pictures and an index after it."""
    origin = min(track.span[0] for track in tracks)
    pictures = next((track for track in tracks if track.media == "video"), None)
    avih = struct.pack("<14I", *(_main(pictures, len(tracks)) if pictures else [0] * 14))
    header = _list(b"hdrl", chunk(b"avih", avih), *(_stream(track, origin) for track in tracks))
    codes = {t.number: b"%02d%s" % (n, b"dc" if t.media == "video" else b"wb") for n, t in enumerate(tracks)}
    before, index, at, pad = [], [], 4, b""
    for track, row in order:
        code = codes[track.number]
        before.append(pad + struct.pack("<4sI", code, row.size))
        index.append(struct.pack("<4sIII", code, 0x10 if row.flags & KEY else 0, at, row.size))
        pad = bytes(row.size & 1)
        at += 8 + row.size + len(pad)
    tail = pad + chunk(b"idx1", *index)
    movi = struct.pack("<4sI4s", b"LIST", at, b"movi")
    size = 4 + len(header) + 8 + at + len(tail) - len(pad)
    return Plan(struct.pack("<4sI4s", b"RIFF", size, b"AVI ") + header + movi, before, tail)


def _main(track: Track, streams: int) -> list[int]:
    wide, high = (integer(track.decoder.get(name, "0"), name) for name in ("width", "height"))
    each = int(track.base * 1_000_000)
    return [each, 0, 0, 0x10, len(track.played), 0, streams, 0, wide, high, 0, 0, 0, 0]


def _stream(track: Track, origin: Fraction) -> bytes:
    layout, rows, base = track.extradata, track.played, track.base
    video = track.media == "video"
    sample = int.from_bytes(layout[12:14], "little")
    if video or not sample or any(row.lasts * sample != row.size for row in rows):
        sample = 0
    start = int((track.clock(rows[0].time) - origin) / base)
    handler = layout[16:20].ljust(4, b"\x00") if video else bytes(4)
    strh = struct.pack(
        "<4s4sIIIIIIIIII8x", b"vids" if video else b"auds", handler, 0, 0, 0,
        base.numerator, base.denominator, start, sum(row.lasts for row in rows), 0, 0xFFFFFFFF, sample,
    )  # fmt: skip
    parts = [chunk(b"strh", strh), chunk(b"strf", layout)]
    if video and "aspect" in track.display:
        across, down = fraction(track.display["aspect"])
        wide, high = (integer(track.decoder.get(name, "0"), name) for name in ("width", "height"))
        vprp = struct.pack("<5IHH3I", 0, 0, 0, 0, 0, down, across, wide, high, 0)
        parts.append(chunk(b"vprp", vprp))
    return _list(b"strl", *parts)
