"""One trak of a moov: header, description, edit list (ISO/IEC 14496-12, 8.3 to 8.6 and 12; QTFF, 3)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bearwitness_verify.canonical import Json

from .fields import decoder, display, edit, extent, fourcc, fraction, time_base
from .model import EDITS_MAX, ContainerError, TooLargeError
from .mp4_boxes import Box, Boxes
from .mp4_tables import Grouping

_MEDIA: Final = {
    b"vide": "video", b"pict": "video", b"auxv": "video", b"soun": "audio",
    b"subt": "subtitle", b"sbtl": "subtitle", b"text": "subtitle", b"clcp": "subtitle",
}  # fmt: skip
# Children of a sample description that hold what its decoder must be given first.
_CONFIGURATIONS: Final = (
    b"avcC", b"hvcC", b"lhvC", b"vvcC", b"evcC", b"av1C", b"vpcC", b"wave", b"esds", b"dOps", b"dfLa",
    b"alac", b"dac3", b"dec3", b"dac4", b"ddts", b"mhaC", b"pcmC", b"damr", b"d263", b"glbl", b"jxlC",
)  # fmt: skip
_IDENTITY: Final = (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_UNKNOWN_32: Final = (1 << 32) - 1
_UNKNOWN_64: Final = (1 << 64) - 1
_SAMPLE_ENTRY_BYTES: Final = 8  # reserved and data_reference_index (8.5.2)
_FIELDS_BYTES: Final = {"video": 70, "audio": 20}
_QUICKTIME_SOUND: Final = {1: 36, 2: 56}
# QuickTime sound that is not compressed, and the bits a sample of it has whatever its header says.
_PCM_BITS: Final = {
    b"in24": 24, b"in32": 32, b"fl32": 32, b"fl64": 64, b"ulaw": 8, b"alaw": 8, b"raw ": 0, b"twos": 0,
    b"sowt": 0, b"NONE": 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Movie:
    """What mvhd says: the unit of edits' durations, and the matrix over all tracks unless it is identity."""

    base: str
    matrix: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Head:
    """A track but for its packets."""

    number: int
    media: str
    base: str
    duration: int | None
    display: dict[str, Json]
    edits: list[Json]
    entry: Entry
    here: bool  # its samples are in this file
    stbl: Mapping[bytes, Box]

    def fields(self, container: str, packets: int) -> dict[str, Json]:
        """Return the four track fields."""
        return {
            "decoder": self.entry.decoder(container, self.base),
            "display": self.display,
            "edits": self.edits,
            "extent": extent(packets, self.duration),
        }


def read_movie(boxes: Boxes, mvhd: Box | None) -> Movie:
    """Return the movie header (8.2.2)."""
    if mvhd is None:
        raise ContainerError("the movie has no header")
    long = boxes.uint(mvhd, 0, 1) == 1
    matrix = tuple(boxes.words(mvhd, 48 if long else 36, 9, "i"))
    scale = boxes.uint(mvhd, 20 if long else 12, 4)
    return Movie(time_base(1, scale), None if matrix == _IDENTITY else matrix)


def read_head(boxes: Boxes, trak: Box, movie: Movie) -> Head:
    """Return what a trak says of its stream; raise ContainerError where that is not enough to read it."""
    parts = boxes.children(trak)
    mdia = _wanted(boxes, parts, b"mdia")
    minf = _wanted(boxes, mdia, b"minf")
    stbl = _wanted(boxes, minf, b"stbl")
    if b"tkhd" not in parts or b"mdhd" not in mdia or b"stsd" not in stbl:
        raise ContainerError("a track lacks its header")
    media = _MEDIA.get(boxes.bytes(mdia[b"hdlr"], 8, 4), "data") if b"hdlr" in mdia else "data"
    tkhd, mdhd = parts[b"tkhd"], mdia[b"mdhd"]
    long, shift = boxes.uint(mdhd, 0, 1) == 1, 12 if boxes.uint(tkhd, 0, 1) == 1 else 0
    duration = boxes.uint(mdhd, 24 if long else 16, 8 if long else 4)
    base = time_base(1, boxes.uint(mdhd, 20 if long else 12, 4))
    entry = Entry(boxes, stbl[b"stsd"], media)
    matrix = tuple(boxes.words(tkhd, 40 + shift, 9, "i"))
    width, height = (boxes.uint(tkhd, at + shift, 4) for at in (76, 80))
    return Head(
        number=boxes.uint(tkhd, 20 if shift else 12, 4),
        media=media,
        base=base,
        duration=None if duration in (0, _UNKNOWN_64 if long else _UNKNOWN_32) else duration,
        display=display(
            matrix,
            movie.matrix,
            entry.crop(),
            width=fraction(width, 1 << 16) if width else "",
            height=fraction(height, 1 << 16) if height else "",
            pixel_aspect=entry.pixel_aspect(),
        ),
        edits=_edits(boxes, parts, movie),
        entry=entry,
        here=_is_here(boxes, minf, entry.reference),
        stbl=stbl,
    )


def _wanted(boxes: Boxes, parts: Mapping[bytes, Box], kind: bytes) -> dict[bytes, Box]:
    if kind not in parts:
        raise ContainerError(f"a track lacks its {kind.decode()}")
    return boxes.children(parts[kind])


