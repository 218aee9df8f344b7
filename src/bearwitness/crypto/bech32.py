"""Bech32 (BIP 173) without its length limit, as age writes recipients and identities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from bearwitness_verify.errors import MalformedError

_ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_LENGTH: Final = 6


def encode(prefix: str, data: bytes) -> str:
    """Return the lowercase Bech32 text of `data` under the human-readable `prefix`."""
    values = _regroup(data, 8, 5, pad=True)
    spread = _spread(prefix)
    polymod = _polymod([*spread, *values, *[0] * _CHECKSUM_LENGTH]) ^ 1
    checksum = [polymod >> 5 * (5 - i) & 31 for i in range(_CHECKSUM_LENGTH)]
    return prefix + "1" + "".join(_ALPHABET[v] for v in [*values, *checksum])


def decode(prefix: str, text: str) -> bytes:
    """Return the bytes of Bech32 `text`; raise MalformedError if it or its prefix is wrong."""
    lower = text.lower()
    one_case = text.isascii() and text in (lower, text.upper())  # the Kelvin sign is a k in lower case
    if not one_case or not lower.startswith(prefix + "1"):
        raise MalformedError(f"the text does not begin with {prefix}1")
    symbols = lower[len(prefix) + 1 :]
    if len(symbols) < _CHECKSUM_LENGTH or any(c not in _ALPHABET for c in symbols):
        raise MalformedError("the text is not Bech32")
    values = [_ALPHABET.index(c) for c in symbols]
    if _polymod([*_spread(prefix), *values]) != 1:
        raise MalformedError("the text has a typing error: its checksum is wrong")
    data = bytes(_regroup(values[:-_CHECKSUM_LENGTH], 5, 8, pad=False))
    if encode(prefix, data) != lower:
        raise MalformedError("the text is not canonical Bech32")
    return data


def _spread(prefix: str) -> list[int]:
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def _polymod(values: Iterable[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            if top >> bit & 1:
                checksum ^= generator
    return checksum


def _regroup(data: Sequence[int], width: int, into: int, *, pad: bool) -> list[int]:
    accumulator = bits = 0
    out = []
    for value in data:
        accumulator = (accumulator << width | value) & 0xFFFFF
        bits += width
        while bits >= into:
            bits -= into
            out.append(accumulator >> bits & (1 << into) - 1)
    if pad and bits:
        out.append(accumulator << into - bits & (1 << into) - 1)
    return out
