"""Copied pictures count as the original's only where they decode with the parameters that were sealed."""

from __future__ import annotations

import re

import pytest

from bearwitness_verify.copy_units import Sets, check_copied_units, named_by
from bearwitness_verify.errors import ProofError


def bits_of(*numbers: int) -> str:
    """Return the bits of numbers as ue(v) (ITU-T H.264, 9.1)."""
    return "".join(f"{n + 1:b}".zfill(2 * (n + 1).bit_length() - 1) for n in numbers)


def unit(kind: int, *numbers: int, before: bytes = b"") -> bytes:
    """Return a unit of `kind` that begins with these numbers, after some bytes; escapes are put in."""
    bits = bits_of(*numbers) + "1"
    bits += "0" * (-len(bits) % 8)
    data = before + int(bits, 2).to_bytes(len(bits) // 8, "big") + b"\x80"
    return bytes([0x60 | kind]) + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", data)


def sps(number: int) -> bytes:
    return unit(7, number, before=b"\x64\x00\x1f")


SEALED = Sets(4, (sps(0), sps(3)), (unit(8, 0, 0), unit(8, 2, 3), unit(8, 7, 5)))
GOOD = (
    [unit(5, 0, 7, 0), unit(1, 3600, 2, 2), unit(1, 138_239, 9, 0)],
    [unit(9), sps(0), unit(8, 2, 3), unit(6, 40), unit(2, 1, 0, 2)],
    [],
)
BAD = (
    [unit(5, 0, 7, 1)],  # a set that may have stood between the original's pictures
    [unit(5, 0, 7, 0), unit(1, 40, 7, 7)],  # sealed, but names a sequence's that is not
    [unit(5, 0, 7, 0), unit(8, 0, 0, 1)],  # exchanges a set for all that follow
    [sps(1), unit(5, 0, 7, 0)],
    [unit(2, 0, 7, 9)],
    [b"\x65"],
)


def test_pictures_that_name_sealed_sets_are_taken() -> None:
    assert named_by(SEALED) == {0, 2}
    for units in GOOD:
        check_copied_units(units, SEALED, named_by(SEALED))


@pytest.mark.parametrize("units", BAD)
def test_a_picture_that_decodes_with_other_sets_is_refused(units: list[bytes]) -> None:
    with pytest.raises(ProofError):
        check_copied_units(units, SEALED, named_by(SEALED))
