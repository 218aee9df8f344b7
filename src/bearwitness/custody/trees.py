"""Hidden trees: roots and proofs from leaf hashes; no I/O (docs/format.md, 2.2).

:class:`RunBuilder` takes the leaves of a file as they come and keeps one hash a level.
:func:`run_proof`, :func:`several_proof`, :func:`scatter` and :func:`slotted` give the proofs that
releases show.
"""

from __future__ import annotations

import bisect
import itertools
import operator
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from bearwitness.crypto.derive import derive, keyed
from bearwitness.errors import ProofError
from bearwitness_verify.leaves import HIDDEN_HEIGHTS
from bearwitness_verify.merkle import HASH_BYTES, node_hash, root_from_path

_CLIMB_AT: Final = 512  # leaves; to climb for the few of each piece took a twelfth of sealing a video


@dataclass(frozen=True)
class Proof:
    """Where a leaf stands and the sibling hashes from it to the root."""

    index: int
    path: tuple[bytes, ...]


def hidden_height(leaves: int) -> int:
    """Return the height of a hidden tree for `leaves` leaves: never more than half full."""
    for height in HIDDEN_HEIGHTS:
        if leaves <= 1 << height - 1:
            return height
    raise ProofError(f"{leaves} leaves are more than a hidden tree holds")


def filler(secret: bytes, level: int, index: int) -> bytes:
    """Return the node that stands for an absent subtree."""
    return derive(secret, b"filler", level, index)


class RunBuilder:
    """Builds the root of `count` consecutive leaves at a secret offset, a piece at a time."""

    def __init__(self, secret: bytes, count: int, *, single: bool = False, first: int | None = None) -> None:
        """`single`: one leaf is its own root (content); otherwise the tree is always hidden.

        `first`: where the run begins, if that is no secret.
        """
        self._secret = secret
        self._left = count
        self.height = 0 if single and count == 1 else hidden_height(count)
        secret_first = _offset(secret, self.height, count) if self.height else 0
        self.first = secret_first if first is None else first
        self._carry: list[bytes | None] = [None] * (self.height + 1)
        self._next = [self.first >> level for level in range(self.height + 1)]
        self._waiting: list[bytes] = []

    def extend(self, leaves: list[bytes]) -> None:
        """Add the next leaf hashes."""
        self._left -= len(leaves)
        self._waiting += leaves
        if len(self._waiting) >= _CLIMB_AT:
            self._climb(self._waiting, closing=False)
            self._waiting = []

    def root(self) -> bytes:
        """Return the root once all `count` leaves are in; raise ProofError before."""
        if self._left:
            raise ProofError(f"{self._left} leaves of a run are missing")
        self._climb(self._waiting, closing=True)
        self._waiting = []
        root = self._carry[self.height]
        if root is None:
            raise ProofError("a run without leaves has no root")
        return root

    def _climb(self, nodes: list[bytes], *, closing: bool) -> None:
        for level in range(self.height):
            carried = self._carry[level]
            index = self._next[level]  # of the first node in `nodes`
            self._next[level] = index + len(nodes)
            if carried is not None:
                nodes = [carried, *nodes]
                index -= 1
            elif nodes and index & 1:
                nodes = [filler(self._secret, level, index - 1), *nodes]
                index -= 1
            if closing and len(nodes) & 1:
                nodes = [*nodes, filler(self._secret, level, index + len(nodes))]
            self._carry[level] = nodes.pop() if len(nodes) & 1 else None
            nodes = pair_up(nodes)
        if nodes:
            self._carry[self.height] = nodes[0]


def _offset(secret: bytes, height: int, count: int) -> int:
    return int.from_bytes(derive(secret, b"offset", 0)[:8], "big") % ((1 << height) - count + 1)


def pair_up(nodes: Sequence[bytes]) -> list[bytes]:
    """Return the parents of an even number of nodes."""
    return [sha256(b"\x01" + a + b).digest() for a, b in zip(nodes[::2], nodes[1::2], strict=True)]


@dataclass(frozen=True)
class RunProof:
    """Consecutive leaves of a hidden tree and the hashes at their edges, from the leaves up."""

    first: int
    height: int
    left: tuple[bytes, ...]
    right: tuple[bytes, ...]


def run_proof(
    leaves: Sequence[bytes], secret: bytes, begin: int, end: int, *, single: bool = False
) -> RunProof:
    """Return the proof that leaves `begin`…`end`-1 of the run `leaves` stand together in its tree."""
    if not 0 <= begin < end <= len(leaves):
        raise ProofError(f"leaves {begin} to {end} are not in a run of {len(leaves)}")
    builder = RunBuilder(secret, len(leaves), single=single)
    nodes, index = list(leaves), builder.first
    low, high = index + begin, index + end - 1
    left, right = [], []
    for level in range(builder.height):
        if index & 1:
            index -= 1
            nodes.insert(0, filler(secret, level, index))
        if len(nodes) & 1:
            nodes.append(filler(secret, level, index + len(nodes)))
        if low & 1:
            left.append(nodes[low - 1 - index])
        if not high & 1:
            right.append(nodes[high + 1 - index])
        nodes, index, low, high = pair_up(nodes), index >> 1, low >> 1, high >> 1
    return RunProof(builder.first + begin, builder.height, tuple(left), tuple(right))


@dataclass(frozen=True)
class SeveralProof:
    """Leaves of a hidden tree, their indices in it, and the siblings that are not known, level by level."""

    height: int
    indices: tuple[int, ...]
    hashes: tuple[bytes, ...]


