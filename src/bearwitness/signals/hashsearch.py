"""All hashes within 31 of 256 bits of a query, among up to ten million: exact, without comparing with all of
them.

Multi-index hashing (Norouzi et al. 2012) with the general pigeonhole principle: the 256 bits are dealt to 12
tables. Were every table's part further away than its allowance (2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1), the
whole would be at least 8 · 3 + 4 · 2 = 32 away. So looking up each part with up to 2 (or 1) bits flipped
meets everything within 31, and each candidate is then compared whole.

Memory: 32 bytes a hash, 4 bytes a hash and table, 16 MiB a table: 1.0 GB for ten million.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bearwitness.signals.arrays import Bits, Ints

RADIUS = 31
_ALLOWED = (2,) * 8 + (1,) * 4
_TABLES = len(_ALLOWED)
_SMALL = 100_000  # up to here comparing with all is as fast
_SLICE = 200_000

Words = NDArray[np.uint64]
Keys = NDArray[np.uint32]
Counts = NDArray[np.uint16]


@dataclass(frozen=True)
class Hits:
    """What was found: query[i] and found[i] (row numbers) are distance[i] bits apart; sorted by query, then
    found.
    """

    query: Ints
    found: Ints
    distance: Ints


@dataclass(frozen=True)
class _Table:
    """Rows in order of their key: those with key k are rows[starts[k]:starts[k + 1]]. masks: the bits to
    flip.
    """

    bits: int
    rows: Keys
    starts: Keys
    masks: Keys


class HashSearch:
    """An index over hashes (n, 32); it keeps a copy of them.

    Raises ValueError if the shape is another or there are more than 2³² rows.
    """

    def __init__(self, hashes: Bits, small: int = _SMALL) -> None:
        if hashes.ndim != 2 or hashes.shape[1] != 32 or len(hashes) >= 2**32:
            raise ValueError(f"hashes must be rows of 32 bytes, fewer than 2**32 of them, not {hashes.shape}")
        self._order = _likely_neighbours(hashes)
        self._hashes = hashes[self._order]
        self._words: Words = self._hashes.view(np.uint64)
        self._tables: list[_Table] = []
        if len(hashes) > small:
            self._tables = [self._build(number) for number in range(_TABLES)]

    def __len__(self) -> int:
        return len(self._hashes)

    def _build(self, number: int) -> _Table:
        size = len(range(number, 256, _TABLES))
        count = len(self._hashes)
        joined = np.empty(count, dtype=np.uint64)  # key above, row below: one sort puts both in order
        for start in range(0, count, _SLICE):
            part = self._hashes[start : start + _SLICE]
            rows = np.arange(start, start + len(part), dtype=np.uint64)
            joined[start : start + len(part)] = _key(part, number).astype(np.uint64) << np.uint64(32) | rows
        joined.sort()
        keys = (joined >> np.uint64(32)).astype(np.uint32)
        starts = np.zeros((1 << size) + 1, dtype=np.uint32)
        np.cumsum(np.bincount(keys, minlength=1 << size), out=starts[1:])
        return _Table(size, joined.astype(np.uint32), starts, _masks(size, _ALLOWED[number]))

    def within(self, queries: Bits, radius: int = RADIUS, threads: int = 1) -> Hits:
        """Return everything at most `radius` bits from each query (m, 32); threads share the queries.

        Raises ValueError for a radius over 31: the tables would miss some.
        """
        if not 0 <= radius <= RADIUS:
            raise ValueError(f"this index finds everything within 0 to {RADIUS} bits, not within {radius}")
        queries = np.ascontiguousarray(queries, dtype=np.uint8).reshape(-1, 32)
        parts = [np.arange(start, len(queries), threads) for start in range(threads)]
        with ThreadPoolExecutor(threads) as pool:  # NumPy lets go of the interpreter's lock in its long steps
            found = list(pool.map(lambda part: self._some(queries, part, radius), parts))
        joined = np.concatenate(found, axis=1)
        order = np.lexsort((joined[1], joined[0]))
        return Hits(*joined[:, order])

    def _some(self, queries: Bits, numbers: Ints, radius: int) -> Ints:
        """Return (3, k): query, row as the caller counts them, distance."""
        find = self._look_up if self._tables else self._scan
        seen = np.zeros(len(self._hashes), dtype=np.bool_)
        found = [np.empty((3, 0), dtype=np.int64)]
        for number in numbers:
            rows, apart = find(queries[number], radius, seen)
            found.append(np.stack([np.full(len(rows), number), self._order[rows].astype(np.int64), apart]))
        return np.concatenate(found, axis=1)

    def _scan(self, query: Bits, radius: int, seen: NDArray[np.bool_]) -> tuple[Keys, Counts]:
        del seen
        apart = self._apart(query, None)
        rows = np.nonzero(apart <= radius)[0]
        return rows.astype(np.uint32), apart[rows]

    def _look_up(self, query: Bits, radius: int, seen: NDArray[np.bool_]) -> tuple[Keys, Counts]:
        """Look up one query; `seen` is all False before and after."""
        met = []
        for rows in self._candidates(query):
            fresh = rows[~seen[rows]]
            seen[fresh] = True
            met.append(fresh)
        candidates = np.concatenate(met)
        seen[candidates] = False
        apart = self._apart(query, candidates)
        near = apart <= radius
        return candidates[near], apart[near]

    def _candidates(self, query: Bits) -> Iterator[Keys]:
        """Yield, table by table, the rows whose part is close enough; within a table no row comes twice."""
        for number, table in enumerate(self._tables):
            probes = _key(query[None], number)[0] ^ table.masks
            first, last = table.starts[probes], table.starts[probes + np.uint32(1)]
            filled = last > first
            first, lengths = first[filled].astype(np.int64), (last[filled] - first[filled]).astype(np.int64)
            if len(first):
                jumps = first - np.concatenate([[0], np.cumsum(lengths)[:-1]])
                yield table.rows[np.repeat(jumps, lengths) + np.arange(int(lengths.sum()))]

    def _apart(self, query: Bits, rows: Keys | None) -> Counts:
        wanted = query.view(np.uint64)
        words = self._words if rows is None else self._words[rows]
        apart: Counts = np.bitwise_count(words ^ wanted).sum(axis=1, dtype=np.uint16)
        return apart


def _likely_neighbours(hashes: Bits) -> Keys:
    """Return an order that puts look-alikes close together in memory: by the 16 coarsest coefficients.

    Candidates of one query are then read from few places; at ten million this is most of the time.
    """
    coarse = np.zeros(len(hashes), dtype=np.uint16)
    for start in range(0, len(hashes), _SLICE):
        part = hashes[start : start + _SLICE, :8:2] >> 4
        coarse[start : start + _SLICE] = part.astype(np.uint16) @ np.array(
            [4096, 256, 16, 1], dtype=np.uint16
        )
    return np.argsort(coarse, kind="stable").astype(np.uint32)


def _key(hashes: Bits, number: int) -> Keys:
    """Return the part of each hash that goes to a table: every 12th bit, so that no table gets only coarse
    detail.
    """
    dealt = np.unpackbits(hashes, axis=1)[:, number::_TABLES]
    size = dealt.shape[1]
    packed = np.packbits(dealt, axis=1).astype(np.uint32)
    key = packed[:, 0] << 16 | packed[:, 1] << 8 | packed[:, 2]
    return np.asarray(key >> (24 - size), dtype=np.uint32)


def _masks(size: int, flips: int) -> Keys:
    """Return all numbers of `size` bits with at most `flips` ones."""
    chosen = [
        sum(1 << bit for bit in each)
        for count in range(flips + 1)
        for each in combinations(range(size), count)
    ]
    return np.array(chosen, dtype=np.uint32)
