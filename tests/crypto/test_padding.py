"""Padmé: what the paper promises of it."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from bearwitness.crypto.padding import padded_length
from scale import ALL, examples


def by_the_paper(length: int) -> int:
    """Algorithm 1 of Nikitin et al. as it stands there; docs/format.md, 1.3 says the same."""
    if length < 2:
        return length
    exponent = math.floor(math.log2(length))
    significant = math.floor(math.log2(exponent)) + 1 if exponent else 1
    unit = 2 ** (exponent - significant) if exponent >= significant else 1
    return -(-length // unit) * unit


def test_every_small_length_is_padded_as_the_paper_does() -> None:
    for length in range(1 << (20 if ALL else 16)):
        assert padded_length(length) == by_the_paper(length)


@examples(300)
@given(st.integers(2, 2**50))
def test_every_length_is_padded_as_the_paper_does_and_within_its_bounds(length: int) -> None:
    padded = padded_length(length)
    exponent = length.bit_length() - 1
    unit = 2 ** max(0, exponent - exponent.bit_length())
    assert padded == -(-length // unit) * unit
    assert 0 <= padded - length < max(1, length * 0.12)
    assert padded_length(padded) == padded
    assert padded_length(length + 1) >= padded


def test_packs_of_the_usual_size_grow_by_little_more_than_three_percent_at_most() -> None:
    worst = max(padded_length(length) / length for length in range(8 << 20, 16 << 20, 997))
    assert worst < 1.032


def test_at_most_log_log_many_lengths_can_be_told_apart() -> None:
    """What is left to tell is O(log log M) bits: that many sizes in each doubling, not as many as lengths."""
    for exponent in range(4, 16):
        seen = {padded_length(length) for length in range(1 << exponent, 2 << exponent)}
        assert len(seen) <= 2 ** exponent.bit_length() + 1
