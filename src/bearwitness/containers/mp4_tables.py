"""The sample tables of one track, spread out (ISO/IEC 14496-12, 8.6 and 8.7).

Run-length tables become columns with :mod:`itertools`; a count that a table claims is never believed
beyond :data:`model.PACKETS_MAX` or the bytes it takes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate, chain, compress, islice, repeat, takewhile
from operator import add, sub
from typing import Final

from .columns import Columns
from .model import KEY, PACKETS_MAX, UNTOLD, ContainerError, TooLargeError
from .mp4_boxes import Box, Boxes

_PLACE_MAX: Final = 1 << 62  # beyond any file; keeps sums inside 64 bits


@dataclass(frozen=True, slots=True)
class Grouping:
    """How QuickTime sound of tiny constant samples lies in the file: `frames` samples take `bytes`."""

    frames: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Samples:
    """The packets of a track's tables; `whole` if every sample has a place and a time."""

    columns: Columns
    whole: bool
    end_time: int


def read_samples(boxes: Boxes, stbl: Mapping[bytes, Box], sound: Grouping | None, most: int) -> Samples:
    """Return the packets of the tables in `stbl`; with `sound` a chunk of tiny samples is one packet.

    Raises ContainerError if there are more than `most`, or tables contradict each other.
    """
    constant, sizes, count = _sizes(boxes, stbl)
    offsets = _chunk_offsets(boxes, stbl)
    in_chunk = _samples_per_chunk(boxes.table(stbl.get(b"stsc"), 3), len(offsets))
    stts = boxes.table(stbl.get(b"stts"), 2)
    if sound is not None and constant and set(stts[1::2]) == {1}:
        return _chunks(offsets, in_chunk, count, _bytes_per_frame(sound, constant), most)
    if count > most:
        raise TooLargeError(f"the index names more than {PACKETS_MAX:,} packets")
    if not sizes:
        sizes = array("I", [constant]) * count
    pos = _places(sizes, offsets, in_chunk)
    whole, count = len(pos) == count, len(pos)
    duration = _spread(stts[1::2], stts[0::2], count)
    told = len(duration)
    dts = array("q", accumulate(duration, initial=0))
    end_time = dts.pop()
    pts = _presentation(boxes, stbl.get(b"ctts"), dts)
    for column in (duration, dts, pts):
        column.extend(repeat(UNTOLD, count - len(column)))
    del sizes[count:]
    columns = Columns(
        _key_flags(boxes, stbl.get(b"stss"), count), pos, array("q", map(add, pos, sizes)),
        array("q", sizes), pts, dts, duration,
    )  # fmt: skip
    return Samples(columns, whole and told == count, end_time)


def _sizes(boxes: Boxes, stbl: Mapping[bytes, Box]) -> tuple[int, array[int], int]:
    """Return the size all samples have or 0, the sizes if they differ, and how many there are (8.7.3)."""
    if box := stbl.get(b"stsz"):
        constant, count = boxes.uint(box, 4, 4), boxes.uint(box, 8, 4)
        return constant, array("I") if constant else boxes.words(box, 12, count), count
    if box := stbl.get(b"stz2"):
        bits, count = boxes.uint(box, 7, 1), boxes.uint(box, 8, 4)
        if bits in (8, 16):
            return 0, array("I", boxes.words(box, 12, count, "H" if bits == 16 else "B")), count
        if bits == 4:
            pairs = boxes.bytes(box, 12, (count + 1) // 2)
            nibbles = chain.from_iterable((pair >> 4, pair & 15) for pair in pairs)
            return 0, array("I", islice(nibbles, count)), count
        raise ContainerError("a table of sizes has entries of an unknown width")
    return 0, array("I"), 0


def _chunk_offsets(boxes: Boxes, stbl: Mapping[bytes, Box]) -> array[int]:
    offsets = boxes.table(stbl.get(b"stco"), 1) or boxes.table(stbl.get(b"co64"), 1, "Q")
    if max(offsets, default=0) > _PLACE_MAX:
        raise ContainerError("a chunk lies beyond the end of any file")
    return array("q", offsets)


def _samples_per_chunk(stsc: array[int], chunks: int) -> array[int]:
    """Return how many samples each chunk has, all of one description (8.7.4)."""
    firsts = [min(first, chunks + 1) for first in stsc[0::3]]
    runs = list(map(sub, [*firsts[1:], chunks + 1], firsts))
    if chunks and (not firsts or firsts[0] != 1 or min(runs) < 0):
        raise ContainerError("the chunks of a track are not in order")
    used = {description for description, run in zip(stsc[2::3], runs, strict=True) if run}
    if len(used) > 1:
        raise ContainerError("a track changes its decoder on the way")
    return array("q", chain.from_iterable(map(repeat, stsc[1::3], runs)))


def _spread(values: Iterable[int], counts: Iterable[int], most: int) -> array[int]:
    """Return each value as often as its count says, at most `most` altogether."""
    return array("q", islice(chain.from_iterable(map(repeat, values, counts)), most))


def _places(sizes: array[int], offsets: array[int], in_chunk: array[int]) -> array[int]:
    """Return where each sample begins: its chunk's place and the samples before it there."""
    before = list(accumulate(sizes, initial=0))
    firsts = list(takewhile(len(sizes).__gt__, accumulate(in_chunk, initial=0)))
    shifts = map(sub, offsets, map(before.__getitem__, firsts))
    return array("q", map(add, before, _spread(shifts, in_chunk, len(sizes))))


def _presentation(boxes: Boxes, ctts: Box | None, dts: array[int]) -> array[int]:
    """Return the times of composition (8.6.1.3).

    Offsets are read as signed in both versions: version 0 has them unsigned, but QuickTime and many
    writers store negative ones there, and no writer means one of 2**31 or more.
    """
    if ctts is None:
        return dts[:]
    table = boxes.table(ctts, 2)
    signed = array("i")
    signed.frombytes(table[1::2].tobytes())
    return array("q", map(add, dts, _spread(signed, table[0::2], len(dts))))


def _key_flags(boxes: Boxes, stss: Box | None, count: int) -> array[int]:
    """Return the flags of `count` samples: without a table every sample is a key frame (8.6.2)."""
    if stss is None:
        return array("q", [KEY]) * count
    flags = array("q", bytes(8 * count))
    for number in boxes.table(stss, 1):
        if 0 < number <= count:
            flags[number - 1] = KEY
    return flags


def _bytes_per_frame(sound: Grouping, constant: int) -> Grouping:
    """Return the grouping the description tells, or that of samples of `constant` bytes."""
    return sound if sound.frames and sound.bytes else Grouping(1, constant)


def _chunks(offsets: array[int], in_chunk: array[int], count: int, sound: Grouping, most: int) -> Samples:
    """Return a packet for each chunk of samples that last one unit of time each (QuickTime sound)."""
    ends = array("q", (min(end, count) for end in accumulate(in_chunk)))
    begins = array("q", chain((0,), ends[:-1]))
    samples = array("q", map(sub, ends, begins))
    pos, time = (array("q", compress(column, samples)) for column in (offsets, begins))
    samples = array("q", filter(None, samples))
    if len(samples) > most:
        raise TooLargeError(f"the index names more than {PACKETS_MAX:,} packets")
    size = array("q", (min(n // sound.frames * sound.bytes, _PLACE_MAX) for n in samples))
    keys = array("q", [KEY]) * len(samples)
    end_time = ends[-1] if ends else 0
    columns = Columns(keys, pos, array("q", map(add, pos, size)), size, time, time, samples)
    return Samples(columns, end_time == count, end_time)
