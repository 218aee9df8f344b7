"""MP4 and QuickTime: sample tables of the moov, and fragments (ISO/IEC 14496-12, QuickTime File Format).

Times are those of the media before any edit list; packets follow track and decoding. Of the file only
the headers of top-level boxes, the moov and the moofs are read. A movie whose index is lost, damaged or
compressed raises ContainerError. The container is called incomplete where something had to be left out:
samples beyond the end of the file, a track that can not be read or changes its decoder on the way, and
all fragments from the first damaged one on.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Final

from .columns import Columns, pack_all
from .model import INCOMPLETE, PACKETS_MAX, TRACKS_MAX, ContainerError, Index, TooLargeError, Track
from .mp4_boxes import Box, Boxes, top_level
from .mp4_fragments import Fragments, FragmentTrack, read_defaults
from .mp4_tables import read_samples
from .mp4_tracks import Head, read_head, read_movie
from .reader import Reader

_FIRST_BOXES: Final = (
    b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp", b"moof", b"sidx",
)  # fmt: skip
# The tables of two million samples take 80 MB at most.
MOOV_BYTES_MAX: Final = 128 << 20
MOOF_BYTES_MAX: Final = 64 << 20
_BRANDS_BYTES_MAX: Final = 4_096
# A camera's moov has some 100 boxes, a fragment 20.
INDEX_BOXES_MAX: Final = 100_000


def recognise(head: bytes) -> bool:
    """Say whether a file that begins with `head` is of boxes: only the first one is looked at."""
    return len(head) >= 8 and head[4:8] in _FIRST_BOXES


@dataclass(slots=True)
class _Layout:
    """What the top level of a file holds; `moofs` with the places of their headers."""

    quicktime: bool = True
    moov: Box | None = None
    moofs: list[tuple[int, Box]] = field(default_factory=list)
    picture: bool = False
    whole: bool = True


def read(reader: Reader) -> Index | None:
    """Return the index of an MP4 or QuickTime file, None for a picture (HEIF) without a movie."""
    layout = _layout(reader)
    if layout.moov is None:
        if layout.picture and not layout.moofs:
            return None
        raise ContainerError("the movie has no index (moov), or it is cut off")
    boxes = _load(reader, layout.moov, MOOV_BYTES_MAX)
    heads, columns, whole = _read_moov(boxes, layout, reader)
    container = "mov" if layout.quicktime else "mp4"
    for number in heads:
        columns[number], inside = columns[number].within(reader.size)
        whole = whole and inside
    if not whole:
        container += INCOMPLETE
    numbers = sorted(heads)
    tracks = tuple(Track(n, heads[n].fields(container, len(columns[n]))) for n in numbers)
    return Index(container, tracks, pack_all((n, columns[n]) for n in numbers), array("Q"))


def _layout(reader: Reader) -> _Layout:
    layout = _Layout()
    for box, at, whole in top_level(reader):
        layout.whole = whole
        if not whole:
            break
        if box.kind == b"ftyp" and box.end - box.begin >= 8:
            brands = reader.some(box.begin, min(box.end - box.begin, _BRANDS_BYTES_MAX))
            layout.quicktime = b"qt  " in (brands[at : at + 4] for at in range(0, len(brands), 4) if at != 4)
        elif box.kind == b"moov" and layout.moov is None:
            layout.moov = box
        elif box.kind == b"moof":
            layout.moofs.append((at, box))
        elif box.kind == b"meta":
            layout.picture = True
    return layout


def _load(reader: Reader, box: Box, most: int) -> Boxes:
    if box.end - box.begin > most:
        raise TooLargeError("the index is larger than any that is read")
    return Boxes(reader.read(box.begin, box.end - box.begin), INDEX_BOXES_MAX)


def _read_moov(
    boxes: Boxes, layout: _Layout, reader: Reader
) -> tuple[dict[int, Head], dict[int, Columns], bool]:
    """Return tracks, their packets, and whether the index tells of all there are."""
    top = list(boxes.inside(0, len(boxes.data)))
    first = {box.kind: box for box in reversed(top)}
    if b"cmov" in first:
        raise ContainerError("the index is compressed (cmov)")
    movie = read_movie(boxes, first.get(b"mvhd"))
    defaults = read_defaults(boxes, first.get(b"mvex"))
    heads: dict[int, Head] = {}
    tracks: dict[int, FragmentTrack] = {}
    left, whole, damage = PACKETS_MAX, layout.whole or not defaults, ContainerError("the movie has no tracks")
    for trak in (box for box in top if box.kind == b"trak"):
        try:
            head = read_head(boxes, trak, movie, defaults)
            sound = head.media == "audio"
            samples = read_samples(boxes, head.stbl, head.entry.grouping() if sound else None, left)
        except TooLargeError:
            raise
        except ContainerError as error:
            whole, damage = False, error
            continue
        if head.number in heads or len(heads) == TRACKS_MAX:
            raise ContainerError("two tracks have one number, or there are too many")
        here = samples.columns if head.here else Columns()
        left -= len(here)
        whole = whole and samples.whole
        heads[head.number] = head
        tracks[head.number] = FragmentTrack(
            defaults.get(head.number), sound, head.description, samples.end_time, here
        )
    if not heads:
        raise damage
    whole = _read_fragments(reader, layout, Fragments(tracks, left)) and whole
    return heads, {number: track.columns for number, track in tracks.items()}, whole


def _read_fragments(reader: Reader, layout: _Layout, fragments: Fragments) -> bool:
    """Add all fragments up to the first that is damaged; say whether there is none."""
    for at, moof in layout.moofs:
        try:
            fragments.add(_load(reader, moof, MOOF_BYTES_MAX), at)
        except TooLargeError:
            raise
        except ContainerError:
            return False
    return True
