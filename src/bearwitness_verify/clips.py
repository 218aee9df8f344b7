"""What a release says of a clip, read strictly (docs/format.md, 11.1 and 11.2). Nothing is proven here."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from . import canonical
from .canonical import Json, members, unb64
from .errors import MalformedError
from .leaves import SEGMENT_BYTES_MAX
from .rows import ROW_BYTES


@dataclass(frozen=True)
class Several:
    """Leaves of one tree shown together: their indices, salts, and the hashes that lead to the root."""

    indices: Sequence[int]
    salts: bytes
    hashes: tuple[bytes, ...]

    def salt(self, number: int) -> bytes:
        """Return the salt of the leaf that is `number` among those shown."""
        return self.salts[32 * number : 32 * number + 32]


@dataclass(frozen=True)
class Table:
    """The leaves shown of a track table: fields, then packets of 56 bytes each."""

    proof: Several
    fields: tuple[Json, ...]
    packets: bytes


@dataclass(frozen=True)
class Segments:
    """The leaves shown of a content tree, whose bytes stand one after the other in `file`."""

    proof: Several
    file: str
    lengths: array[int]


@dataclass(frozen=True)
class Clip:
    """Packets of an item, and the name of the file that plays them if there is one."""

    table: Table
    segments: Segments
    playable: str | None


def parse_clip(value: Json) -> Clip:
    """Read a clip; raise MalformedError."""
    got = members(value, "a clip", "playable segments table")
    playable = None if got["playable"] is None else canonical.text(got["playable"], "a playable file")
    return Clip(parse_table(got["table"]), parse_segments(got["segments"]), playable)


def parse_table(value: Json) -> Table:
    """Read the leaves shown of a track table; raise MalformedError."""
    got = members(value, "a track table", "fields hashes packets runs salts")
    fields, packets = canonical.array(got["fields"], "fields"), unb64(got["packets"], "packets")
    if len(packets) % ROW_BYTES:
        raise MalformedError("the packets of a clip are not 56 bytes each")
    proof = parse_several(got, len(fields) + len(packets) // ROW_BYTES)
    return Table(proof, tuple(fields), packets)


def parse_segments(value: Json) -> Segments:
    """Read the leaves shown of a content tree; raise MalformedError."""
    got = members(value, "the segments of a clip", "file hashes lengths runs salts")
    lengths = words(unb64(got["lengths"], "segment lengths"))
    if lengths and not 0 < min(lengths) <= max(lengths) <= SEGMENT_BYTES_MAX:
        raise MalformedError("a segment is empty or longer than 65,536 bytes")
    name = canonical.text(got["file"], "the file of a clip")
    return Segments(parse_several(got, len(lengths)), name, lengths)


def parse_several(got: dict[str, Json], leaves: int) -> Several:
    """Read the proof of so many `leaves` of one tree; raise MalformedError."""
    salts, hashes = unb64(got["salts"], "salts"), unb64(got["hashes"], "the hashes of a proof")
    runs = runs_of(unb64(got["runs"], "runs of leaves"))
    if len(salts) != 32 * leaves or len(hashes) % 32 or not leaves:
        raise MalformedError("there is not one salt for each leaf of a clip")
    if sum(count for _, count in runs) != leaves:
        raise MalformedError("the runs of leaves of a clip do not add up")
    indices = list(chain.from_iterable(range(first, first + count) for first, count in runs))
    return Several(indices, salts, tuple(hashes[at : at + 32] for at in range(0, len(hashes), 32)))


def runs_of(data: bytes) -> tuple[tuple[int, int], ...]:
    """Return runs, each its first number and its count; raise MalformedError unless they are in order."""
    pairs = words(data)
    if len(pairs) % 2:
        raise MalformedError("a list of runs is cut off")
    runs, end = tuple(zip(pairs[0::2], pairs[1::2], strict=True)), -1
    for first, count in runs:
        if first <= end or not count:
            raise MalformedError("runs are empty, touch, or are not in order")
        end = first + count
    return runs


def words(data: bytes) -> array[int]:
    """Return big-endian integers of 32 bits; raise MalformedError if a piece is left over."""
    if len(data) % 4:
        raise MalformedError("a list of numbers of 32 bits is cut off")
    found = array("I", data)
    if sys.byteorder == "little":
        found.byteswap()
    return found
