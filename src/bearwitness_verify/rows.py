"""Rows of a track table: tracks, packets, and the clock they run by (docs/format.md, 3.2 and 11.2)."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Final, NamedTuple

from . import canonical
from .canonical import Json, integer, members
from .errors import MalformedError, ProofError

ROW: Final = struct.Struct(">IIQIIQqqq")
ROW_BYTES: Final = ROW.size
UNTOLD: Final = -(1 << 63)
KEY, IN_PIECES, SHARED = 1, 2, 4
TRANSPORT: Final = ("mpegts", "m2ts")
_FRACTION = re.compile(r"([1-9][0-9]{0,19})/([1-9][0-9]{0,19})\Z")
_PTS_TURN: Final = 1 << 33
_RATE_ONE: Final = 0x10000


class Row(NamedTuple):
    """One packet of the table: where its bytes begin, how many there are, when it is decoded and shown."""

    track: int
    flags: int
    leaf: int
    offset: int
    leaves: int
    size: int
    pts: int
    dts: int
    duration: int

    @property
    def time(self) -> int:
        """When it is shown, in the track's time base; when decoded, if that is all the container tells."""
        return self.dts if self.pts == UNTOLD else self.pts

    @property
    def lasts(self) -> int:
        """How long it is shown; 0 if the container does not tell."""
        return max(self.duration, 0)


@dataclass(frozen=True)
class Track:
    """A track of a clip: fields as sealed, None if not shown; rows in the order of decoding."""

    number: int
    decoder: Mapping[str, Json]
    display: Mapping[str, Json]
    edits: Sequence[Json] | None
    extent: Mapping[str, Json] | None
    rows: tuple[Row, ...]

    @property
    def container(self) -> str:
        """Name of the container the track was sealed in."""
        return canonical.text(self.decoder.get("container"), "a container")

    @property
    def media(self) -> str:
        """``video``, ``audio``, ``subtitle`` or ``data``."""
        return canonical.text(self.decoder.get("media"), "a medium")

    @property
    def codec(self) -> str:
        """The container's own name of the codec."""
        return canonical.text(self.decoder.get("codec"), "a codec")

    @property
    def extradata(self) -> bytes:
        """What the decoder is given first."""
        return canonical.unb64(self.decoder.get("extradata"), "the parameters of a decoder")

    @cached_property
    def base(self) -> Fraction:
        """Seconds of one unit of time; raise MalformedError if it is no fraction."""
        return time_base(self.decoder.get("time_base"))

    def time(self, row: Row) -> int:
        """Return when `row` is shown, in the time base, 33-bit times unwrapped around the first row's."""
        if self.container not in TRANSPORT:
            return row.time
        first = self.rows[0].time
        return first + (row.time - first + _PTS_TURN // 2) % _PTS_TURN - _PTS_TURN // 2

    def is_leading(self, row: Row) -> bool:
        """Say whether `row` belongs to pictures before the clip, kept behind its key frame (open group)."""
        return self.media == "video" and self.time(row) < self.time(self.rows[0])

    @cached_property
    def played(self) -> tuple[Row, ...]:
        """The rows whose packets are shown and played."""
        return tuple(row for row in self.rows if not self.is_leading(row))

    @cached_property
    def shift(self) -> Fraction:
        """What the edit list takes from every time, in seconds; raise ProofError if it is no plain shift.

        Nothing where the edit list is not shown.
        """
        edits = [
            members(value, "an edit", "duration media_time rate time_base") for value in self.edits or ()
        ]
        empty = Fraction(0)
        if len(edits) == 2 and edits[0]["media_time"] == "-1":
            base = time_base(edits[0]["time_base"])
            empty = integer(edits.pop(0)["duration"], "the duration of an edit") * base
        if not edits:
            return Fraction(0)
        begin = integer(edits[0]["media_time"], "the time of an edit", -(2**63), 2**63 - 1)
        if len(edits) > 1 or begin < 0 or edits[0]["rate"] != str(_RATE_ONE):
            raise ProofError("the edit list of a track is more than a shift")
        return begin * self.base - empty

    def clock(self, time: int) -> Fraction:
        """Return the seconds, on the item's own clock, of a time in the track's time base."""
        return time * self.base - self.shift

    @cached_property
    def span(self) -> tuple[Fraction, Fraction]:
        """When the played packets begin and end on the item's clock, in seconds."""
        times = [(self.time(row), self.time(row) + row.lasts) for row in self.played]
        return self.clock(min(begin for begin, _ in times)), self.clock(max(end for _, end in times))


def time_base(value: Json) -> Fraction:
    """Return the seconds of one unit of time, written ``1/90000``; raise MalformedError."""
    match = _FRACTION.match(canonical.text(value, "a time base"))
    if match is None:
        raise MalformedError("the time base of a track is not a fraction")
    return Fraction(int(match[1]), int(match[2]))


def unpack_rows(data: bytes) -> list[Row]:
    """Read payloads of packet leaves; raise MalformedError."""
    if len(data) % ROW_BYTES:
        raise MalformedError("the packets of a clip are not 56 bytes each")
    return list(map(Row._make, ROW.iter_unpack(data)))


def by_tracks(
    container_fields: Sequence[tuple[int, Json]], rows: Sequence[tuple[int, Row]], *, gaps: bool = False
) -> tuple[Track, ...]:
    """Put proven leaves together into tracks; `int` is the index of each leaf in the table's tree.

    Raises ProofError where the fields of a track are not next to each other, a packet is missing within
    a track (unless there may be `gaps`), or tracks are of different containers.
    """
    fields: dict[int, dict[str, Json]] = {}
    places: dict[int, int] = {}
    for index, value in container_fields:
        got = members(value, "a field of a track", "name track value")
        number = integer(got["track"], "the number of a track", 0, 2**32 - 1)
        names = ("decoder", "display", "edits", "extent")
        known = fields.setdefault(number, {})
        wanted = names[min(len(known), 3)]
        if got["name"] != wanted or len(known) == 4 or (known and index != places[number] + 1):
            raise ProofError("decoder, display and edits of a track do not stand next to each other")
        known[wanted], places[number] = got["value"], index
    packets: dict[int, list[tuple[int, Row]]] = {number: [] for number in fields}
    for index, row in rows:
        if row.track not in packets:
            raise ProofError("a packet is of a track whose decoder is not shown")
        own = packets[row.track]
        if own and index != own[-1][0] + 1 and not gaps:
            raise ProofError("packets are missing in the middle of a track")
        own.append((index, row))
    tracks = tuple(_track(n, fields[n], [row for _, row in packets[n]]) for n in sorted(fields))
    if list(fields) != sorted(fields) or len({track.container for track in tracks}) != 1:
        raise ProofError("the tracks of a clip are not those of one file, in order")
    return tracks


def _track(number: int, fields: Mapping[str, Json], rows: Sequence[Row]) -> Track:
    if "display" not in fields or not rows:
        raise ProofError("a track lacks its decoder, display or packets")
    decoder, display = fields["decoder"], fields["display"]
    extent = fields.get("extent")
    if not isinstance(decoder, dict) or not isinstance(display, dict) or not isinstance(extent, dict | None):
        raise MalformedError("a field of a track is not an object")
    edits = canonical.array(fields["edits"], "edits") if "edits" in fields else None
    track = Track(number, decoder, display, edits, extent, tuple(rows))
    if track.container.endswith(", incomplete"):
        raise ProofError("the container was read in part only, so that its table proves no clip")
    if any(row.time == UNTOLD for row in rows):
        raise ProofError("the container does not tell when a packet is shown")
    return track
