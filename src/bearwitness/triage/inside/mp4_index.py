"""Writes the head of an MP4 anew (ftyp, moov, and the header of mdat) over media data that is there.

Boxes are those of ISO/IEC 14496-12 and -15. Every sample is a chunk of its own, so that its place in the
media data can be any; offsets have 64 bits. The media data itself is not touched.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

_UNITY: Final = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_MOVIE_SCALE: Final = 1000
_MDAT_HEADER: Final = 16


@dataclass
class TrackIndex:
    """One track: its sample entry, and of each sample where it lies (from the start of the media data), its
    size, and, for pictures, its place in the order of showing. `step` is the length of a sample in `scale`.
    """

    kind: str  # video or audio
    entry: bytes
    scale: int
    step: int
    width: int = 0
    height: int = 0
    offsets: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)  # numbers of samples, from 0
    shown: list[int] = field(default_factory=list)  # of each sample, in order of decoding


def video_entry(tag: bytes, width: int, height: int, box: bytes, configuration: bytes) -> bytes:
    """Return a sample entry ``avc1`` or ``hvc1`` with its configuration (``avcC``, ``hvcC``)."""
    head = bytes(6) + struct.pack(">H", 1) + bytes(16) + struct.pack(">HH", width, height)
    head += struct.pack(">IIIH", 0x480000, 0x480000, 0, 1) + bytes(32) + struct.pack(">Hh", 24, -1)
    return _box(tag, head, _box(box, configuration))


def audio_entry(channels: int, rate: int, configuration: bytes) -> bytes:
    """Return a sample entry ``mp4a`` with its AudioSpecificConfig."""
    head = bytes(6) + struct.pack(">H", 1) + bytes(8) + struct.pack(">HHI", channels, 16, 0)
    head += struct.pack(">I", min(rate, 0xFFFF) << 16)
    specific = _descriptor(5, configuration)
    decoder = _descriptor(4, bytes([0x40, 0x15]) + bytes(11) + specific)
    stream = _descriptor(3, bytes(3) + decoder + _descriptor(6, b"\x02"))
    return _box(b"mp4a", head, _full(b"esds", stream))


def head_of(tracks: Sequence[TrackIndex], media_bytes: int) -> bytes:
    """Return what stands before the `media_bytes` of media data."""
    start = _box(b"ftyp", b"isom" + struct.pack(">I", 0x200) + b"isomiso2mp41")
    length = len(start) + len(_moov(tracks, 0)) + _MDAT_HEADER
    mdat = struct.pack(">I4sQ", 1, b"mdat", media_bytes + _MDAT_HEADER)
    return start + _moov(tracks, length) + mdat


def _moov(tracks: Sequence[TrackIndex], base: int) -> bytes:
    length = max((_length(track) for track in tracks), default=0)
    head = struct.pack(">IIII", 0, 0, _MOVIE_SCALE, length) + struct.pack(">IH", 0x10000, 0x100) + bytes(10)
    head += _UNITY + bytes(24) + struct.pack(">I", len(tracks) + 1)
    traks = [_trak(track, number + 1, base) for number, track in enumerate(tracks)]
    return _box(b"moov", _full(b"mvhd", head), *traks)


def _length(track: TrackIndex) -> int:
    return len(track.sizes) * track.step * _MOVIE_SCALE // track.scale


def _trak(track: TrackIndex, number: int, base: int) -> bytes:
    length, video = _length(track), track.kind == "video"
    head = struct.pack(">IIIII", 0, 0, number, 0, length) + bytes(8)
    head += struct.pack(">HHHH", 0, 0, 0 if video else 0x100, 0) + _UNITY
    head += struct.pack(">II", track.width << 16, track.height << 16)
    late = _late(track)
    edit = struct.pack(">IIiHH", 1, length, late * track.step, 1, 0)
    media = struct.pack(">IIIIHH", 0, 0, track.scale, len(track.sizes) * track.step, 0x55C4, 0)
    handler = bytes(4) + (b"vide" if video else b"soun") + bytes(12) + b"reconstructed\0"
    own = _full(b"vmhd", bytes(8), flags=1) if video else _full(b"smhd", bytes(4))
    where = _box(b"dinf", _full(b"dref", struct.pack(">I", 1), _full(b"url ", b"", flags=1)))
    return _box(
        b"trak",
        _full(b"tkhd", head, flags=3),
        _box(b"edts", _full(b"elst", edit)),
        _box(
            b"mdia",
            _full(b"mdhd", media),
            _full(b"hdlr", handler),
            _box(b"minf", own, where, _table(track, base, late)),
        ),
    )


def _late(track: TrackIndex) -> int:
    """Return how many samples later than decoded the first is shown, so that none is shown before."""
    return max((number - shown for number, shown in enumerate(track.shown)), default=0)


def _table(track: TrackIndex, base: int, late: int) -> bytes:
    count = len(track.sizes)
    boxes = [
        _full(b"stsd", struct.pack(">I", 1), track.entry),
        _full(b"stts", struct.pack(">III", 1, count, track.step)),
        _full(b"stsc", struct.pack(">IIII", 1, 1, 1, 1)),
        _full(b"stsz", struct.pack(f">II{count}I", 0, count, *track.sizes)),
        _full(b"co64", struct.pack(f">I{count}Q", count, *(base + at for at in track.offsets))),
    ]
    if track.kind == "video":
        keys = [number + 1 for number in track.keys]
        boxes.append(_full(b"stss", struct.pack(f">I{len(keys)}I", len(keys), *keys)))
    if late:
        waits = [(shown - number + late) * track.step for number, shown in enumerate(track.shown)]
        pairs = b"".join(struct.pack(">II", 1, wait) for wait in waits)
        boxes.append(_full(b"ctts", struct.pack(">I", count), pairs))
    return _box(b"stbl", *boxes)


def _box(name: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), name) + content


def _full(name: bytes, *parts: bytes, flags: int = 0) -> bytes:
    return _box(name, struct.pack(">I", flags), *parts)


def _descriptor(tag: int, content: bytes) -> bytes:
    size = len(content)
    return bytes([tag, *(size >> shift & 0x7F | 0x80 for shift in (21, 14, 7)), size & 0x7F]) + content
