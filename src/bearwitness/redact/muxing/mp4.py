"""MP4 and QuickTime, written from nothing (ISO/IEC 14496-12).

Times are kept without edit lists for pictures: decoding times start at 0 and the composition offsets
(version 1, signed) carry each picture to its own time, a late start included. Sound can not be shifted that
way; it gets an edit list only where its first packet does not begin at 0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby

from bearwitness.errors import RefusedError

from .entries import audio_entry, video_entry
from .model import AudioTrack, Packet, Sink, VideoTrack

_CHUNK_SECONDS = Fraction(1, 2)
_UNITY = (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_SCALE_MAX = (1 << 32) - 1


def box(kind: bytes, *parts: bytes) -> bytes:
    """Return one box."""
    size = 8 + sum(map(len, parts))
    return b"".join((struct.pack(">I4s", size, kind), *parts))


def full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """Return one box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def write(sink: Sink, video: VideoTrack, sounds: Sequence[AudioTrack], *, quicktime: bool = False) -> None:
    """Write one file; raise RefusedError where the times do not fit."""
    tracks = [_Track(1, video), *(_Track(2 + n, sound) for n, sound in enumerate(sounds))]
    # The movie's unit is that of the sound, so that the edit list of the sound is exact.
    scale = tracks[-1].scale
    order = list(_interleaved(tracks))
    brand = (
        box(b"ftyp", b"qt  " + bytes(4) + b"qt  ")
        if quicktime
        else box(b"ftyp", b"isom" + struct.pack(">I", 512) + b"isomiso4mp41")
    )
    head = len(brand) + len(_movie(tracks, order, scale, 0))
    sink.write(brand)
    sink.write(_movie(tracks, order, scale, head + 16))
    body = sum(len(packet.data) for track in tracks for packet in track.packets)
    sink.write(struct.pack(">I4sQ", 1, b"mdat", 16 + body))
    for track, begin, end in order:
        for packet in track.packets[begin:end]:
            sink.write(packet.data)


