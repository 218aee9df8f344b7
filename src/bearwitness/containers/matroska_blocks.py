"""Blocks and their lacing (RFC 9559, 10): where the frames of a block lie."""

from __future__ import annotations

from itertools import accumulate
from typing import Final, NamedTuple

from .matroska_ebml import UNKNOWN, number
from .model import ContainerError
from .reader import Reader

# Of the head of a block: its track, a time of two bytes, a byte of flags.
BLOCK_HEAD_BYTES_MAX: Final = 11
_LACING: Final = 0x06
_XIPH, _FIXED, _EBML = 0x02, 0x04, 0x06
# 256 sizes of 8 bytes, or in Xiph lacing 65,536 / 256 * 255 bytes to a frame: no muxer laces as much.
_LACE_BYTES_MAX: Final = 65_536


class Block(NamedTuple):
    """A block: its track, the time within its cluster, its flags and the places its frames lie between."""

    track: int
    time: int
    flags: int
    places: list[int]


def read_block(reader: Reader, head: bytes, begin: int, end: int) -> Block:
    """Return the block whose content stands at `begin` to `end`-1 of the file and begins with `head`.

    Raises ContainerError where it contradicts itself.
    """
    track, width = number(head, 0)
    if track == UNKNOWN or width + 3 > min(len(head), end - begin):
        raise ContainerError("a block is shorter than its head")
    time = int.from_bytes(head[width : width + 2], "big", signed=True)
    flags = head[width + 2]
    begin += width + 3
    if not flags & _LACING:
        return Block(track, time, flags, [begin, end])
    sizes, begin = _lace(reader.some(begin, min(end - begin, _LACE_BYTES_MAX)), flags & _LACING, begin, end)
    places = list(accumulate(sizes, initial=begin))
    if places[-1] > end or min(sizes, default=0) < 0:
        raise ContainerError("the frames of a block are longer than the block")
    return Block(track, time, flags, [*places, end])


def _lace(data: bytes, lacing: int, begin: int, end: int) -> tuple[list[int], int]:
    """Return the sizes of all frames but the last and where the first begins (10.3)."""
    if not data:
        raise ContainerError("a block is shorter than its lacing")
    others, at = data[0], 1
    if lacing == _FIXED:
        size, rest = divmod(end - begin - 1, others + 1)
        if rest:
            raise ContainerError("the frames of a block are not of one size")
        return [size] * others, begin + 1
    sizes: list[int] = []
    while len(sizes) < others:
        if lacing == _XIPH:
            last = at
            while last < len(data) and data[last] == 255:
                last += 1
            if last >= len(data):
                raise ContainerError("a block is shorter than its lacing")
            sizes.append(255 * (last - at) + data[last])
            at = last + 1
        else:
            value, width = number(data, at)
            # After the first, sizes are differences to the one before, with a bias (10.3.3).
            sizes.append(value if not sizes else sizes[-1] + value - ((1 << 7 * width - 1) - 1))
            at += width
    return sizes, begin + at
