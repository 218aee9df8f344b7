"""What must be known of H.264 to tell that copied pictures decode as they did (ITU-T H.264, 7.3; 14496-15).

Parameter sets of the original come first and keep their numbers; nothing else can exchange them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from .errors import ProofError

SLICE, PARTITION, IDR, SPS, PPS = 1, 2, 5, 7, 8
_ENTRY_BYTES: Final = 78
_HEAD_BYTES: Final = 64  # numbers stand in the first sixteen


@dataclass(frozen=True)
class Sets:
    """An avcC taken apart: bytes of a length, and the parameter sets."""

    length_size: int
    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]


def entry_of(entry: bytes) -> tuple[int, int, Sets, tuple[int, int]]:
    """Return width, height, parameter sets and pixel aspect of the sample entry of a copy's pictures."""
    if entry[:4] != b"avc1" or len(entry) < 4 + _ENTRY_BYTES:
        raise ProofError("the pictures of the copy are of another codec than is known here")
    width, height = struct.unpack_from(">HH", entry, 4 + 24)
    found: dict[bytes, bytes] = {}
    at, wanted = 4 + _ENTRY_BYTES, [b"avcC", b"pasp", b"colr"]
    while at + 8 <= len(entry):
        size, kind = struct.unpack_from(">I4s", entry, at)
        if kind not in wanted or size < 8 or at + size > len(entry):
            raise ProofError("the description of the copy's pictures holds what it may not")
        wanted = wanted[wanted.index(kind) + 1 :]
        found[kind] = entry[at + 8 : at + size]
        at += size
    if at != len(entry) or b"avcC" not in found:
        raise ProofError("the description of the copy's pictures is not whole")
    aspect = (1, 1)
    if b"pasp" in found:
        if len(found[b"pasp"]) != 8:
            raise ProofError("the shape of the copy's pixels is not told as it must be")
        across, down = struct.unpack(">II", found[b"pasp"])
        aspect = (across, down)
    return width, height, sets_of(found[b"avcC"]), aspect


def sets_of(data: bytes) -> Sets:
    """Return what an avcC says; raise ProofError where it can not be read."""
    try:
        if data[0] != 1 or not data[5] & 31:
            raise ProofError("the parameters of the pictures are no avcC")
        sps, at = _units(data, 6, data[5] & 31, SPS)
        pps, _ = _units(data, at + 1, data[at], PPS)
    except IndexError:
        raise ProofError("the parameters of the pictures end too early") from None
    return Sets((data[4] & 3) + 1, sps, pps)


def _units(data: bytes, at: int, count: int, kind: int) -> tuple[tuple[bytes, ...], int]:
    units = []
    for _ in range(count):
        size = int.from_bytes(data[at : at + 2], "big")
        unit = data[at + 2 : at + 2 + size]
        if len(unit) != size or not size or unit[0] & 31 != kind:
            raise ProofError("a parameter set is cut off, or is none")
        units.append(unit)
        at += 2 + size
    return tuple(units), at


def check_sets(copy: Sets, original: Sets) -> None:
    """Raise ProofError unless the original's sets come first in the copy and keep their numbers."""
    if copy.length_size != original.length_size:
        raise ProofError("the copy cuts its pictures into units in another way than the original")
    for own, sealed, skip in ((copy.sps, original.sps, 4), (copy.pps, original.pps, 1)):
        if own[: len(sealed)] != sealed:
            raise ProofError("the parameters that the original's pictures decode with are not in the copy")
        taken = {_numbers(unit, skip, 1)[0] for unit in sealed}
        more = [_numbers(unit, skip, 1)[0] for unit in own[len(sealed) :]]
        if taken & set(more):
            raise ProofError("the copy exchanges parameters that the original's pictures decode with")


def _numbers(unit: bytes, skip: int, count: int) -> list[int]:
    """Return the first ue(v) after `skip` bytes of a unit, escapes taken out; raise ProofError."""
    data = unit[1:_HEAD_BYTES].replace(b"\0\0\3", b"\0\0")[skip - 1 :]
    bits, found, at = "".join(f"{byte:08b}" for byte in data[:16]), list[int](), 0
    for _ in range(count):
        zeros = bits.find("1", at) - at
        if zeros < 0 or zeros > 20 or len(bits) < at + 2 * zeros + 1:
            raise ProofError("a parameter set or a slice has no number")
        found.append(int(bits[at : at + 2 * zeros + 1], 2) - 1)
        at += 2 * zeros + 1
    return found


def named_by(sealed: Sets) -> frozenset[int]:
    """Return the numbers of the picture parameter sets that are sealed, and the sequence's they name, too."""
    sequences = {_numbers(unit, 4, 1)[0] for unit in sealed.sps}
    pairs = [_numbers(unit, 1, 2) for unit in sealed.pps]
    return frozenset(number for number, sequence in pairs if sequence in sequences)


def check_copied_units(units: Iterable[bytes], sealed: Sets, named: frozenset[int]) -> None:
    """Raise ProofError unless a copied picture decodes with `sealed` parameters, and changes none for others.

    Sets that came before it in the original, between its pictures, may not have been copied along.
    """
    for unit in units:
        kind = unit[0] & 31
        if kind in (SPS, PPS) and unit not in (*sealed.sps, *sealed.pps):
            raise ProofError("a copied picture brings parameters of its own along")
        if kind in (SLICE, PARTITION, IDR) and _numbers(unit, 1, 3)[2] not in named:
            raise ProofError("a copied picture decodes with parameters that are not sealed as the track's")


def kinds_of(data: bytes, length_size: int) -> Iterator[int]:
    """Yield the kind of each unit of a sample; raise ProofError where its units do not fill it."""
    for unit in units_of(data, length_size):
        yield unit[0] & 31


def units_of(data: bytes, length_size: int) -> Iterator[bytes]:
    """Yield each unit of a sample; raise ProofError where its units do not fill it."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + length_size], "big")
        at += length_size
        if not size or at + size > len(data):
            raise ProofError("the units of a picture of the copy do not fill it")
        yield data[at : at + size]
        at += size