class _Track:
    """A track with its times in whole units of its own scale."""

    def __init__(self, number: int, source: VideoTrack | AudioTrack) -> None:
        self.number, self.source, self.packets = number, source, source.packets
        base = source.time_base
        self.factor, self.scale = base.numerator, base.denominator
        if self.scale > _SCALE_MAX or not self.packets:
            raise RefusedError("a track has no packet, or a time base MP4 can not say")
        self.dts = [packet.dts * self.factor for packet in self.packets]
        self.deltas = [b - a for a, b in zip(self.dts, self.dts[1:], strict=False)]
        last = self.packets[-1].duration * self.factor or (self.deltas[-1] if self.deltas else 1)
        self.deltas.append(last)
        if min(self.deltas) < 0:
            raise RefusedError("the packets of a track are not in the order of decoding")

    @property
    def is_video(self) -> bool:
        return isinstance(self.source, VideoTrack)

    @property
    def length(self) -> int:
        """How long the media lasts in its own unit, the first decoding time taken as 0."""
        return sum(self.deltas)

    @property
    def shown_until(self) -> int:
        return max(p.pts * self.factor + d for p, d in zip(self.packets, self.deltas, strict=True))

    def edit(self, scale: int) -> bytes:
        """Return the edit list sound needs to begin at its own time, b"" if it begins at 0."""
        first = self.dts[0]
        if self.is_video or first == 0:
            return b""
        rows = b""
        if first > 0:
            rows = struct.pack(">QqI", round(Fraction(first * scale, self.scale)), -1, 0x10000)
        skipped = max(0, -first)
        lasts = round(Fraction((self.length - skipped) * scale, self.scale))
        rows += struct.pack(">QqI", lasts, skipped, 0x10000)
        return box(b"edts", full(b"elst", 1, 0, struct.pack(">I", len(rows) // 20), rows))


def _interleaved(tracks: Sequence[_Track]) -> Iterator[tuple[_Track, int, int]]:
    """Yield runs of packets, half a second each, in the order of time."""
    runs = []
    for track in tracks:
        begin = 0
        step = _CHUNK_SECONDS * track.scale
        for _, group in groupby(track.dts, key=lambda dts, step=step: dts // step):  # type: ignore[misc]
            end = begin + sum(1 for _ in group)
            runs.append((Fraction(track.dts[begin], track.scale), track.number, track, begin, end))
            begin = end
    for _, _, track, begin, end in sorted(runs, key=lambda run: run[:2]):
        yield track, begin, end


def _movie(
    tracks: Sequence[_Track], order: Sequence[tuple[_Track, int, int]], scale: int, data_at: int
) -> bytes:
    chunks: dict[int, list[tuple[int, int]]] = {track.number: [] for track in tracks}
    at = data_at
    for track, begin, end in order:
        chunks[track.number].append((at, end - begin))
        at += sum(len(packet.data) for packet in track.packets[begin:end])
    lasts = max(round(Fraction(t.shown_until * scale, t.scale)) for t in tracks)
    mvhd = full(
        b"mvhd", 1, 0,
        struct.pack(">QQIQ", 0, 0, scale, lasts), struct.pack(">IH", 0x10000, 0x100), bytes(10),
        struct.pack(">9i", *_UNITY), bytes(24), struct.pack(">I", len(tracks) + 1),
    )  # fmt: skip
    return box(b"moov", mvhd, *(_trak(track, chunks[track.number], scale) for track in tracks))


def _trak(track: _Track, chunks: Sequence[tuple[int, int]], scale: int) -> bytes:
    source = track.source
    lasts = round(Fraction(track.shown_until * scale, track.scale))
    matrix: tuple[int, ...] = _UNITY
    width = height = 0
    if isinstance(source, VideoTrack):
        width = round(source.width * source.pixel_aspect * 65536)
        height = source.height << 16
        matrix = _matrix(source.quarter_turns, width >> 16, source.height)
    tkhd = full(
        b"tkhd", 1, 3,
        struct.pack(">QQIIQ", 0, 0, track.number, 0, lasts), bytes(8),
        struct.pack(">HHHH", 0, 0, 0 if width else 0x100, 0), struct.pack(">9i", *matrix),
        struct.pack(">II", width, height),
    )  # fmt: skip
    mdhd = full(b"mdhd", 1, 0, struct.pack(">QQIQHH", 0, 0, track.scale, track.length, 0x55C4, 0))
    handler = b"vide" if track.is_video else b"soun"
    hdlr = full(b"hdlr", 0, 0, bytes(4), handler, bytes(12), b"\0")
    head = full(b"vmhd", 0, 1, bytes(8)) if track.is_video else full(b"smhd", 0, 0, bytes(4))
    dinf = box(b"dinf", full(b"dref", 0, 0, struct.pack(">I", 1), full(b"url ", 0, 1)))
    minf = box(b"minf", head, dinf, _tables(track, chunks))
    return box(b"trak", tkhd, track.edit(scale), box(b"mdia", mdhd, hdlr, minf))


def _matrix(quarter_turns: int, width: int, height: int) -> tuple[int, ...]:
    """Return the matrix that turns a stored picture clockwise (14496-12, 8.3.2); 16.16, last column 2.30."""
    one = 0x10000
    return {
        0: _UNITY,
        1: (0, one, 0, -one, 0, 0, height << 16, 0, 0x40000000),
        2: (-one, 0, 0, 0, -one, 0, width << 16, height << 16, 0x40000000),
        3: (0, -one, 0, one, 0, 0, 0, width << 16, 0x40000000),
    }[quarter_turns]


def _tables(track: _Track, chunks: Sequence[tuple[int, int]]) -> bytes:
    source, packets = track.source, track.packets
    entry = video_entry(source) if isinstance(source, VideoTrack) else audio_entry(source)
    tables = [full(b"stsd", 0, 0, struct.pack(">I", 1), entry), _runs(b"stts", 0, track.deltas, ">II")]
    if isinstance(source, VideoTrack):
        offsets = [p.pts * track.factor - (d - track.dts[0]) for p, d in zip(packets, track.dts, strict=True)]
        if any(offsets):
            tables.append(_runs(b"ctts", 1, offsets, ">Ii"))
        keys = [n for n, packet in enumerate(packets, 1) if packet.key]
        if len(keys) != len(packets):
            tables.append(full(b"stss", 0, 0, struct.pack(f">I{len(keys)}I", len(keys), *keys)))
    rows, last = [], 0
    for number, (_, count) in enumerate(chunks, 1):
        if count != last:
            rows.append(struct.pack(">III", number, count, 1))
            last = count
    sizes = [len(packet.data) for packet in packets]
    tables += [
        full(b"stsc", 0, 0, struct.pack(">I", len(rows)), *rows),
        full(b"stsz", 0, 0, struct.pack(f">II{len(sizes)}I", 0, len(sizes), *sizes)),
        full(b"co64", 0, 0, struct.pack(f">I{len(chunks)}Q", len(chunks), *(at for at, _ in chunks))),
    ]
    return box(b"stbl", *tables)


def _runs(kind: bytes, version: int, values: Sequence[int], row: str) -> bytes:
    rows = [(sum(1 for _ in group), value) for value, group in groupby(values)]
    try:
        data = b"".join(struct.pack(row, count, value) for count, value in rows)
    except struct.error:
        raise RefusedError("the times of a track are further apart than MP4 can say") from None
    return full(kind, version, 0, struct.pack(">I", len(rows)), data)


__all__ = ["Packet", "box", "full", "write"]
