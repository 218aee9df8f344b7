"""What H.264's parameter sets and the heads of slices say of pictures (ITU-T H.264, 7.3.2.1, 7.3.2.2, 7.3.3).

Runs in the sandbox on hostile bytes, as :mod:`.h264` does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_BLOCK: Final = 16
HIGH_PROFILES: Final = frozenset({100, 110, 122, 144, 244, 44, 83, 86, 118, 128})


class BitstreamError(ValueError):
    """The bytes are not the H.264 they claim to be."""


def unescaped(data: bytes) -> bytes:
    """Return the payload without the bytes that keep start codes out of it (7.3.1)."""
    out, zeros = bytearray(), 0
    for byte in data:
        if zeros >= 2 and byte == 3:
            zeros = 0
            continue
        zeros = zeros + 1 if byte == 0 else 0
        out.append(byte)
    return bytes(out)


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        if count > self._left:
            raise BitstreamError("a parameter set ends too early")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def signed(self) -> int:
        number = self.golomb()
        return -(number // 2) if number % 2 == 0 else (number + 1) // 2

    def golomb(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise BitstreamError("a number of a parameter set is too large")
        return (1 << zeros) - 1 + self.take(zeros)


def sps_id(unit: bytes) -> int:
    """Return the number of a sequence parameter set (7.3.2.1.1)."""
    return _in_range(_Bits(unescaped(unit[4:20])).golomb(), 31)


def pps_id(unit: bytes) -> int:
    """Return the number of a picture parameter set (7.3.2.2)."""
    return _in_range(_Bits(unescaped(unit[1:16])).golomb(), 255)


def is_plain(unit: bytes) -> bool:
    """Say whether a sequence parameter set is for 4:2:0 pictures of 8 bits that are shown whole."""
    try:
        return _shape(unit).plain
    except BitstreamError:
        return False


@dataclass(frozen=True, slots=True)
class Shape:
    """What a sequence parameter set says: if it is plain, bits of a frame's number, if fields may come."""

    plain: bool
    number_bits: int
    fields: bool


def _shape(unit: bytes) -> Shape:
    """Read a sequence parameter set (7.3.2.1.1) as far as what is cut off; raise BitstreamError.

    A picture is cut to its size from whole blocks, so some columns at the right and rows below are never
    shown. Where more is cut off, packets hold what no detector saw.
    """
    bits = _Bits(unescaped(unit[4:]))
    bits.golomb()
    usual = True
    if unit[1] in HIGH_PROFILES:
        chroma = bits.golomb()
        bits.take(chroma == 3)
        usual = (chroma, bits.golomb(), bits.golomb()) == (1, 0, 0)
        bits.take(1)
        if bits.take(1):
            _pass_scaling_lists(bits, 12 if chroma == 3 else 8)
    number_bits = bits.golomb() + 4
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        bits.take(1)
        bits.golomb()
        bits.golomb()
        for _ in range(_in_range(bits.golomb(), 255)):
            bits.golomb()
    bits.golomb()
    bits.take(1)
    bits.golomb()
    bits.golomb()
    fields = not bits.take(1)
    bits.take(1 + fields)
    # Of fields both are doubled, blocks and what is cut off below.
    left, right, top, below = (2 * bits.golomb() for _ in range(4)) if bits.take(1) else (0, 0, 0, 0)
    whole = not left and not top and right < _BLOCK and below < _BLOCK
    return Shape(usual and whole, number_bits, fields)


def _pass_scaling_lists(bits: _Bits, count: int) -> None:
    for number in range(count):
        last = following = 8
        if not bits.take(1):
            continue
        for _ in range(16 if number < 6 else 64):
            if following:
                following = (last + bits.signed()) % 256
            last = following or last


def shapes_of(sps: Sequence[bytes], pps: Sequence[bytes]) -> dict[int, Shape]:
    """Return what is known of pictures, by the number of the picture parameter set they use."""
    found, shapes = dict[int, Shape](), dict[int, Shape]()
    for unit in sps:
        with contextlib.suppress(BitstreamError):
            shapes[sps_id(unit)] = _shape(unit)
    for unit in pps:
        bits = _Bits(unescaped(unit[1:16]))
        with contextlib.suppress(BitstreamError):
            number, used = bits.golomb(), bits.golomb()
            if used in shapes:
                found[number] = shapes[used]
    return found


def begins(unit: bytes, shapes: Mapping[int, Shape]) -> str:
    """Return what a slice is the first of: a frame, one of two fields, "?", or "" for a later slice."""
    bits = _Bits(unescaped(unit[1:24]))
    try:
        if bits.golomb():
            return ""
        bits.golomb()
        shape = shapes.get(bits.golomb())
        if shape is None:
            return "?"
        bits.take(shape.number_bits)
        if not shape.fields or not bits.take(1):
            return "frame"
        return "lower field" if bits.take(1) else "upper field"
    except BitstreamError:
        return "?"


def _in_range(value: int, most: int) -> int:
    if value > most:
        raise BitstreamError("a parameter set has an impossible number")
    return value