def several_proof(
    leaves: Sequence[bytes],
    secret: bytes,
    wanted: Sequence[int],
    *,
    single: bool = False,
    first: int | None = None,
) -> SeveralProof:
    """Return the proof of the leaves `wanted` (ascending numbers) of the run `leaves` (format.md, 11.1).

    `single` and `first` are those of the run's :class:`RunBuilder`.
    """
    if not wanted or wanted[0] < 0 or wanted[-1] >= len(leaves):
        raise ProofError(f"leaves asked for are not in a run of {len(leaves)}")
    builder = RunBuilder(secret, len(leaves), single=single, first=first)
    nodes, index = list(leaves), builder.first
    indices = tuple(index + number for number in wanted)
    known, hashes = list(indices), []
    for level in range(builder.height):
        if index & 1:
            index -= 1
            nodes.insert(0, filler(secret, level, index))
        if len(nodes) & 1:
            nodes.append(filler(secret, level, index + len(nodes)))
        there = set(known)
        hashes += [nodes[(node ^ 1) - index] for node in known if node ^ 1 not in there]
        known = sorted({node >> 1 for node in known})
        nodes, index = pair_up(nodes), index >> 1
    return SeveralProof(builder.height, indices, tuple(hashes))


@dataclass(frozen=True)
class Scattered:
    """A delivery's tree: height, root, and proofs of the leaves asked for."""

    height: int
    root: bytes
    proofs: Mapping[bytes, Proof]


def scatter(leaves: Iterable[bytes], secret: bytes, wanted: Iterable[bytes] = ()) -> Scattered:
    """Build the tree of distinct `leaves` at secret places; prove those `wanted`."""
    ordered = sorted(leaves)
    if any(map(operator.eq, ordered, itertools.islice(ordered, 1, None))):
        raise ProofError("two leaves of a delivery are the same")
    height = hidden_height(len(ordered))
    taken = _places(len(ordered), height, secret)
    wanted = set(wanted)
    where = {leaf: place for leaf, place in zip(ordered, taken, strict=True) if leaf in wanted}
    if len(where) < len(wanted):
        raise ProofError("a leaf to be proven is not in the delivery")
    nodes = bytearray().join(ordered[i] for i in sorted(range(len(taken)), key=taken.__getitem__))
    del ordered
    indices = array("Q", sorted(taken))
    paths: dict[bytes, list[bytes]] = {leaf: [] for leaf in where}
    for level in range(height):
        for leaf, path in paths.items():
            sibling = where[leaf] >> level ^ 1
            path.append(_node_at(indices, nodes, sibling) or filler(secret, level, sibling))
        indices, nodes = _next_level(indices, nodes, secret, level)
    proofs = {leaf: Proof(where[leaf], tuple(path)) for leaf, path in paths.items()}
    return Scattered(height, bytes(nodes), proofs)


def _node_at(indices: array[int], nodes: bytearray, index: int) -> bytes | None:
    position = bisect.bisect_left(indices, index)
    if position == len(indices) or indices[position] != index:
        return None
    return bytes(nodes[position * HASH_BYTES : (position + 1) * HASH_BYTES])


def _places(count: int, height: int, secret: bytes) -> array[int]:
    shift, places, counter = 32 - height, array("Q"), 0
    taken = bytearray(1 << height - 3)
    while len(places) < count:
        words = array("I", derive(secret, b"place", counter))
        if sys.byteorder == "little":
            words.byteswap()
        counter += 1
        for word in words:
            place = word >> shift
            byte, bit = place >> 3, 1 << (place & 7)
            if not taken[byte] & bit:
                taken[byte] |= bit
                places.append(place)
    del places[count:]  # the last words may have given more than were wanted
    return places


def _next_level(
    indices: array[int], nodes: bytearray, secret: bytes, level: int
) -> tuple[array[int], bytearray]:
    """Return indices and hashes (packed, 32 bytes each) of the parents of the real nodes of `level`."""
    head = keyed(secret) + b"filler" + level.to_bytes(8, "big")
    above, parents = array("Q"), bytearray()
    position, end = 0, len(indices)
    while position < end:
        index, at = indices[position], position * HASH_BYTES
        position += 1
        if index & 1:
            pair = bytearray(sha256(head + (index - 1).to_bytes(8, "big")).digest()) + nodes[at : at + 32]
        elif position < end and indices[position] == index + 1:
            pair = nodes[at : at + 64]
            position += 1
        else:
            pair = nodes[at : at + 32] + sha256(head + (index + 1).to_bytes(8, "big")).digest()
        above.append(index >> 1)
        parents += sha256(b"\x01" + pair).digest()
    return above, parents


def slotted(leaves: Mapping[int, bytes], height: int, secret: bytes) -> tuple[bytes, dict[int, Proof]]:
    """Return the root of `leaves` (by slot) and the proof of each."""
    level_nodes = dict(leaves)
    paths: dict[int, list[bytes]] = {slot: [] for slot in leaves}
    for level in range(height):
        for slot, path in paths.items():
            sibling = slot >> level ^ 1
            path.append(level_nodes.get(sibling) or filler(secret, level, sibling))
        level_nodes = {
            parent: node_hash(
                level_nodes.get(2 * parent) or filler(secret, level, 2 * parent),
                level_nodes.get(2 * parent + 1) or filler(secret, level, 2 * parent + 1),
            )
            for parent in {index >> 1 for index in level_nodes}
        }
    proofs = {slot: Proof(slot, tuple(path)) for slot, path in paths.items()}
    for slot, proof in proofs.items():
        root_from_path(slot, height, leaves[slot], proof.path)
    return level_nodes[0], proofs
