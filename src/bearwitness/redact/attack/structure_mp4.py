"""Reads a finished MP4 or QuickTime file box by box and names everything that has no business in it.

An allowed box is on the list below, at its place. Times must be 0, names empty, every byte of the media data
belong to a sample of a track, and the file end with it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from .hits import Hit

CHECK: Final = "container"
_PARENTS: Final[Mapping[str, str]] = {
    "": "ftyp moov mdat",
    "moov": "mvhd trak",
    "trak": "tkhd edts mdia",
    "edts": "elst",
    "mdia": "mdhd hdlr minf",
    "minf": "vmhd smhd dinf stbl",
    "dinf": "dref",
    "dref": "url ",
    "stbl": "stsd stts ctts stss stsc stsz co64",
    "stsd": "avc1 mp4a Opus fLaC",
    "avc1": "avcC pasp colr",
    "mp4a": "esds",
    "Opus": "dOps",
    "fLaC": "dfLa",
}
_HEADS: Final = {"dref": 8, "stsd": 8, "avc1": 78, "mp4a": 28, "Opus": 28, "fLaC": 28}
_DATES: Final = {"mvhd": 16, "tkhd": 16, "mdhd": 16}
_BOXES_MAX: Final = 10_000


@dataclass(slots=True)
class _Found:
    """What was met on the way."""

    hits: list[Hit] = field(default_factory=list)
    boxes: int = 0
    handlers: list[str] = field(default_factory=list)
    samples: list[tuple[int, int]] = field(default_factory=list)
    media: list[tuple[int, int]] = field(default_factory=list)
    tables: dict[str, bytes] = field(default_factory=dict)

    def hit(self, says: str) -> None:
        self.hits.append(Hit(CHECK, says))


def check(data: memoryview, sounds: int) -> tuple[int, list[Hit]]:
    """Return how many boxes were looked at and what is wrong; `sounds`: tracks that were asked for."""
    found = _Found()
    try:
        _walk(data, 0, len(data), "", found)
    except (struct.error, IndexError, ValueError) as error:
        found.hit(f"its boxes can not be followed ({type(error).__name__})")
    expected = ["vide"] + ["soun"] * sounds
    if found.handlers != expected:
        found.hit(f"it has the tracks {' '.join(found.handlers) or 'none'} instead of {' '.join(expected)}")
    _check_media(found)
    return found.boxes, found.hits


def _children(data: memoryview, begin: int, end: int) -> Iterator[tuple[str, int, int]]:
    while begin < end:
        size, kind = struct.unpack_from(">I4s", data, begin)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, begin + 8)[0], 16
        if size < head or begin + size > end:
            raise ValueError("a box does not fit")
        yield kind.decode("latin-1"), begin + head, begin + size
        begin += size


def _walk(data: memoryview, begin: int, end: int, parent: str, found: _Found) -> None:
    allowed = [_PARENTS[parent][n : n + 4] for n in range(0, len(_PARENTS[parent]), 5)]
    for kind, at, until in _children(data, begin, end):
        found.boxes += 1
        if found.boxes > _BOXES_MAX:
            raise ValueError("too many boxes")
        if kind not in allowed:
            found.hit(f"a box {kind!r} stands in {parent or 'the file'!r}, where none is written")
            continue
        _look(data, kind, at, until, found)
        if kind in _PARENTS:
            _walk(data, at + _HEADS.get(kind, 0), until, kind, found)
        if kind == "stbl":
            found.samples += _samples(found)
            found.tables.clear()


def _look(data: memoryview, kind: str, at: int, until: int, found: _Found) -> None:
    if kind == "mdat":
        found.media.append((at, until))
    elif kind in ("stsc", "stsz", "co64"):
        found.tables[kind] = bytes(data[at:until])
    elif kind in _DATES and any(data[at + 4 : at + 4 + _DATES[kind]]):
        found.hit(f"a time of creation or change stands in {kind!r}")
    elif kind == "hdlr":
        found.handlers.append(bytes(data[at + 8 : at + 12]).decode("latin-1"))
        if any(data[at + 12 : until]):
            found.hit("a handler has a name")
    elif kind == "avc1" and any(data[at + 42 : at + 74]):
        found.hit("a compressor has a name")


def _samples(found: _Found) -> list[tuple[int, int]]:
    """Return begin and end of each sample of a track."""
    sizes_table, chunk_table, places = (found.tables.get(k, b"") for k in ("stsz", "stsc", "co64"))
    _, same, count = struct.unpack_from(">III", sizes_table)
    sizes = [same] * count if same else list(struct.unpack_from(f">{count}I", sizes_table, 12))
    chunks = struct.unpack_from(f">{struct.unpack_from('>I', places, 4)[0]}Q", places, 8)
    rows = list(struct.iter_unpack(">III", chunk_table[8:]))
    out, sample, row = [], 0, 0
    for number, at in enumerate(chunks, 1):
        while row + 1 < len(rows) and rows[row + 1][0] <= number:
            row += 1
        for size in sizes[sample : sample + rows[row][1]]:
            out.append((at, at + size))
            at += size  # noqa: PLW2901 - samples of a chunk follow each other
        sample += rows[row][1]
    if sample != count:
        raise ValueError("chunks and samples differ")
    return out


def _check_media(found: _Found) -> None:
    """Every byte of the media data must be a sample's, and no sample lie elsewhere or twice."""
    if len(found.media) != 1:
        found.hit(f"it has {len(found.media)} boxes of media data")
        return
    at, until = found.media[0]
    for begin, end in sorted(found.samples):
        if begin != at:
            found.hit(
                f"{abs(begin - at)} bytes of media data at {min(at, begin)} belong to no sample, or to two"
            )
            return
        at = end
    if at != until:
        found.hit(f"{until - at} bytes at the end of the media data belong to no sample")
