"""The index finds exactly what comparing with everything finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scale import examples

from bearwitness.signals import hashsearch
from bearwitness.signals.hashing import distances
from bearwitness.signals.hashsearch import HashSearch


def planted(rng: np.random.Generator, count: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (hashes, queries): around each query lie hashes 0 to `most` bits away, among unrelated ones."""
    queries = rng.integers(0, 256, (6, 32), dtype=np.uint8)
    near = np.repeat(queries, count, axis=0)
    for row in near:
        bits = rng.choice(256, rng.integers(0, most + 1), replace=False)
        np.bitwise_xor.at(row, bits // 8, (128 >> (bits % 8)).astype(np.uint8))
    rest = rng.integers(0, 256, (count * 20, 32), dtype=np.uint8)
    hashes = np.concatenate([near, rest])
    return hashes[rng.permutation(len(hashes))], queries


@pytest.mark.parametrize("threads", [1, 3])
@given(seed=st.integers(0, 10_000), radius=st.sampled_from([0, 7, 30, 31]))
@examples(4)
def test_tables_and_brute_force_agree_to_the_last_hash(threads: int, seed: int, radius: int) -> None:
    hashes, queries = planted(np.random.default_rng(seed), 60, 36)
    index = HashSearch(hashes, small=0)
    hits = index.within(queries, radius, threads)
    for number, query in enumerate(queries):
        apart = distances(query.tobytes(), hashes)
        wanted = np.nonzero(apart <= radius)[0]
        mine = hits.query == number
        assert hits.found[mine].tolist() == wanted.tolist()
        assert hits.distance[mine].tolist() == apart[wanted].tolist()


def test_a_small_index_gives_the_same_answer_without_tables() -> None:
    hashes, queries = planted(np.random.default_rng(5), 30, 40)
    one, other = (HashSearch(hashes, small=small).within(queries) for small in (0, 10_000))
    assert one.found.tolist() == other.found.tolist()


def test_the_allowances_leave_no_hash_within_31_bits_out() -> None:
    assert sum(allowed + 1 for allowed in hashsearch._ALLOWED) == hashsearch.RADIUS + 1


def test_a_radius_the_tables_can_not_promise_is_refused() -> None:
    with pytest.raises(ValueError, match="31"):
        HashSearch(np.zeros((1, 32), np.uint8)).within(np.zeros((1, 32), np.uint8), 32)


def test_an_empty_index_finds_nothing() -> None:
    assert not len(HashSearch(np.empty((0, 32), np.uint8)).within(np.zeros((2, 32), np.uint8)).found)
