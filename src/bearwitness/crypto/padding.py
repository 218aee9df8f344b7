"""Padmé: how far a pack is padded (docs/format.md, 1.3)."""

from __future__ import annotations


def padded_length(length: int) -> int:
    """Return `length` rounded up as Padmé does (Nikitin et al., PETS 2019, algorithm 1)."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    last_bits = exponent - exponent.bit_length()
    mask = (1 << max(last_bits, 0)) - 1
    return length + mask & ~mask
