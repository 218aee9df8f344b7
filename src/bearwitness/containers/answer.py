"""What the locked child sends back, and how the parent takes it in: canonical JSON, 0A, records, cuts.

    {"answer":"index","container",…,"v":"1"} 0A packets (56 bytes each) ‖ cuts (u64 each)
    {"answer":"unknown","v":"1"} 0A                 no container that is read here
    {"answer":"damaged","reason":…,"v":"1"} 0A      one, but its index can not be followed

The child may be in the hands of whoever made the file. :func:`decode_index` believes nothing: a wrong
type, range, count or order raises MalformedError, so that what comes out can be used without a look.
"""

from __future__ import annotations

import re
from array import array
from itertools import islice
from operator import le, lt, sub
from typing import Final

from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, integer, members, text
from bearwitness_verify.errors import MalformedError

from .fields import check_fields
from .model import (
    CONTAINERS,
    CUTS_MAX,
    IN_PIECES,
    INCOMPLETE,
    KEY,
    PACKETS_MAX,
    RECORD_BYTES,
    RECORD_WORDS,
    TRACKS_MAX,
    UNTOLD,
    ContainerError,
    Index,
    TooLargeError,
    Track,
    big_endian,
    record_words,
)

# All tracks with their edit lists and parameters; a camera's take 2 kB. As JSON it may cost the parent
# thirty times as much memory.
HEADER_BYTES_MAX: Final = 4 << 20
ANSWER_BYTES_MAX: Final = HEADER_BYTES_MAX + PACKETS_MAX * RECORD_BYTES + CUTS_MAX * 8
_REASON = re.compile(r"[\x20-\x7e]{1,200}\Z")
_CUT_BYTES: Final = 8


def encode_index(index: Index) -> bytes:
    """Return the answer that holds `index`; raise ContainerError if it is more than the parent takes."""
    header = canonical.dumps(
        {
            "answer": "index",
            "container": index.container,
            "cuts": str(len(index.cuts)),
            "packets": str(len(index.packets) // RECORD_BYTES),
            "tracks": [{"fields": dict(t.fields), "number": str(t.number)} for t in index.tracks],
            "v": "1",
        }
    )
    if len(index.cuts) > CUTS_MAX or len(index.tracks) > TRACKS_MAX or len(header) > HEADER_BYTES_MAX:
        raise TooLargeError("the index is larger than any that is stored")
    return b"".join((header, b"\n", index.packets, big_endian(array("Q", index.cuts)).tobytes()))


def encode_unknown() -> bytes:
    """Return the answer for a file of no kind that is read here."""
    return canonical.dumps({"answer": "unknown", "v": "1"}) + b"\n"


def encode_damaged(reason: str) -> bytes:
    """Return the answer for a file whose index can not be followed; `reason` is a short sentence."""
    plain = reason.encode("ascii", "replace").decode()[:200]
    return canonical.dumps({"answer": "damaged", "reason": plain, "v": "1"}) + b"\n"


def decode_index(untrusted: bytes, file_size: int) -> Index | None:
    """Return the index in a child's answer about a file of `file_size` bytes, None for an unknown kind.

    Raises ContainerError with the child's reason where it found the container damaged, MalformedError
    where the answer is not one that a sound child gives.
    """
    if len(untrusted) > ANSWER_BYTES_MAX:
        raise MalformedError("an index is longer than any may be")
    line_end = untrusted.find(b"\n", 0, HEADER_BYTES_MAX + 1)
    if line_end < 0:
        raise MalformedError("an index has no header")
    header = canonical.loads(untrusted[:line_end], "the header of an index")
    kind = header.get("answer") if isinstance(header, dict) else None
    if kind == "index":
        return _index(header, memoryview(untrusted)[line_end + 1 :], file_size)
    if len(untrusted) != line_end + 1:
        raise MalformedError("an answer without an index is followed by bytes")
    if kind == "damaged":
        found = members(header, "an answer", "answer reason v")
        reason = text(found["reason"], "a reason")
        if found["v"] == "1" and _REASON.match(reason):
            raise ContainerError(reason)
    elif header == {"answer": "unknown", "v": "1"}:
        return None
    raise MalformedError("an answer is of no known kind")


def _index(header: Json, body: memoryview, file_size: int) -> Index:
    found = members(header, "an index", "answer container cuts packets tracks v")
    container = text(found["container"], "a container")
    if container.removesuffix(INCOMPLETE) not in CONTAINERS or found["v"] != "1":
        raise MalformedError("an index is of a container or version not known here")
    packets = integer(found["packets"], "a count of packets", 0, PACKETS_MAX)
    cuts = integer(found["cuts"], "a count of cuts", 0, CUTS_MAX)
    if len(body) != packets * RECORD_BYTES + cuts * _CUT_BYTES:
        raise MalformedError("an index does not have the length its header tells")
    tracks, counts = _tracks(found["tracks"], container)
    if sum(counts) != packets:
        raise MalformedError("the tracks of an index do not add up to its packets")
    records = bytes(body[: packets * RECORD_BYTES])
    _check_records(record_words(records), tracks, counts, file_size)
    places = array("Q")
    places.frombytes(body[packets * RECORD_BYTES :])
    _check_cuts(big_endian(places), file_size)
    return Index(container, tracks, records, places)


def _tracks(value: Json, container: str) -> tuple[tuple[Track, ...], list[int]]:
    tracks: list[Track] = []
    counts = []
    for untrusted in canonical.array(value, "tracks"):
        found = members(untrusted, "a track", "fields number")
        # Ascending, so no two have one number, and none would sort elsewhere.
        number = integer(found["number"], "a track number", tracks[-1].number + 1 if tracks else 0, 2**32 - 1)
        fields, count = check_fields(found["fields"], container)
        tracks.append(Track(number, fields))
        counts.append(count)
        if len(tracks) > TRACKS_MAX:
            raise MalformedError(f"an index has more than {TRACKS_MAX} tracks")
    return tuple(tracks), counts


def _check_records(words: array[int], tracks: tuple[Track, ...], counts: list[int], file_size: int) -> None:
    heads, at = words[0::RECORD_WORDS], 0
    for track, count in zip(tracks, counts, strict=True):
        signed = (track.number << 32) - (track.number >> 31 << 64)
        if not set(heads[at : at + count]) <= {signed | flags for flags in range((KEY | IN_PIECES) + 1)}:
            raise MalformedError("a packet is of another track or has unknown flags")
        at += count
    begins, ends, sizes = (words[column::RECORD_WORDS] for column in (1, 2, 3))
    if min(begins, default=0) < 0 or max(ends, default=0) > file_size:
        raise MalformedError("a packet lies outside its file")
    lengths = array("q", map(sub, ends, begins))
    if min(lengths, default=0) < 0 or min(sizes, default=0) < 0 or not all(map(le, sizes, lengths)):
        raise MalformedError("a packet is longer than its place")
    durations = words[6::RECORD_WORDS]
    if min(filter(UNTOLD.__lt__, durations), default=0) < 0:
        raise MalformedError("a packet lasts less than no time")


def _check_cuts(places: array[int], file_size: int) -> None:
    if places and not (places[0] > 0 and places[-1] < file_size):
        raise MalformedError("a cut lies outside its file")
    if not all(map(lt, places, islice(places, 1, None))):
        raise MalformedError("the cuts of an index do not ascend")
