"""Movie fragments: the runs of samples in a moof (ISO/IEC 14496-12, 8.8)."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, repeat
from operator import add
from typing import Final

from .columns import Columns
from .model import KEY, PACKETS_MAX, ContainerError, TooLargeError
from .mp4_boxes import Box, Boxes

# tf_flags of tfhd (8.8.7.1)
_BASE_OFFSET: Final = 0x000001
_BASE_IS_MOOF: Final = 0x020000
_TFHD_FIELDS: Final = ((0x02, "description"), (0x08, "duration"), (0x10, "size"), (0x20, "flags"))
# tr_flags of trun (8.8.8.1)
_DATA_OFFSET: Final = 0x001
_FIRST_FLAGS: Final = 0x004
_ROW_FIELDS: Final = ((0x100, "duration"), (0x200, "size"), (0x400, "flags"), (0x800, "shift"))
_NOT_SYNC: Final = 0x10000  # sample_is_non_sync_sample (8.8.3.1)
_TREX_FIELDS: Final = {"description": 8, "duration": 12, "size": 16, "flags": 20}


@dataclass(slots=True)
class FragmentTrack:
    """A track as fragments go by: defaults of trex, its packets so far, the time of the next."""

    defaults: dict[str, int] | None
    sound: bool
    description: int
    next_time: int
    columns: Columns = field(default_factory=Columns)


def read_defaults(boxes: Boxes, mvex: Box | None) -> dict[int, dict[str, int]]:
    """Return the defaults of each track extension by number of the track (trex, 8.8.3)."""
    found: dict[int, dict[str, int]] = {}
    if mvex is not None:
        for box in boxes.inside(mvex.begin, mvex.end):
            if box.kind == b"trex":
                values = {name: boxes.uint(box, at, 4) for name, at in _TREX_FIELDS.items()}
                found[boxes.uint(box, 4, 4)] = values
    return found


class Fragments:
    """Takes the moofs of a file in order; `left` packets may still come."""

    def __init__(self, tracks: Mapping[int, FragmentTrack], left: int) -> None:
        self._tracks = tracks
        self._left = left

    def add(self, boxes: Boxes, moof_at: int) -> None:
        """Add the samples of a moof whose header stands at `moof_at` of the file."""
        base: int | None = moof_at
        for traf in boxes.inside(0, len(boxes.data)):
            if traf.kind == b"traf":
                base = self._track_fragment(boxes, traf, moof_at, base)

    def _track_fragment(self, boxes: Boxes, traf: Box, moof_at: int, base: int | None) -> int | None:
        """Add one traf; return where its data ends, the base of the next one that names none (8.8.7).

        None if that can not be told, because the traf is of a track that was left out.
        """
        parts = list(boxes.inside(traf.begin, traf.end))
        tfhd = next((box for box in parts if box.kind == b"tfhd"), None)
        if tfhd is None:
            raise ContainerError("a fragment does not say which track it is of")
        track = self._tracks.get(boxes.uint(tfhd, 4, 4))
        if track is None:
            return None
        if track.defaults is None:
            raise ContainerError("a fragment is of a track without defaults")
        flags, at, values = boxes.uint(tfhd, 1, 3), 8, dict(track.defaults)
        if flags & _BASE_OFFSET:
            base, at = boxes.uint(tfhd, at, 8), at + 8
        elif flags & _BASE_IS_MOOF:
            base = moof_at
        if base is None:
            raise ContainerError("a fragment does not tell where its samples are")
        for flag, name in _TFHD_FIELDS:
            if flags & flag:
                values[name], at = boxes.uint(tfhd, at, 4), at + 4
        if values["description"] != track.description:
            raise ContainerError("a track changes its decoder on the way")
        tfdt = next((box for box in parts if box.kind == b"tfdt"), None)
        if tfdt is not None:
            track.next_time = boxes.uint(tfdt, 4, 8 if boxes.uint(tfdt, 0, 1) == 1 else 4)
        end = base
        for box in parts:
            if box.kind == b"trun":
                end = self._run(boxes, box, track, values, base, end)
        return end

    def _run(
        self, boxes: Boxes, trun: Box, track: FragmentTrack, values: Mapping[str, int], base: int, begin: int
    ) -> int:
        """Add a trun, whose samples follow `begin` unless it says where; return where they end (8.8.8)."""
        flags, count, at = boxes.uint(trun, 1, 3), boxes.uint(trun, 4, 4), 8
        if flags & _DATA_OFFSET:
            begin, at = base + boxes.sint(trun, at, 4), at + 4
        first_flags = boxes.uint(trun, at, 4) if flags & _FIRST_FLAGS else None
        at += 4 if flags & _FIRST_FLAGS else 0
        names = [name for flag, name in _ROW_FIELDS if flags & flag]
        grouped = bool(not names and track.sound and values["duration"] == 1 and count)
        self._left -= 1 if grouped else count
        if self._left < 0:
            raise TooLargeError(f"the index names more than {PACKETS_MAX:,} packets")
        if grouped:  # tiny constant samples of sound: the run is one packet, as a QuickTime chunk is
            end = begin + count * values["size"]
            time, track.next_time = track.next_time, track.next_time + count
            track.columns.append(KEY, begin, end, end - begin, time, time, count)
            return end
        rows = boxes.words(trun, at, count * len(names))
        columns = {name: rows[number :: len(names)] for number, name in enumerate(names)}
        if "flags" not in columns and first_flags is not None and count:
            columns["flags"] = array("I", [first_flags, *repeat(values["flags"], count - 1)])
        return _add_samples(track, values, columns, count, begin)


def _add_samples(
    track: FragmentTrack, values: Mapping[str, int], columns: Mapping[str, array[int]], count: int, begin: int
) -> int:
    """Add `count` samples that lie one after the other from `begin`; return where they end."""

    def column(name: str) -> Iterable[int]:
        return columns[name] if name in columns else repeat(values[name], count)

    sizes, duration = array("q", column("size")), array("q", column("duration"))
    places = array("q", accumulate(sizes, initial=begin))
    dts = array("q", accumulate(duration, initial=track.next_time))
    track.next_time = dts.pop()
    # Signed in both versions, for the reason told at mp4_tables._presentation.
    shifts = array("i", columns["shift"].tobytes() if "shift" in columns else b"")
    pts = array("q", map(add, dts, shifts)) if shifts else dts[:]
    keys = array("q", [0 if flags & _NOT_SYNC else KEY for flags in column("flags")])
    track.columns.extend(Columns(keys, places[:-1], places[1:], sizes, pts, dts, duration))
    return places[-1]
