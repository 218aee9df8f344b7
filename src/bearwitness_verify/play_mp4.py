"""MP4 and QuickTime out of proven packets (ISO/IEC 14496-12; docs/format.md, 11.3)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby, pairwise, repeat
from typing import Final

from .canonical import integer
from .mp4_entry import numbers, sample_entry, scaled
from .plan import NoPlanError, Plan
from .rows import KEY, Row, Track

MOVIE_SCALE: Final = 90_000
_IDENTITY: Final = (65_536, 0, 0, 0, 65_536, 0, 0, 0, 1_073_741_824)
_UNDETERMINED: Final = 0x55C4  # the language "und"


def box(kind: bytes, *content: bytes) -> bytes:
    """Return a box."""
    data = b"".join(content)
    return struct.pack(">I4s", 8 + len(data), kind) + data


def full(kind: bytes, version: int, flags: int, *content: bytes) -> bytes:
    """Return a box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


def write(tracks: Sequence[Track], order: Sequence[tuple[Track, Row]]) -> Plan:
    """Return the plan of a movie whose index stands before its packets."""
    quick = tracks[0].container == "mov"
    brands = [b"qt  "] if quick else [b"isom", b"iso2", b"mp41"]
    ftyp = box(b"ftyp", brands[0], struct.pack(">I", 512), *brands)
    origin = min(track.span[0] for track in tracks)
    media = [_Media(track, origin) for track in tracks]
    places = {track.number: list[int]() for track in tracks}
    at = 0
    for track, row in order:
        places[track.number].append(at)
        at += row.size
    base = len(ftyp) + len(_movie(media, places, 0)) + 16
    moov = _movie(media, places, base)
    mdat = struct.pack(">I4sQ", 1, b"mdat", 16 + at)
    return Plan(ftyp + moov + mdat, repeat(b""), b"")


def _movie(media: Sequence[_Media], places: dict[int, list[int]], base: int) -> bytes:
    duration = max(m.empty + m.shown for m in media)
    matrix = numbers(media[0].track.display.get("movie_matrix"), 9) or _IDENTITY
    header = struct.pack(">QQIQIHH8x", 0, 0, MOVIE_SCALE, duration, 0x10000, 0x0100, 0)
    last = struct.pack(">9i24xI", *matrix, max(m.track.number for m in media) + 1)
    mvhd = full(b"mvhd", 1, 0, header, last)
    return box(b"moov", mvhd, *(m.box([base + at for at in places[m.track.number]]) for m in media))


class _Media:
    """One track of the movie."""

    def __init__(self, track: Track, origin: Fraction) -> None:
        self.track, self.rows = track, track.played
        if track.base.numerator != 1 or any(r.pts < -(1 << 62) or r.dts < -(1 << 62) for r in self.rows):
            raise NoPlanError("a track does not tell its times as MP4 does")
        decoded, first = [r.dts for r in self.rows], min(r.pts for r in self.rows)
        self.deltas = [b - a for a, b in pairwise(decoded)] + [self.rows[-1].lasts]
        forward = max(0, decoded[0] - first)
        self.offsets = [r.pts - r.dts + forward for r in self.rows]
        self.begin = first + forward - decoded[0]
        self.empty = int((track.clock(first) - origin) * MOVIE_SCALE)
        lasts = max(r.pts + r.lasts for r in self.rows) - first
        self.shown = max(1, lasts * MOVIE_SCALE // track.base.denominator)

    def box(self, places: Sequence[int]) -> bytes:
        """Return the trak; `places` are those of its samples in the file, in the order of their bytes."""
        track = self.track
        sound = track.media == "audio"
        matrix = numbers(track.display.get("matrix"), 9) or _IDENTITY
        size = [
            scaled(track.display[name]) if name in track.display else
            integer(track.decoder.get(name, "0"), name) << 16
            for name in ("width", "height")
        ]  # fmt: skip
        tkhd = full(
            b"tkhd", 1, 3,
            struct.pack(">QQI4xQ8xHHH2x", 0, 0, track.number, self.empty + self.shown, 0, 0, sound << 8),
            struct.pack(">9iII", *matrix, *size),
        )  # fmt: skip
        return box(b"trak", tkhd, box(b"edts", self._edits()), self._mdia(sound, places))

    def _edits(self) -> bytes:
        edits = [(self.empty, -1)] if self.empty else []
        edits.append((self.shown, self.begin))
        rows = [struct.pack(">QqHH", duration, time, 1, 0) for duration, time in edits]
        return full(b"elst", 1, 0, struct.pack(">I", len(rows)), *rows)

    def _mdia(self, sound: bool, places: Sequence[int]) -> bytes:
        scale, duration = self.track.base.denominator, sum(self.deltas)
        mdhd = full(b"mdhd", 1, 0, struct.pack(">QQIQHH", 0, 0, scale, duration, _UNDETERMINED, 0))
        hdlr = full(b"hdlr", 0, 0, struct.pack(">I4s12x", 0, b"soun" if sound else b"vide"), b"\x00")
        head = full(b"smhd", 0, 0, bytes(4)) if sound else full(b"vmhd", 0, 1, bytes(8))
        dinf = box(b"dinf", full(b"dref", 0, 0, struct.pack(">I", 1), full(b"url ", 0, 1)))
        return box(b"mdia", mdhd, hdlr, box(b"minf", head, dinf, self._stbl(places)))

    def _stbl(self, places: Sequence[int]) -> bytes:
        count = len(self.rows)
        # The places come in the order of the bytes, the samples in that of decoding.
        by_bytes = sorted(
            range(count), key=lambda n: (self.rows[n].leaf, self.rows[n].offset, self.rows[n].leaves)
        )
        offsets = dict(zip(by_bytes, places, strict=True))
        parts = [
            full(b"stsd", 0, 0, struct.pack(">I", 1), sample_entry(self.track)),
            full(b"stts", 0, 0, _runs(self.deltas, ">II")),
        ]
        if any(self.offsets):
            parts.append(full(b"ctts", 1, 0, _runs(self.offsets, ">Ii")))
        keys = [n for n, row in enumerate(self.rows, 1) if row.flags & KEY]
        if self.track.media == "video" and len(keys) < count:
            parts.append(full(b"stss", 0, 0, struct.pack(f">I{len(keys)}I", len(keys), *keys)))
        sizes = [row.size for row in self.rows]
        parts += [
            full(b"stsc", 0, 0, struct.pack(">4I", 1, 1, 1, 1)),
            full(b"stsz", 0, 0, struct.pack(f">II{count}I", 0, count, *sizes)),
            full(b"co64", 0, 0, struct.pack(f">I{count}Q", count, *(offsets[n] for n in range(count)))),
        ]
        return box(b"stbl", *parts)


def _runs(values: Sequence[int], code: str) -> bytes:
    runs = [(len(list(group)), value) for value, group in groupby(values)]
    return struct.pack(">I", len(runs)) + b"".join(struct.pack(code, *run) for run in runs)
