"""Matroska and WebM: a scan over the headers of all elements (RFC 9559).

Seek heads and cues are not believed, for they name key frames only: every block is visited, its frames
are not read. A block tells when its first frame is shown; when frames are decoded it does not tell, nor
when the other frames of a lace are shown. Of several segments in one file the first is read. Where the
file ends within an element, or bytes stand that are none, what was found up to there (and after the end of
the cluster around, where that is known) is returned, and the container is called incomplete.
"""

from __future__ import annotations

from array import array
from typing import Final

from .columns import Columns, pack_all
from .fields import time_base
from .matroska_ebml import HEADER_BYTES_MAX, Master, header
from .matroska_scan import EBML, LEAST_BYTES, Scan
from .matroska_tracks import Entry
from .model import INCOMPLETE, UNTOLD, ContainerError, Index, Track
from .reader import Reader

_DOC_TYPE: Final = 0x4282
_NANOSECONDS: Final = 1_000_000_000


def recognise(head: bytes) -> bool:
    """Say whether a file that begins with `head` is in EBML, of the document type matroska or webm."""
    return _document_type(head) in ("matroska", "webm")


def _document_type(head: bytes) -> str:
    if head[:4] != EBML.to_bytes(4, "big"):
        return ""
    try:
        _, size, length = header(head[:HEADER_BYTES_MAX])
        return Master(head, length, min(length + size, len(head))).text(_DOC_TYPE)
    except ContainerError:
        return ""


def read(reader: Reader) -> Index:
    """Return the index of a Matroska or WebM file; raise ContainerError if it has no tracks."""
    container = _document_type(reader.some(0, LEAST_BYTES))
    scan = Scan(reader)
    scan.run()
    if scan.tracks is None:
        raise ContainerError("the segment does not describe its tracks")
    if not scan.whole:
        container += INCOMPLETE
    base = time_base(scan.scale, _NANOSECONDS)
    tracks, columns = [], []
    for number, entry in sorted(scan.tracks.items()):
        found = scan.columns.get(number, Columns())
        found.duration = _told_durations(found.duration, entry, scan.scale)
        tracks.append(Track(number, entry.fields(container, base, len(found))))
        columns.append((number, found))
    return Index(container, tuple(tracks), pack_all(columns), array("Q"))


def _told_durations(durations: array[int], entry: Entry, scale: int) -> array[int]:
    """Put the track's default in where a block tells none, if it is a whole number of units (5.1.3.5.3)."""
    default, rest = divmod(entry.default_duration, scale)
    if rest or not default:
        return durations
    return array("q", [default if told == UNTOLD else told for told in durations])
