"""One trak of a moov: header, edit list, where its samples are (ISO/IEC 14496-12, 8.2 to 8.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bearwitness_verify.canonical import Json

from .fields import display, edit, extent, fraction, time_base
from .model import EDITS_MAX, ContainerError, TooLargeError
from .mp4_boxes import Box, Boxes
from .mp4_entries import Entry

_MEDIA: Final = {
    b"vide": "video", b"pict": "video", b"auxv": "video", b"soun": "audio",
    b"subt": "subtitle", b"sbtl": "subtitle", b"text": "subtitle", b"clcp": "subtitle",
}  # fmt: skip
_IDENTITY: Final = (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_UNKNOWN_32: Final = (1 << 32) - 1
_UNKNOWN_64: Final = (1 << 64) - 1


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
    description: int  # the number of its sample description
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


def read_head(boxes: Boxes, trak: Box, movie: Movie, defaults: Mapping[int, Mapping[str, int]]) -> Head:
    """Return what a trak says of its stream; raise ContainerError where that is not enough to read it.

    `defaults` are those of fragments, by number of the track.
    """
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
    number = boxes.uint(tkhd, 20 if shift else 12, 4)
    description = defaults.get(number, {}).get("description", 1)
    if b"stsc" in stbl and boxes.uint(stbl[b"stsc"], 4, 4):
        description = boxes.uint(stbl[b"stsc"], 16, 4)
    entry = Entry(boxes, stbl[b"stsd"], media, description)
    matrix = tuple(boxes.words(tkhd, 40 + shift, 9, "i"))
    width, height = (boxes.uint(tkhd, at + shift, 4) for at in (76, 80))
    return Head(
        number=number,
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
        description=description,
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
