"""What must be known of an H.264 stream to copy some of its groups and encode others (ITU-T H.264, 7.3).

Runs in the sandbox on hostile bytes (:mod:`.locked`), and in the parent on what our own encoder wrote. Two
questions: may this packet be handed on as it is, and which numbers do its parameter sets take up?
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from .parameter_sets import (
    HIGH_PROFILES,
    BitstreamError,
    Shape,
    begins,
    pps_id,
    shapes_of,
    sps_id,
    unescaped,
)

SLICE: Final = 1
IDR: Final = 5
SEI: Final = 6
SPS: Final = 7
PPS: Final = 8
DELIMITER: Final = 9
FILLER: Final = 12

# flags of a packet
DECODES_ALONE: Final = 1  # it begins with an IDR picture
COPYABLE: Final = 2  # nothing in it needs to be looked at
# Kinds of SEI that say how to decode or show pictures and nothing else (annex D): buffering, recovery point,
# repetition of marking, frame packing, orientation, mastering display, light level, transfer. Not among them:
# picture timing (1), which may hold a clock; user data (4, 5), where encoders and serials stand.
HARMLESS_SEI: Final = frozenset({0, 6, 7, 45, 47, 137, 144, 147})
_ONE_PICTURE: Final = (["frame"], ["lower field"], ["upper field"], ["lower field", "upper field"])


@dataclass(frozen=True, slots=True)
class Configuration:
    """An avcC taken apart: bytes of a length, and the parameter sets."""

    length_size: int
    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]

    def ids(self) -> frozenset[int]:
        """Return the numbers its parameter sets take up, both kinds together."""
        return frozenset([sps_id(one) for one in self.sps] + [pps_id(one) for one in self.pps])

    @cache  # noqa: B019 - there is one a stream, and every packet asks
    def shapes(self) -> Mapping[int, Shape]:
        """Return what is known of pictures, by the number of the picture parameter set they use."""
        return shapes_of(self.sps, self.pps)


def read_configuration(data: bytes) -> Configuration:
    """Return what an avcC says (14496-15, 5.3.3.1); raise BitstreamError."""
    try:
        if data[0] != 1:
            raise BitstreamError("the parameters of the stream are no avcC")
        length_size, at = (data[4] & 3) + 1, 6
        sps, at = _read_sets(data, at, data[5] & 31)
        pps, at = _read_sets(data, at + 1, data[at])
    except IndexError:
        raise BitstreamError("an avcC ends too early") from None
    if not sps or not pps or length_size == 3:
        raise BitstreamError("an avcC has no parameter sets")
    if any(unit[0] & 31 != SPS for unit in sps) or any(unit[0] & 31 != PPS for unit in pps):
        raise BitstreamError("an avcC holds something else than parameter sets")
    return Configuration(length_size, sps, pps)


def _read_sets(data: bytes, at: int, count: int) -> tuple[tuple[bytes, ...], int]:
    """Return `count` units that stand from `at` on, each after its length, and where they end."""
    units = []
    for _ in range(count):
        size = int.from_bytes(data[at : at + 2], "big")
        unit = data[at + 2 : at + 2 + size]
        if len(unit) != size or not size:
            raise BitstreamError("an avcC ends too early")
        units.append(unit)
        at += 2 + size
    return tuple(units), at


def write_configuration(configuration: Configuration) -> bytes:
    """Return the avcC of these parameter sets; the highest profile and level among them stand in front."""
    first = max(configuration.sps, key=lambda unit: (unit[1] in HIGH_PROFILES, unit[1]))
    level = max(unit[3] for unit in configuration.sps)
    head = bytes((1, first[1], first[2], level, 0xFC | configuration.length_size - 1))
    sets = bytes((0xE0 | len(configuration.sps),)) + b"".join(map(_counted, configuration.sps))
    sets += bytes((len(configuration.pps),)) + b"".join(map(_counted, configuration.pps))
    # 4:2:0 with 8 bits is the only kind both our encoder and the copied groups may have.
    tail = b"\xfd\xf8\xf8\x00" if first[1] in HIGH_PROFILES else b""
    return head + sets + tail


def _counted(unit: bytes) -> bytes:
    return len(unit).to_bytes(2, "big") + unit


def units_with_lengths(data: bytes, length_size: int) -> Iterator[bytes]:
    """Yield the NAL units of a packet that has lengths before them; raise BitstreamError."""
    at, end = 0, len(data)
    while at < end:
        size = int.from_bytes(data[at : at + length_size], "big")
        at += length_size
        if not size or at + size > end:
            raise BitstreamError("a packet's units do not fill it")
        yield data[at : at + size]
        at += size


def units_with_start_codes(data: bytes) -> list[bytes]:
    """Return the NAL units of bytes in the format of annex B."""
    found, at = [], data.find(b"\0\0\1")
    while at >= 0:
        following = data.find(b"\0\0\1", at + 3)
        unit = data[at + 3 : following if following >= 0 else len(data)].rstrip(b"\0")
        if unit:
            found.append(unit)
        at = following
    return found


def copyable(data: bytes, configuration: Configuration) -> tuple[bool, bool]:
    """Return whether a packet begins a closed group (IDR) and whether nothing in it needs to be looked at.

    Of several pictures in one packet decoders show one or another, so that nobody may have seen them all.
    """
    idr, known = False, True
    begun, shapes = list[str](), configuration.shapes()
    known_sets = (*configuration.sps, *configuration.pps)
    for unit in units_with_lengths(data, configuration.length_size):
        kind = unit[0] & 31
        idr = idr or kind == IDR
        if kind in (SLICE, IDR):
            begun += filter(None, (begins(unit, shapes),))
        elif kind == DELIMITER:
            known = known and len(unit) == 2
        elif kind in (SPS, PPS):
            known = known and unit in known_sets
        elif kind == SEI:
            known = known and set(sei_kinds(unit)) <= HARMLESS_SEI
        elif kind == FILLER:
            known = known and not unit[1:].rstrip(b"\x80").strip(b"\xff")
        else:
            known = False
    return idr, known and sorted(begun) in _ONE_PICTURE


def sei_kinds(unit: bytes) -> list[int]:
    """Return the kinds of messages in an SEI unit (7.3.2.3); -1 where it can not be followed."""
    data, at = unescaped(unit[1:]), 0
    kinds: list[int] = []
    while at < len(data) and data[at:].rstrip(b"\0") != b"\x80":
        numbers = []
        for _ in range(2):
            value = 0
            while at < len(data) and data[at] == 255:
                value, at = value + 255, at + 1
            if at >= len(data):
                return [*kinds, -1]
            numbers.append(value + data[at])
            at += 1
        kinds.append(numbers[0])
        at += numbers[1]
    return kinds if at < len(data) else [*kinds, -1]


def free_id(taken: Sequence[int] | frozenset[int]) -> int | None:
    """Return a number below 32 that no parameter set has, None if all are taken."""
    return next((number for number in range(1, 32) if number not in taken), None)
