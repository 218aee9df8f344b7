"""AVI: by its OpenDML indexes, else by idx1, else by a walk over the chunks (AVI RIFF File Reference).

AVI tells no time of presentation: pts is not told, dts counts frames, or for sound of constant samples the
samples, from dwStart on. Without an index no key frame is told. Chunks of no bytes (a frame shown
again) are packets of no bytes. A file that ends before its lists do is called incomplete.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from .avi_streams import Stream, read_streams
from .columns import Columns, pack_all
from .model import INCOMPLETE, KEY, PACKETS_MAX, ContainerError, Index, TooLargeError, Track
from .reader import Reader
from .riff_chunks import Chunk, chunk_at, chunks, uint, words

_KEY_FRAME: Final = 0x10  # AVIIF_KEYFRAME
_SUPER_INDEX, _INDEX_OF_CHUNKS = 0, 1  # bIndexType
_INDEX_HEAD_BYTES: Final = 24
_NOT_KEY: Final = 1 << 31  # in dwSize of an entry of ix## (OpenDML 1.02, 3.0)
_ENTRY_BYTES: Final = 16


@dataclass(slots=True)
class _Layout:
    """Where the lists of a file are; `movies` are all its lists movi."""

    header: Chunk | None = None
    movies: list[Chunk] = field(default_factory=list)
    index: Chunk | None = None
    whole: bool = True


@dataclass(slots=True)
class _Packets:
    """Packets of one stream as they are found."""

    flags: array[int] = field(default_factory=lambda: array("q"))
    pos: array[int] = field(default_factory=lambda: array("q"))
    size: array[int] = field(default_factory=lambda: array("q"))


def read(reader: Reader) -> Index:
    """Return the index of an AVI file; raise ContainerError if it has no header or no pictures."""
    layout = _layout(reader)
    if layout.header is None or not layout.movies:
        raise ContainerError("the file has no header (hdrl) or no list of pictures (movi)")
    streams = read_streams(reader, layout.header)
    found = _by_opendml(reader, streams)
    if found is None and len(layout.movies) == 1:
        found = _by_idx1(reader, layout, len(streams))
    if found is None:
        found = _by_walking(reader, layout, len(streams))
    columns: list[tuple[int, Columns]] = []
    for number, (stream, packets) in enumerate(zip(streams, found, strict=True)):
        inside, whole = stream.columns(packets.flags, packets.pos, packets.size).within(reader.size)
        layout.whole = layout.whole and whole
        columns.append((number, inside))
    container = "avi" if layout.whole else "avi" + INCOMPLETE
    tracks = tuple(Track(n, streams[n].fields(container, len(inside))) for n, inside in columns)
    return Index(container, tracks, pack_all(columns), array("Q"))


def _layout(reader: Reader) -> _Layout:
    layout = _Layout()
    for riff in chunks(reader, 0, reader.size):
        if riff.code != b"RIFF":
            continue
        layout.whole = layout.whole and riff.whole
        for child in chunks(reader, riff.begin + 4, riff.end):
            kind = reader.some(child.begin, 4) if child.code == b"LIST" else child.code
            if kind == b"hdrl" and layout.header is None:
                layout.header = child
            elif kind == b"movi":
                layout.movies.append(child)
                layout.whole = layout.whole and child.whole
            elif kind == b"idx1" and layout.index is None and child.whole:
                layout.index = child
    return layout


def _by_opendml(reader: Reader, streams: Sequence[Stream]) -> list[_Packets] | None:
    """Return the packets of ix## chunks, None unless every stream has an index (OpenDML 1.02, 3.0)."""
    found = []
    left = PACKETS_MAX
    for stream in streams:
        packets = _Packets()
        if len(stream.index) < _INDEX_HEAD_BYTES or not uint(stream.index, 4, 4):
            return None
        if stream.index[3] == _INDEX_OF_CHUNKS:
            _standard_index(stream.index, packets, left)
        for at in range(_INDEX_HEAD_BYTES, _INDEX_HEAD_BYTES + uint(stream.index, 4, 4) * 16, 16):
            if stream.index[3] != _SUPER_INDEX:
                break
            place, size = uint(stream.index, at, 8), uint(stream.index, at + 8, 4)
            if size < 8 + _INDEX_HEAD_BYTES or size > (PACKETS_MAX + 4) * 12:
                raise ContainerError("an index of a stream has an impossible size")
            _standard_index(reader.read(place + 8, size - 8), packets, left - len(packets.pos))
        left -= len(packets.pos)
        found.append(packets)
    return found


