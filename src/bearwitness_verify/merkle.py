"""Hashes and proofs of RFC 6962 trees; no I/O (docs/format.md, 2.2 and 2.3).

The log is a dense tree (:func:`verify_inclusion`, :func:`verify_consistency`). All other trees are
hidden trees of exactly 2**height leaves (:func:`root_from_path`, :func:`root_from_run`,
:func:`root_from_several`).
Failure raises ProofError; nothing here returns True.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import pairwise

from .errors import ProofError

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of leaf `data` (RFC 6962, 2.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 6962, 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root of the dense tree over `leaf_hashes`, in order."""
    if not leaf_hashes:
        return EMPTY_ROOT
    level = list(leaf_hashes)
    while len(level) > 1:
        odd = [level[-1]] if len(level) % 2 else []
        level = [node_hash(a, b) for a, b in zip(level[::2], level[1::2], strict=False)] + odd
    return level[0]


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that `leaf` (a hash) is number `index` of the dense tree of `size` leaves with `root`.

    The algorithm is that of RFC 9162, 2.1.3.2. Raises ProofError.
    """
    if not 0 <= index < size:
        raise ProofError(f"index {index} is beyond a tree of {size} leaves")
    _check_hashes(leaf, root, *proof)
    node_index, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("the inclusion proof is too long")
        if node_index & 1 or node_index == last:
            node = node_hash(sibling, node)
            while not node_index & 1 and node_index:
                node_index, last = node_index >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        node_index, last = node_index >> 1, last >> 1
    if last != 0:
        raise ProofError("the inclusion proof is too short")
    if node != root:
        raise ProofError("the inclusion proof leads to another root")


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the dense tree of `new_size` continues the one of `old_size` (RFC 9162, 2.1.4.2).

    From the empty tree nothing can be proven: `old_size` is at least 1. Raises ProofError.
    """
    if not 1 <= old_size <= new_size:
        raise ProofError(f"a tree of {new_size} leaves can not be shown to continue one of {old_size}")
    _check_hashes(*proof)
    if old_size == new_size:
        if proof:
            raise ProofError("the consistency proof should be empty")
        if old_root != new_root:
            raise ProofError("two trees of the same size have different roots")
        return
    if not proof:
        raise ProofError("the consistency proof is empty")
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    node_index, last = old_size - 1, new_size - 1
    while node_index & 1:
        node_index, last = node_index >> 1, last >> 1
    old_node = new_node = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError("the consistency proof is too long")
        if node_index & 1 or node_index == last:
            old_node, new_node = node_hash(sibling, old_node), node_hash(sibling, new_node)
            while not node_index & 1 and node_index:
                node_index, last = node_index >> 1, last >> 1
        else:
            new_node = node_hash(new_node, sibling)
        node_index, last = node_index >> 1, last >> 1
    if last != 0:
        raise ProofError("the consistency proof is too short")
    if old_node != old_root:
        raise ProofError("the consistency proof does not lead to the old root")
    if new_node != new_root:
        raise ProofError("the consistency proof does not lead to the new root")


def root_from_path(index: int, height: int, leaf: bytes, path: Sequence[bytes]) -> bytes:
    """Return the root of a tree of 2**height leaves in which `leaf` stands at `index` along `path`."""
    if not 0 <= index < 1 << height:
        raise ProofError(f"index {index} is beyond a tree of height {height}")
    if len(path) != height:
        raise ProofError(f"a proof of {len(path)} hashes does not fit a tree of height {height}")
    _check_hashes(leaf, *path)
    node = leaf
    for level, sibling in enumerate(path):
        node = node_hash(sibling, node) if index >> level & 1 else node_hash(node, sibling)
    return node


def root_from_run(
    first: int, height: int, leaves: Sequence[bytes], left: Sequence[bytes], right: Sequence[bytes]
) -> bytes:
    """Return the root of a tree of 2**height leaves that holds `leaves` from index `first` on.

    `left` and `right` are the hashes at the edges, from the leaves up (docs/format.md, 2.3).
    """
    if not leaves or first < 0 or first + len(leaves) > 1 << height:
        raise ProofError(f"a run of {len(leaves)} leaves from {first} does not fit height {height}")
    _check_hashes(*left, *right)
    lefts, rights = list(reversed(left)), list(reversed(right))
    level, index = list(leaves), first
    try:
        for _ in range(height):
            if index & 1:
                level.insert(0, lefts.pop())
                index -= 1
            if len(level) & 1:
                level.append(rights.pop())
            level = [node_hash(a, b) for a, b in zip(level[::2], level[1::2], strict=True)]
            index >>= 1
    except IndexError:
        raise ProofError("the proof of the run lacks hashes") from None
    if lefts or rights:
        raise ProofError("the proof of the run has hashes too many")
    return level[0]


def root_from_several(
    indices: Sequence[int], height: int, leaves: Sequence[bytes], hashes: Sequence[bytes]
) -> bytes:
    """Return the root of a tree of 2**height leaves that holds `leaves` at ascending `indices`.

    `hashes` are the siblings that are not known, from the leaves up and from low to high
    (docs/format.md, 11.1).
    """
    ascending = all(low < high for low, high in pairwise(indices))
    if not leaves or not ascending or indices[0] < 0 or indices[-1] >= 1 << height:
        raise ProofError(f"the leaves shown do not stand in order in a tree of height {height}")
    _check_hashes(*hashes)
    siblings = iter(hashes)
    level = list(zip(indices, leaves, strict=True))
    try:
        for _ in range(height):
            level = _pair(level, siblings)
    except StopIteration:
        raise ProofError("the proof of the leaves lacks hashes") from None
    if next(siblings, None) is not None:
        raise ProofError("the proof of the leaves has hashes too many")
    return level[0][1]


def _pair(level: Sequence[tuple[int, bytes]], siblings: Iterator[bytes]) -> list[tuple[int, bytes]]:
    """Return the parents of known nodes of one level; what is not known comes from `siblings`."""
    above, at = [], 0
    while at < len(level):
        index, node = level[at]
        at += 1
        if index & 1:
            parent = node_hash(next(siblings), node)
        elif at < len(level) and level[at][0] == index + 1:
            parent = node_hash(node, level[at][1])
            at += 1
        else:
            parent = node_hash(node, next(siblings))
        above.append((index >> 1, parent))
    return above


def _check_hashes(*hashes: bytes) -> None:
    if any(len(h) != HASH_BYTES for h in hashes):
        raise ProofError("a hash in the proof does not have 32 bytes")
