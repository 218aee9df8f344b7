"""The header list of an AVI file: one stream each strl (AVI RIFF File Reference; OpenDML 1.02)."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import accumulate, repeat
from operator import add, sub
from typing import Final

from bearwitness_verify.canonical import Json

from .columns import Columns
from .fields import decoder, display, extent, fourcc, fraction, time_base
from .model import TRACKS_MAX, UNTOLD, ContainerError, TooLargeError
from .reader import Reader
from .riff_chunks import Chunk, chunks, uint

_MEDIA: Final = {b"vids": "video", b"auds": "audio", b"txts": "subtitle"}
_FORMAT_BYTES_MAX: Final = 65_536
# An OpenDML super index of a recording of a day, a gigabyte an entry, has some hundred entries.
_INDEX_BYTES_MAX: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of an AVI file; `index` is its OpenDML index, empty if there is none."""

    media: str
    scale: int
    rate: int
    start: int
    length: int
    sample_size: int
    layout: bytes
    aspect: str
    index: bytes

    def columns(self, flags: array[int], pos: array[int], size: array[int]) -> Columns:
        """Return packets with the times they have by their number, or by their bytes for constant sound."""
        ends = array("q", map(add, pos, size))
        if self.sample_size and self.media == "audio":
            bounds = [self.start + done // self.sample_size for done in accumulate(size, initial=0)]
            dts, duration = array("q", bounds[:-1]), array("q", map(sub, bounds[1:], bounds))
        else:
            dts = array("q", range(self.start, self.start + len(pos)))
            duration = array("q", repeat(1, len(pos)))
        return Columns(flags, pos, ends, size, array("q", repeat(UNTOLD, len(pos))), dts, duration)

    def fields(self, container: str, packets: int) -> dict[str, Json]:
        """Return the four track fields."""
        base, layout = time_base(self.scale, self.rate), self.layout
        if self.media == "audio":
            code = f"0x{uint(layout, 0, 2):04x}"
            numbers = {"channels": uint(layout, 2, 2), "sample_rate": uint(layout, 4, 4)}
        elif self.media == "video":
            code = fourcc(layout[16:20]) if len(layout) >= 20 else "?"
            height = int.from_bytes(layout[8:12], "little", signed=True)
            numbers = {"width": uint(layout, 4, 4), "height": abs(height)}
        else:
            code, numbers = "?", dict[str, int]()
        return {
            "decoder": decoder(container, code, self.media, base, layout, numbers),
            "display": display(aspect=self.aspect),
            "edits": [],
            "extent": extent(packets, self.length or None),
        }


def read_streams(reader: Reader, header: Chunk) -> list[Stream]:
    """Return the streams a list hdrl names; raise ContainerError where one lacks what it must have."""
    streams: list[Stream] = []
    for child in chunks(reader, header.begin + 4, header.end):
        if child.code == b"LIST" and reader.some(child.begin, 4) == b"strl":
            if len(streams) == TRACKS_MAX:
                raise TooLargeError("the file has too many streams")
            streams.append(_stream(reader, child))
    return streams


def _stream(reader: Reader, strl: Chunk) -> Stream:
    found: dict[bytes, Chunk] = {}
    for child in chunks(reader, strl.begin + 4, strl.end):
        found.setdefault(child.code, child)
    strh = _content(reader, found, b"strh", _FORMAT_BYTES_MAX)
    aspect = _content(reader, found, b"vprp", _FORMAT_BYTES_MAX)[20:24]
    down, across = (int.from_bytes(aspect[at : at + 2], "little") for at in (0, 2))
    if len(strh) < 48:
        raise ContainerError("a stream lacks its header")
    return Stream(
        media=_MEDIA.get(strh[:4], "data"),
        scale=uint(strh, 20, 4),
        rate=uint(strh, 24, 4),
        start=uint(strh, 28, 4),
        length=uint(strh, 32, 4),
        sample_size=uint(strh, 44, 4),
        layout=_content(reader, found, b"strf", _FORMAT_BYTES_MAX),
        aspect=fraction(across, down) if across and down else "",
        index=_content(reader, found, b"indx", _INDEX_BYTES_MAX),
    )


def _content(reader: Reader, found: dict[bytes, Chunk], code: bytes, most: int) -> bytes:
    chunk = found.get(code)
    if chunk is None:
        return b""
    if chunk.end - chunk.begin > most:
        raise TooLargeError("a stream has a larger header than any real one")
    return reader.read(chunk.begin, chunk.end - chunk.begin)