def _standard_index(data: bytes, packets: _Packets, left: int) -> None:
    longs, used, base = uint(data, 0, 2), uint(data, 4, 4), uint(data, 12, 8)
    if data[3] != _INDEX_OF_CHUNKS or longs not in (2, 3) or used * longs * 4 > len(data) - _INDEX_HEAD_BYTES:
        raise ContainerError("an index of a stream is malformed")
    if used > left:
        raise TooLargeError(f"the index names more than {PACKETS_MAX:,} packets")
    entries = words(data[_INDEX_HEAD_BYTES : _INDEX_HEAD_BYTES + used * longs * 4])
    sizes = entries[1::longs]
    packets.pos.extend(array("q", map(base.__add__, entries[0::longs])))
    packets.size.extend(array("q", map((_NOT_KEY - 1).__and__, sizes)))
    packets.flags.extend(array("q", [0 if size & _NOT_KEY else KEY for size in sizes]))


def _by_idx1(reader: Reader, layout: _Layout, streams: int) -> list[_Packets] | None:
    """Return the packets of idx1, None if there is none or it does not point at chunks."""
    if layout.index is None or layout.index.end - layout.index.begin < _ENTRY_BYTES:
        return None
    length = layout.index.end - layout.index.begin
    if length // _ENTRY_BYTES > 2 * PACKETS_MAX:
        raise TooLargeError(f"the index names more than {PACKETS_MAX:,} packets")
    entries = words(reader.read(layout.index.begin, length - length % _ENTRY_BYTES))
    owners = {code: _stream_of(code.to_bytes(4, "little"), streams) for code in set(entries[0::4])}
    found = [_Packets() for _ in range(streams)]
    base = None
    for code, flags, place, size in zip(*(entries[n::4] for n in range(4)), strict=True):
        owner = owners[code]
        if owner is None:
            continue
        if base is None:
            base = _base(reader, layout.movies[0].begin, code.to_bytes(4, "little"), place)
            if base is None:
                return None
        packets = found[owner]
        packets.flags.append(KEY if flags & _KEY_FRAME else 0)
        packets.pos.append(base + place + 8)
        packets.size.append(size)
    return found


def _base(reader: Reader, movie: int, code: bytes, place: int) -> int | None:
    """Return what places are counted from: ``movi``, or by some writers the file; None if neither fits."""
    for base in (movie, 0):
        if reader.some(base + place, 4) == code:
            return base
    return None


def _stream_of(code: bytes, streams: int) -> int | None:
    """Return the stream a chunk's code names, None for a palette, an index or filling."""
    digits = code[:2]
    if not (digits.isdigit() and code[2:] != b"pc"):
        return None
    number = int(digits)
    return number if number < streams else None


def _by_walking(reader: Reader, layout: _Layout, streams: int) -> list[_Packets]:
    """Return the packets of all chunks in the lists movi, those in lists ``rec `` among them."""
    found = [_Packets() for _ in range(streams)]
    left = 2 * PACKETS_MAX
    for movie in layout.movies:
        at = movie.begin + 4
        while (chunk := chunk_at(reader, at, movie.end)) is not None:
            left -= 1
            if left < 0:
                raise TooLargeError(f"the file has more than {2 * PACKETS_MAX:,} chunks")
            if not (chunk.whole and chunk.code.isascii() and chunk.code.decode().isprintable()):
                layout.whole = False
                break
            owner = _stream_of(chunk.code, streams)
            if owner is not None:
                found[owner].flags.append(0)
                found[owner].pos.append(chunk.begin)
                found[owner].size.append(chunk.end - chunk.begin)
            is_record = chunk.code == b"LIST" and reader.some(chunk.begin, 4) == b"rec "
            at = chunk.begin + 4 if is_record else chunk.end + (chunk.end - chunk.begin & 1)
    return found