def _edits(boxes: Boxes, parts: Mapping[bytes, Box], movie: Movie) -> list[Json]:
    """Return the edit list as written (8.6.6); media_time -1 is an empty edit, rate is 16.16."""
    if b"edts" not in parts:
        return []
    elst = boxes.children(parts[b"edts"]).get(b"elst")
    if elst is None:
        return []
    wide = 8 if boxes.uint(elst, 0, 1) == 1 else 4
    count, row = boxes.uint(elst, 4, 4), 2 * wide + 4
    if count > EDITS_MAX:
        raise TooLargeError(f"a track has more than {EDITS_MAX} edits")
    return [
        edit(
            boxes.uint(elst, at, wide), boxes.sint(elst, at + wide, wide),
            boxes.sint(elst, at + 2 * wide, 4), movie.base,
        )
        for at in range(8, 8 + count * row, row)
    ]  # fmt: skip


def _is_here(boxes: Boxes, minf: Mapping[bytes, Box], reference: int) -> bool:
    """Say whether the samples lie in this file: flag 1 of the data reference (8.7.2)."""
    if b"dinf" not in minf:
        return True
    dref = boxes.children(minf[b"dinf"]).get(b"dref")
    if dref is None:
        return True
    for number, entry in enumerate(boxes.inside(dref.begin + 8, dref.end), 1):
        if number == reference:
            return bool(boxes.uint(entry, 0, 4) & 1)
    return True


class Entry:
    """The first sample description of a track (8.5.2, 12.1.3, 12.2.3)."""

    def __init__(self, boxes: Boxes, stsd: Box, media: str) -> None:
        self._boxes, self._media = boxes, media
        first = next(boxes.inside(stsd.begin + 8, stsd.end), None)
        if first is None:
            raise ContainerError("a track does not say how it is coded")
        self._box = first
        self.reference = boxes.uint(self._box, 6, 2)
        length = _FIELDS_BYTES.get(media, self._box.end - self._box.begin - _SAMPLE_ENTRY_BYTES)
        self._version = 0
        if media == "audio":
            # Only in version 0 of stsd does QuickTime's number of the sound description count (12.2.3.2).
            self._version = 0 if boxes.uint(stsd, 0, 1) else boxes.uint(self._box, 8, 2)
            length = _QUICKTIME_SOUND.get(self._version, length)
        self._own = boxes.bytes(self._box, _SAMPLE_ENTRY_BYTES, length)
        self._children = boxes.children(self._box, _SAMPLE_ENTRY_BYTES + length)

    def _number(self, at: int, length: int) -> int:
        return int.from_bytes(self._own[at : at + length], "big")

    def decoder(self, container: str, base: str) -> dict[str, Json]:
        """Return the field `decoder`; without a box for it, extradata is the description's own fields."""
        found = next((self._children[kind] for kind in _CONFIGURATIONS if kind in self._children), None)
        extradata = self._own if found is None else self._boxes.bytes(found, 0, found.end - found.begin)
        codec, numbers = fourcc(self._box.kind), {}
        if self._media == "video":
            numbers = {"width": self._number(16, 2), "height": self._number(18, 2)}
        elif self._version == 2:
            rate = _whole_double(self._own[24:32])
            numbers = {"channels": self._number(32, 4), "sample_rate": rate}
        elif self._media == "audio":
            numbers = {"channels": self._number(8, 2), "sample_rate": self._number(16, 4) >> 16}
        return decoder(container, codec, self._media, base, extradata, numbers)

    def grouping(self) -> Grouping:
        """Return the frames and bytes that lie together in sound, zeros where it does not tell (QTFF)."""
        if self._version == 1 and self._number(20, 4) and self._number(28, 4):
            return Grouping(self._number(20, 4), self._number(28, 4))
        if self._version == 2 and self._number(48, 4) and self._number(52, 4):
            return Grouping(self._number(52, 4), self._number(48, 4))
        if self._version or self._box.kind not in _PCM_BITS:
            return Grouping(0, 0)
        bits = _PCM_BITS[self._box.kind] or self._number(10, 2)
        return Grouping(1, bits // 8 * self._number(8, 2))

    def pixel_aspect(self) -> str:
        """Return hSpacing/vSpacing of pasp (12.1.4), nothing if there is none."""
        pasp = self._children.get(b"pasp") if self._media == "video" else None
        if pasp is None:
            return ""
        across, down = self._boxes.uint(pasp, 0, 4), self._boxes.uint(pasp, 4, 4)
        return fraction(across, down) if across and down else ""

    def crop(self) -> tuple[int, ...]:
        """Return the eight numbers of clap (12.1.4), nothing if there is none."""
        clap = self._children.get(b"clap") if self._media == "video" else None
        return () if clap is None else tuple(self._boxes.words(clap, 0, 8, "i"))


def _whole_double(data: bytes) -> int:
    """Return an IEEE 754 double as an integer, 0 if it is none (version 2 sound descriptions)."""
    (value,) = struct.unpack(">d", data)
    return int(value) if 0 <= value < 1 << 32 else 0
