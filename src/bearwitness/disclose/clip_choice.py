"""Chooses the packets of a clip: which are asked for, which are taken, and why it may be impossible.

Pictures begin at the key frame at or before the time asked for and end before the first packet, in the order
of decoding, that is shown at or after the end; sound is taken where it lies within. So nothing is shown that
comes after the end, and nothing heard outside what was asked for.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Final

from bearwitness.errors import MalformedError, RefusedError, UsageError
from bearwitness.vault.indexblob import PACKET_BYTES, IndexBlob
from bearwitness_verify import rows
from bearwitness_verify.canonical import Json, integer, members
from bearwitness_verify.canonical import array as json_array
from bearwitness_verify.clip_words import clock
from bearwitness_verify.errors import VerifyError
from bearwitness_verify.rows import KEY, SHARED, TRANSPORT, Row, Track

_TIME = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,2}):)?(\d{1,6})(?:\.(\d{1,9}))?\Z", re.ASCII)
_ASKED = re.compile(r"([0-9a-f]{6,32}):([0-9:.]+)-([0-9:.]+)(?:@([0-9]+(?:,[0-9]+)*))?\Z")
WHOLE_INSTEAD: Final = "release the whole item (--item), or a redacted copy of it"
_FIELDS: Final = 4  # of each track
_TURN: Final = Fraction(1 << 33, 90_000)


@dataclass(frozen=True)
class Asked:
    """A clip as asked for: seconds on the recording's clock; `tracks` None for all pictures and sound."""

    item: str
    begin: Fraction
    end: Fraction
    tracks: tuple[int, ...] | None = None
    sound: bool = True
    hide_length: bool = False  # show nothing that tells how long the recording is


@dataclass(frozen=True)
class Taken:
    """The packets of a clip: tracks with their rows, and the numbers of their leaves in the track table."""

    tracks: tuple[Track, ...]
    leaves: tuple[int, ...]
    begin: Fraction
    end: Fraction
    tells_length: bool

    @property
    def words(self) -> str:
        """Say from when to when it is."""
        return f"{clock(self.begin)} to {clock(self.end)}"


def parse_asked(text: str, *, sound: bool = True, hide_length: bool = False) -> Asked:
    """Read ``ITEM:START-END`` with times as seconds or h:mm:ss.fff, and ``@TRACK,…`` after it if wanted."""
    match = _ASKED.match(text)
    if match is None:
        raise UsageError(
            f"{text!r} is not a clip",
            "write ITEM:START-END, for example 5f3a9c…:1:20-1:45.5 or 5f3a9c…:80-105",
        )
    begin, end = parse_time(match[2]), parse_time(match[3])
    if begin >= end:
        raise UsageError(f"the clip {text!r} ends before it begins")
    tracks = tuple(sorted({int(n) for n in match[4].split(",")})) if match[4] else None
    return Asked(match[1], begin, end, tracks, sound, hide_length)


def parse_time(text: str) -> Fraction:
    """Return the seconds of ``ss.fff``, ``m:ss`` or ``h:mm:ss``."""
    match = _TIME.match(text)
    if match is None:
        raise UsageError(f"{text!r} is not a time", "write seconds, or h:mm:ss.fff")
    hours, minutes, seconds = (int(part or 0) for part in match.groups()[:3])
    return hours * 3600 + minutes * 60 + seconds + Fraction(f"0.{match[4] or 0}")


@dataclass(frozen=True)
class Whole:
    """A track of the item with all its rows, and the number of the leaf of the first."""

    track: Track
    first_leaf: int
    field_leaf: int
    shared_table: bool  # tracks with packets stand before it


def choose(blob: IndexBlob | None, asked: Asked, first_segment: int) -> Taken:
    """Return the packets of a clip; raise RefusedError with the reason where there can be none.

    `first_segment` is the place of the file's first segment in its content tree.
    """
    if blob is None or not blob.fields:
        raise _impossible(
            asked, "was sealed without a track table (unknown or damaged container, or tiny packets)"
        )
    if blob.container.endswith(", incomplete"):
        raise _impossible(asked, "has a damaged index, of which only a part was sealed")
    wholes = wholes_of(blob)
    origin = origin_of([whole.track for whole in wholes])
    chosen = [whole for whole in wholes if _is_wanted(whole.track, asked)]
    if not chosen:
        raise UsageError(f"item {asked.item} has no such tracks", f"it has: {_named(wholes)}")
    pictures = [whole for whole in chosen if whole.track.media == "video"]
    taken: list[tuple[Whole, int, int]] = []
    for whole in chosen:
        low, high = _range(whole.track, asked, origin, alone=not pictures)
        if low < high:
            taken.append((whole, low, high))
        elif whole in pictures or not pictures:
            raise _nothing(whole.track, asked, origin)
    return _taken(taken, blob, first_segment, origin, asked)


def _impossible(asked: Asked, why: str) -> RefusedError:
    return RefusedError(f"item {asked.item} {why}, so that no clip of it can prove itself", WHOLE_INSTEAD)


def _nothing(track: Track, asked: Asked, origin: Fraction) -> RefusedError:
    begin, end = (time - origin for time in track.span)
    return RefusedError(
        f"track {track.number} of item {asked.item} has no whole packet between {clock(asked.begin)} and "
        f"{clock(asked.end)}",
        f"it runs from {clock(begin)} to {clock(end)}; ask for a longer clip, or name other tracks",
    )


def _named(wholes: Sequence[Whole]) -> str:
    return ", ".join(f"{w.track.number} ({w.track.media} {w.track.codec})" for w in wholes)


