"""Reads a redacted copy, MP4 or QuickTime, strictly: no box that is not expected (docs/format.md, 11.6).

The samples it returns fill the media data without a gap, so that nothing else can hide there.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from .clip_proof import Stream
from .errors import MalformedError, ProofError

INDEX_BYTES_MAX: Final = 1 << 28
SAMPLES_MAX: Final = 1 << 24
_IDENTITY: Final = (65_536, 0, 0, 0, 65_536, 0, 0, 0, 1 << 30)
_ONE: Final = 1 << 16
_HERE: Final = bytes.fromhex("0000001c 64726566 00000000 00000001 0000000c 75726c20 00000001")
"""Content of a `dinf` that says of all samples that they stand in the file itself (ISO/IEC 14496-12, 8.7)."""


class Sample(NamedTuple):
    """A sample: its place in the file, its times in units of the track, whether it is a sync sample."""

    at: int
    size: int
    pts: int
    lasts: int
    key: bool


@dataclass(frozen=True)
class CopyTrack:
    """A track of a copy: `turn` are the upper left four numbers of its matrix, sizes are 16.16."""

    handler: bytes
    scale: int
    turn: tuple[int, ...]
    width: int
    height: int
    entry: bytes
    samples: tuple[Sample, ...]


def read_movie(file: Stream) -> tuple[CopyTrack, ...]:
    """Return the tracks of a copy of which `file` gives the bytes; afterwards it stands at the first sample.

    Raises ProofError, MalformedError.
    """
    try:
        return _read(file)
    except (struct.error, IndexError):
        raise MalformedError("the index of the copy is cut off") from None


def _read(file: Stream) -> tuple[CopyTrack, ...]:
    head = file.read(8)
    size, kind = struct.unpack(">I4s", head)
    if kind != b"ftyp" or not 8 <= size <= 1024:
        raise ProofError("the copy does not begin as an MP4 file that we write")
    file.read(size - 8)
    length, kind = struct.unpack(">I4s", file.read(8))
    if kind != b"moov" or not 8 <= length <= INDEX_BYTES_MAX:
        raise ProofError("the index of the copy does not stand before its media")
    moov = file.read(length - 8)
    one, kind, long = struct.unpack(">I4sQ", file.read(16))
    if (one, kind) != (1, b"mdat"):
        raise ProofError("the media of the copy do not follow its index")
    begin = size + length + 16
    tracks = _movie(moov)
    _check_media(tracks, begin, begin + long - 16)
    return tracks


def _children(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8 or at + size > len(data):
            raise MalformedError("a box of the copy does not fit")
        found.append((kind, data[at + 8 : at + size]))
        at += size
    return found


def _only(data: bytes, *wanted: str) -> dict[str, bytes]:
    """Return the children of a box: those `wanted`, in this order, and no others; with ? they may lack."""
    left = list(wanted)
    found: dict[str, bytes] = {}
    for kind, content in _children(data):
        while left and left[0].rstrip("?").encode() != kind and left[0].endswith("?"):
            left.pop(0)
        if not left or left[0].rstrip("?").encode() != kind:
            raise ProofError(f"a box {kind!r} of the copy stands where none may be")
        found[left.pop(0).rstrip("?")] = content
    if any(not name.endswith("?") for name in left):
        raise ProofError(f"the copy lacks a box {left[0]!r}")
    return found


def _movie(moov: bytes) -> tuple[CopyTrack, ...]:
    boxes = _children(moov)
    if not boxes or boxes[0][0] != b"mvhd" or any(kind != b"trak" for kind, _ in boxes[1:]):
        raise ProofError("the index of the copy holds other boxes than its tracks")
    header = boxes[0][1]
    if len(header) != 112 or header[0] != 1 or struct.unpack_from(">9i", header, 48) != _IDENTITY:
        raise ProofError("the copy turns or distorts all of its pictures")
    if struct.unpack_from(">I", header, 32)[0] != _ONE:
        raise ProofError("the copy asks to be played at another speed than the original's")
    tracks = tuple(_track(content) for _, content in boxes[1:])
    kinds = [track.handler for track in tracks]
    if kinds != [b"vide"] + [b"soun"] * (len(kinds) - 1):
        raise ProofError("the copy does not have one track of pictures, and then sound alone")
    return tracks


def _track(trak: bytes) -> CopyTrack:
    parts = _only(trak, "tkhd", "edts?", "mdia")
    media = _only(parts["mdia"], "mdhd", "hdlr", "minf")
    handler = media["hdlr"][8:12]
    if handler == b"vide" and "edts" in parts:
        raise ProofError("the pictures of the copy have an edit list")
    inner = _only(media["minf"], "vmhd" if handler == b"vide" else "smhd", "dinf", "stbl")
    if inner["dinf"] != _HERE:
        raise ProofError("the copy says that its media stand in another file")
    table = _only(inner["stbl"], "stsd", "stts", "ctts?", "stss?", "stsc", "stsz", "co64")
    tkhd, mdhd = parts["tkhd"], media["mdhd"]
    if len(tkhd) != 96 or tkhd[0] != 1 or len(mdhd) != 36 or mdhd[0] != 1:
        raise ProofError("the head of a track of the copy is not as we write it")
    matrix = struct.unpack_from(">9i", tkhd, 52)
    if (matrix[2], matrix[5], matrix[8]) != (0, 0, 1 << 30):
        raise ProofError("a track of the copy is distorted")
    width, height = struct.unpack_from(">II", tkhd, 88)
    entries = _children(table["stsd"][8:])
    if len(entries) != 1 or table["stsd"][:8] != struct.pack(">II", 0, 1):
        raise ProofError("a track of the copy has not one description of its samples")
    scale = struct.unpack_from(">I", mdhd, 20)[0]
    if not scale:
        raise ProofError("a track of the copy has no clock")
    kind, content = entries[0]
    turn = (matrix[0], matrix[1], matrix[3], matrix[4])
    return CopyTrack(handler, scale, turn, width, height, kind + content, _samples(table))


def _rows(data: bytes, code: str, head: int = 8) -> list[tuple[int, ...]]:
    """Return the rows of a table, whose count stands at the end of `head` bytes, exactly."""
    row = struct.Struct(code)
    count = struct.unpack_from(">I", data, head - 4)[0]
    if count > SAMPLES_MAX or len(data) != head + count * row.size:
        raise MalformedError("a table of the copy has more or fewer rows than it says")
    return list(row.iter_unpack(data[head:]))


def _spread(rows: Sequence[tuple[int, ...]], count: int, what: str) -> list[int]:
    if sum(row[0] for row in rows) != count:
        raise MalformedError(f"{what} of the copy are told for another number of samples than it has")
    return [value for times, value in rows for _ in range(times)]


def _samples(table: dict[str, bytes]) -> tuple[Sample, ...]:
    sizes = [size for (size,) in _rows(table["stsz"], ">I", 12)]
    if table["stsz"][4:8] != bytes(4) or not sizes:
        raise MalformedError("a track of the copy has no samples")
    deltas = _spread(_rows(table["stts"], ">II"), len(sizes), "durations")
    offsets = [0] * len(sizes)
    if "ctts" in table:
        if table["ctts"][0] != 1:
            raise MalformedError("the times of the copy are written in another way than ours")
        offsets = _spread(_rows(table["ctts"], ">Ii"), len(sizes), "times")
    keys = None if "stss" not in table else {n - 1 for (n,) in _rows(table["stss"], ">I")}
    places = _places(table, sizes)
    found, dts = [], 0
    for number, (at, size, delta, offset) in enumerate(zip(places, sizes, deltas, offsets, strict=True)):
        found.append(Sample(at, size, dts + offset, delta, keys is None or number in keys))
        dts += delta
    return tuple(found)


def _places(table: dict[str, bytes], sizes: Sequence[int]) -> list[int]:
    chunks = [at for (at,) in _rows(table["co64"], ">Q")]
    rows = _rows(table["stsc"], ">III")
    starts = [row[0] for row in rows]
    if not rows or starts[0] != 1 or starts != sorted(set(starts)) or any(row[2] != 1 for row in rows):
        raise MalformedError("the chunks of the copy are not in order")
    found: list[int] = []
    which = 0
    for number, at in enumerate(chunks, 1):
        while which + 1 < len(rows) and rows[which + 1][0] <= number:
            which += 1
        for size in sizes[len(found) : len(found) + rows[which][1]]:
            found.append(at)
            at += size  # noqa: PLW2901 - samples of a chunk follow each other
    if len(found) != len(sizes) or starts[-1] > len(chunks):
        raise MalformedError("the chunks of the copy hold more or fewer samples than it has")
    return found


def _check_media(tracks: Sequence[CopyTrack], begin: int, end: int) -> None:
    at = begin
    for sample in sorted(sample for track in tracks for sample in track.samples):
        if sample.at != at:
            raise ProofError("the media of the copy hold bytes that belong to no sample, or to two")
        at += sample.size
    if at != end:
        raise ProofError("the media of the copy hold bytes that belong to no sample")
