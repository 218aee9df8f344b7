"""Containers written by hand, for what FFmpeg does not write."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence


def box(kind: bytes, *content: bytes) -> bytes:
    """Return a box of ISO/IEC 14496-12."""
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, *content: bytes, version: int = 0, flags: int = 0) -> bytes:
    """Return a full box."""
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


def u32(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *(value & 0xFFFFFFFF for value in values))


def table(kind: bytes, rows: Iterable[Sequence[int]], version: int = 0) -> bytes:
    """Return a full box with a counted table of 32-bit numbers."""
    rows = list(rows)
    return full(kind, u32(len(rows)), *(u32(*row) for row in rows), version=version)


MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
VIDEO_ENTRY = box(
    b"avc1",
    bytes(6),
    b"\0\1",
    bytes(16),
    struct.pack(">HH", 64, 48),
    bytes(50),
    box(b"avcC", b"\1parameters"),
)
SOUND_ENTRY = box(b"sowt", bytes(6), b"\0\1", bytes(8), struct.pack(">HHHHI", 2, 16, 0, 0, 48_000 << 16))


def trak(
    number: int,
    stbl: bytes,
    *,
    handler: bytes = b"vide",
    entry: bytes = VIDEO_ENTRY,
    scale: int = 1000,
    edits: bytes = b"",
    dref_flags: int = 1,
    long: bool = False,
) -> bytes:
    """Return a trak with the sample tables `stbl`; `long`: headers of version 1."""
    times, version = (u32(0, 0, 0, 0), 1) if long else (u32(0, 0), 0)
    length = u32(0, 5000) if long else u32(5000)
    shape = MATRIX + u32(64 << 16, 48 << 16)
    tkhd = full(b"tkhd", times, u32(number, 0), length, u32(0, 0, 0, 0), shape, version=version)
    mdhd = full(b"mdhd", times, u32(scale), length, u32(0), version=version)
    hdlr = full(b"hdlr", u32(0), handler, bytes(13))
    dinf = box(b"dinf", full(b"dref", u32(1), full(b"url ", flags=dref_flags)))
    stsd = full(b"stsd", u32(1), entry)
    minf = box(b"minf", dinf, box(b"stbl", stsd, stbl))
    return box(b"trak", tkhd, edits, box(b"mdia", mdhd, hdlr, minf))


def moov(*children: bytes, matrix: bytes = MATRIX, long: bool = False) -> bytes:
    times, length, version = (u32(0, 0, 0, 0), u32(0, 0), 1) if long else (u32(0, 0), u32(0), 0)
    mvhd = full(b"mvhd", times, u32(600), length, u32(0x10000, 0, 0, 0), matrix, bytes(28), version=version)
    return box(b"moov", mvhd, *children)


def stbl(
    sizes: Sequence[int],
    offsets: Sequence[int],
    *,
    per_chunk: Sequence[Sequence[int]] = ((1, 1, 1),),
    stts: Sequence[Sequence[int]] | None = None,
    wide: bool = False,
    more: bytes = b"",
) -> bytes:
    """Return stsz, stsc, stco or co64, and stts."""
    places = (
        full(b"co64", u32(len(offsets)), struct.pack(f">{len(offsets)}Q", *offsets))
        if wide
        else table(b"stco", [(offset,) for offset in offsets])
    )
    return b"".join(
        (
            full(b"stsz", u32(0, len(sizes), *sizes)),
            table(b"stsc", per_chunk),
            places,
            table(b"stts", stts or [(len(sizes), 40)]),
            more,
        )
    )


FTYP = box(b"ftyp", b"isom", u32(512), b"isomiso2")


AT = len(FTYP) + 8  # where the pictures of `movie` begin


def movie(tables: bytes, *, payload: int = 4000, **about: object) -> bytes:
    """Return a movie of one track."""
    data = box(b"mdat", bytes(payload))
    return FTYP + data + moov(trak(1, tables, **about))  # type: ignore[arg-type]


def trex(track: int = 1, *, duration: int = 40, size: int = 7, flags: int = 0x10000) -> bytes:
    return full(b"trex", u32(track, 1, duration, size, flags))


def fragmented(*moofs: bytes, tables: bytes | None = None, **about: object) -> bytes:
    empty = stbl([], [], per_chunk=[]) if tables is None else tables
    return FTYP + moov(trak(1, empty, **about), box(b"mvex", trex())) + b"".join(moofs)  # type: ignore[arg-type]


def moof(*runs: bytes, tfhd: bytes = b"", tfhd_flags: int = 0x20000, time: int | None = None) -> bytes:
    tfdt = b"" if time is None else full(b"tfdt", time.to_bytes(8, "big"), version=1)
    return box(b"moof", box(b"traf", full(b"tfhd", u32(1), tfhd, flags=tfhd_flags), tfdt, *runs))


# --- EBML ---------------------------------------------------------------------------------------


def element(kind: int, content: bytes = b"", *, unknown: bool = False) -> bytes:
    """Return an EBML element with a size of eight bytes."""
    code = kind.to_bytes((kind.bit_length() + 7) // 8, "big")
    size = b"\x01" + (b"\xff" * 7 if unknown else len(content).to_bytes(7, "big"))
    return code + size + content


def uint_element(kind: int, value: int) -> bytes:
    return element(kind, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def ebml(doc_type: bytes = b"matroska") -> bytes:
    return element(0x1A45DFA3, element(0x4282, doc_type))


def track_entry(number: int = 1, *more: bytes, kind: int = 1, codec: bytes = b"V_VP9") -> bytes:
    head = uint_element(0xD7, number) + uint_element(0x83, kind) + element(0x86, codec)
    return element(0xAE, head + b"".join(more))


def segment(*content: bytes, unknown: bool = False) -> bytes:
    return element(0x18538067, b"".join(content), unknown=unknown)


def tracks(*entries: bytes) -> bytes:
    return element(0x1654AE6B, b"".join(entries))


def cluster(time: int, *blocks: bytes, unknown: bool = False) -> bytes:
    return element(0x1F43B675, uint_element(0xE7, time) + b"".join(blocks), unknown=unknown)


def block(payload: bytes, time: int = 0, flags: int = 0x80, track: int = 1) -> bytes:
    return bytes([0x80 | track]) + struct.pack(">hB", time, flags) + payload


def simple(payload: bytes, time: int = 0, flags: int = 0x80, track: int = 1) -> bytes:
    return element(0xA3, block(payload, time, flags, track))


# --- RIFF ---------------------------------------------------------------------------------------


def chunk(code: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return code + struct.pack("<I", len(body)) + body + bytes(len(body) & 1)


def le32(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def strl(
    kind: bytes, layout: bytes, *more: bytes, scale: int = 1, rate: int = 25, sample: int = 0, start: int = 0
) -> bytes:
    strh = kind + b"XVID" + le32(0, 0, 0, scale, rate, start, 7, 0, 0, sample) + bytes(8)
    return chunk(b"LIST", b"strl", chunk(b"strh", strh), chunk(b"strf", layout), *more)


BITMAP = struct.pack("<IiiHH4sIiiII", 40, 64, 48, 1, 24, b"XVID", 0, 0, 0, 0, 0)
WAVE = struct.pack("<HHIIHH", 1, 2, 48_000, 192_000, 4, 16)


def avi(header: bytes, movi: bytes, *more: bytes) -> bytes:
    hdrl = chunk(b"LIST", b"hdrl", chunk(b"avih", bytes(56)), header)
    return chunk(b"RIFF", b"AVI ", hdrl, chunk(b"LIST", b"movi", movi), *more)


# --- MPEG-TS ------------------------------------------------------------------------------------


def crc(section: bytes) -> bytes:
    """Return the checksum of ISO/IEC 13818-1, annex A, a bit at a time."""
    value = 0xFFFFFFFF
    for byte in section:
        for bit in range(7, -1, -1):
            out = value >> 31 ^ byte >> bit & 1
            value = (value << 1 & 0xFFFFFFFF) ^ (0x04C11DB7 if out else 0)
    return value.to_bytes(4, "big")


def section(table_id: int, content: bytes) -> bytes:
    head = bytes([table_id]) + (0xB000 | len(content) + 9).to_bytes(2, "big") + b"\0\1\xc1\0\0"
    return head + content + crc(head + content)


def cell(pid: int, payload: bytes = b"", *, starts: bool = False, random_access: bool = False) -> bytes:
    """Return a cell of 188 bytes; what `payload` leaves is filled by an adaptation field."""
    head = b"\x47" + (pid | (0x4000 if starts else 0)).to_bytes(2, "big")
    room = 184 - len(payload)
    if room == 0 and not random_access:
        return head + b"\x10" + payload
    field = bytes([room - 1]) + (
        bytes([0x40 if random_access else 0]) + b"\xff" * (room - 2) if room > 1 else b""
    )
    return head + b"\x30" + field + payload


def pat(pmt: int = 0x1000) -> bytes:
    return psi(0, section(0, b"\0\1" + (0xE000 | pmt).to_bytes(2, "big")))


def pmt(*streams: tuple[int, int, bytes], pid: int = 0x1000) -> bytes:
    rows = b"".join(
        bytes([kind]) + (0xE000 | number).to_bytes(2, "big") + (0xF000 | len(more)).to_bytes(2, "big") + more
        for kind, number, more in streams
    )
    return psi(pid, section(2, b"\xe1\0\xf0\0" + rows))


def psi(pid: int, data: bytes) -> bytes:
    return cell(pid, (b"\0" + data).ljust(184, b"\xff"), starts=True)


def pes(
    payload: bytes, pts: int | None = None, dts: int | None = None, *, told: bool = True, stream: int = 0xE0
) -> bytes:
    """Return a PES packet."""
    times = b""
    if pts is not None:
        times = stamp(0x30 if dts is not None else 0x20, pts) + (b"" if dts is None else stamp(0x10, dts))
    flags = 0 if pts is None else 0x80 if dts is None else 0xC0
    head = bytes([0x80, flags, len(times)]) + times
    length = len(head) + len(payload) if told else 0
    return b"\0\0\1" + bytes([stream]) + length.to_bytes(2, "big") + head + payload


def stamp(mark: int, time: int) -> bytes:
    high, middle, low = time >> 30 & 7, time >> 15 & 0x7FFF, time & 0x7FFF
    return (
        bytes([mark | high << 1 | 1])
        + (middle << 1 | 1).to_bytes(2, "big")
        + (low << 1 | 1).to_bytes(2, "big")
    )


def cells(pid: int, data: bytes, *, random_access: bool = False) -> list[bytes]:
    """Return the cells of one PES packet."""
    first = 182 if random_access else 184
    parts = [data[:first], *(data[at : at + 184] for at in range(first, len(data), 184))]
    return [
        cell(pid, part, starts=number == 0, random_access=random_access and number == 0)
        for number, part in enumerate(parts)
    ]