def _is_wanted(track: Track, asked: Asked) -> bool:
    if asked.tracks is not None:
        return track.number in asked.tracks and (asked.sound or track.media != "audio")
    return track.media == "video" or (track.media == "audio" and asked.sound)


def wholes_of(blob: IndexBlob) -> list[Whole]:
    """Return the tracks that have packets."""
    found, at, fields = [], 0, blob.fields
    for number in range(0, len(fields), _FIELDS):
        four = [
            members(field, "a field of a track", "name track value") for field in fields[number : number + 4]
        ]
        values = {str(field["name"]): field["value"] for field in four}
        count = _count(values["extent"])
        if count:
            packed = blob.packets[at * PACKET_BYTES : (at + count) * PACKET_BYTES]
            track = Track(
                integer(four[0]["track"]), _object(values["decoder"]), _object(values["display"]),
                json_array(values["edits"]), None, tuple(rows.unpack_rows(packed)),
            )  # fmt: skip
            found.append(Whole(track, len(fields) + at, number, at > 0))
        at += count
    return found


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise MalformedError("a field of a track is not an object")
    return value


def _count(extent: Json) -> int:
    return integer(members(extent, "an extent", "packets duration")["packets"])


def origin_of(tracks: Sequence[Track]) -> Fraction:
    """Return when the recording begins: transport streams count from any time, all others from zero."""
    if not tracks or tracks[0].container not in TRANSPORT:
        return Fraction(0)
    return min(
        (t.clock(t.rows[0].time) for t in tracks if t.media in ("video", "audio")), default=Fraction(0)
    )


def _range(track: Track, asked: Asked, origin: Fraction, *, alone: bool) -> tuple[int, int]:
    """Return the first packet taken and the one after the last."""
    try:
        begin, end = ((time + origin + track.shift) / track.base for time in (asked.begin, asked.end))
    except VerifyError as error:
        raise _impossible(asked, f"can not be cut by time: {error}") from None
    if any(row.time == rows.UNTOLD for row in track.rows):
        raise _impossible(asked, "does not tell when its packets are shown")
    # In whole units of the track's time base: a day has millions of packets, too many for fractions.
    since, before_end, until = math.floor(begin), math.ceil(end), math.floor(end)
    times = [track.time(row) for row in track.rows]
    ends = [time + row.lasts for time, row in zip(times, track.rows, strict=True)]
    if track.media == "video":
        keys = [n for n, row in enumerate(track.rows) if row.flags & KEY]
        if not keys:
            raise _impossible(asked, "does not tell which of its pictures are key frames")
        before = [n for n in keys if times[n] <= since]
        low = max(before, key=times.__getitem__) if before else keys[0]
        high = next((n for n in range(low, len(times)) if times[n] >= before_end), len(times))
        return (low, high) if max(ends[low:high], default=since) > begin else (low, low)
    low = next((n for n, time in enumerate(times) if time >= begin), len(times))
    if alone and low and (low == len(times) or times[low] > begin):
        low -= 1  # sound alone begins with the packet that is heard when it is to begin
    high = next((n for n in range(low, len(times)) if ends[n] > until), len(times))
    return low, high


def _taken(
    taken: Sequence[tuple[Whole, int, int]],
    blob: IndexBlob,
    first_segment: int,
    origin: Fraction,
    asked: Asked,
) -> Taken:
    if asked.hide_length:
        _refuse_behind_others([whole for whole, _, _ in taken], asked)
    tracks, fields, packets = [], list[int](), list[int]()
    for whole, low, high in taken:
        own = whole.track
        edits = None if asked.hide_length else own.edits
        tracks.append(Track(own.number, own.decoder, own.display, edits, None, own.rows[low:high]))
        shown = _FIELDS - 1 if edits is not None else _FIELDS - 2  # never the extent: how long all is
        fields += range(whole.field_leaf, whole.field_leaf + shown)
        packets += range(whole.first_leaf + low, whole.first_leaf + high)
    starts = array("q", accumulate(blob.lengths, initial=0))
    for track in tracks:
        for row in track.played:
            if shares(row, starts, first_segment, transport=track.container in TRANSPORT):
                raise _impossible(asked, "is cut in blocks that hold bytes of several packets")
    begin = min(track.span[0] for track in tracks) - origin
    end = max(track.span[1] for track in tracks) - origin
    if tracks[0].container in TRANSPORT:  # their clock begins again after 26.5 hours
        begin, end = begin % _TURN, end % _TURN
    tells = any(whole.shared_table for whole, _, _ in taken) or any(track.edits for track in tracks)
    return Taken(tuple(tracks), (*fields, *packets), begin, end, tells)


def _refuse_behind_others(wholes: Sequence[Whole], asked: Asked) -> None:
    """Raise RefusedError for tracks whose places in the table tell how many packets stand before them."""
    behind = [str(whole.track.number) for whole in wholes if whole.shared_table]
    if behind:
        raise RefusedError(
            f"a proof of track {', '.join(behind)} of item {asked.item} would tell how long the recording is",
            "leave sound out (--no-sound), or name the first track alone",
        )


def shares(row: Row, starts: array[int], first: int, *, transport: bool) -> bool:
    """Say whether segments of a packet hold bytes of others; `starts` are the places of all segments."""
    if row.flags & SHARED:
        return True
    if transport or not row.leaves:
        return False
    low = row.leaf - first
    return starts[low] + row.offset + row.size != starts[low + row.leaves]
