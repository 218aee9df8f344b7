"""Proofs of RFC 6962: what is made verifies, what is altered in any way is refused, others' vectors agree."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive
from bearwitness.custody.log import consistency_proof, inclusion_proof
from bearwitness_verify import merkle
from bearwitness_verify.errors import ProofError
from scale import ALL, examples, sample

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "rfc6962-proofs.json").read_text())["cases"]
SIZES = range(1, 301)
LEAVES = [merkle.leaf_hash(str(n).encode()) for n in range(SIZES[-1])]
ROOTS = [merkle.root_of(LEAVES[:n]) for n in range(len(LEAVES) + 1)]


def unb64(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def holds(check: Callable[..., object], *arguments: Any) -> bool:
    try:
        check(*arguments)
    except ProofError:
        return False
    return True


# --- Vectors of transparency-dev/merkle ---------------------------------------------------------


def published(kind: str) -> list[Any]:
    found = [pytest.param(case, id=name) for name, case in VECTORS.items() if name.startswith(kind)]
    assert len(found) > 50
    return found


def test_the_published_vectors_are_all_there_right_and_wrong() -> None:
    assert len(VECTORS) == len(published("inclusion")) + len(published("consistency"))
    assert 0 < sum(case["wantErr"] for case in VECTORS.values()) < len(VECTORS)


@pytest.mark.parametrize("case", published("inclusion"))
def test_a_published_inclusion_proof_is_judged_as_its_authors_do(case: dict[str, Any]) -> None:
    proof = [unb64(h) for h in case["proof"] or []]
    index, size, leaf, root = case["leafIdx"], case["treeSize"], case["leafHash"], case["root"]
    assert holds(merkle.verify_inclusion, index, size, unb64(leaf), proof, unb64(root)) is not case["wantErr"]


@pytest.mark.parametrize("case", published("consistency"))
def test_a_published_consistency_proof_is_judged_as_its_authors_do(case: dict[str, Any]) -> None:
    proof = [unb64(h) for h in case["proof"] or []]
    old, new = case["size1"], case["size2"]
    if old == 0:  # transparency-dev accepts an empty proof from an empty tree; here nothing follows from it
        assert not holds(merkle.verify_consistency, 0, new, unb64(case["root1"]), unb64(case["root2"]), proof)
        return
    assert (
        holds(merkle.verify_consistency, old, new, unb64(case["root1"]), unb64(case["root2"]), proof)
        is not case["wantErr"]
    )


# --- Against the definition ---------------------------------------------------------------------


def test_roots_are_those_that_rfc_6962_defines() -> None:
    assert [naive.mth(LEAVES[:n]) for n in range(len(LEAVES) + 1)] == ROOTS
    # RFC 6962 2.1: the hash of an empty list is the hash of an empty string
    assert ROOTS[0] == merkle.EMPTY_ROOT == sha256(b"").digest()


@pytest.mark.parametrize("size", SIZES)
def test_entries_of_every_log_have_the_proof_that_rfc_6962_defines_and_it_holds(size: int) -> None:
    leaves, compared = LEAVES[:size], sample(range(size), 12)
    for index in sorted({*sample(range(size), 40), *compared}):
        proof = inclusion_proof(leaves, index)
        merkle.verify_inclusion(index, size, leaves[index], proof, ROOTS[size])
        assert index not in compared or proof == naive.inclusion(index, leaves)


@pytest.mark.parametrize("size", SIZES)
def test_every_log_is_shown_to_continue_every_earlier_one_as_rfc_6962_defines(size: int) -> None:
    leaves, compared = LEAVES[:size], sample(range(1, size + 1), 12)
    for old in sorted({*sample(range(1, size + 1), 40), *compared}):
        proof = consistency_proof(leaves, old)
        merkle.verify_consistency(old, size, ROOTS[old], ROOTS[size], proof)
        assert old not in compared or proof == naive.consistency(old, leaves)


# --- Altered proofs -----------------------------------------------------------------------------


def altered(proof: list[bytes]) -> list[list[bytes]]:
    """Return `proof` shortened, lengthened, reordered and with bits turned, every one different from it."""
    flips = [(n, bit) for n in range(len(proof)) for bit in range(256)]
    out = [
        [*proof[:n], flip(proof[n], bit), *proof[n + 1 :]]
        for n, bit in sample(flips, max(2, len(proof) * 3) if not ALL else len(flips))
    ]
    out += [[*proof[:n], *proof[n + 1 :]] for n in range(len(proof))]
    out += [
        [*proof[:n], extra, *proof[n:]] for n in range(len(proof) + 1) for extra in (bytes(32), LEAVES[0])
    ]
    out += [
        [*proof[:n], proof[n + 1], proof[n], *proof[n + 2 :]]
        for n in range(len(proof) - 1)
        if proof[n] != proof[n + 1]
    ]
    out += [[*proof[:-1], proof[-1][:31]], [*proof[:-1], proof[-1] + b"\x00"]] if proof else []
    return out


def flip(data: bytes, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


@pytest.mark.parametrize("size", sample([1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 32, 33, 100, 255, 256, 257, 300], 17))
def test_an_altered_inclusion_proof_is_refused(size: int) -> None:
    leaves = LEAVES[:size]
    for index in sample(range(size), 5):
        proof, leaf, root = inclusion_proof(leaves, index), leaves[index], ROOTS[size]
        for wrong in altered(proof):
            assert not holds(merkle.verify_inclusion, index, size, leaf, wrong, root)
        for other in {index - 1, index + 1, size - 1 - index, -1, size} - {index}:
            assert not holds(merkle.verify_inclusion, other, size, leaf, proof, root)
        assert not holds(merkle.verify_inclusion, index, size, flip(leaf, 7), proof, root)
        assert not holds(merkle.verify_inclusion, index, size, leaf, proof, flip(root, 255))
        assert not holds(merkle.verify_inclusion, index, size, leaf + b"\x00", proof, root)


@pytest.mark.parametrize("size", sample([2, 3, 4, 5, 6, 7, 8, 9, 31, 32, 33, 100, 255, 256, 257, 300], 16))
def test_an_altered_consistency_proof_is_refused(size: int) -> None:
    for old in sample(range(1, size + 1), 6):
        proof = consistency_proof(LEAVES[:size], old)
        for wrong in altered(proof):
            assert not holds(merkle.verify_consistency, old, size, ROOTS[old], ROOTS[size], wrong)
        assert not holds(merkle.verify_consistency, old, size, flip(ROOTS[old], 0), ROOTS[size], proof)
        assert not holds(merkle.verify_consistency, old, size, ROOTS[old], flip(ROOTS[size], 9), proof)
        if old < size:
            assert not holds(merkle.verify_consistency, size, old, ROOTS[size], ROOTS[old], proof)


def test_nothing_can_be_shown_to_follow_from_the_empty_log() -> None:
    assert not holds(merkle.verify_consistency, 0, 0, ROOTS[0], ROOTS[0], [])
    assert not holds(merkle.verify_consistency, 0, 5, ROOTS[0], ROOTS[5], [])


def test_a_log_can_not_be_shown_to_continue_one_in_which_an_entry_was_altered() -> None:
    forged = [*LEAVES[:4], merkle.leaf_hash(b"another"), *LEAVES[5:20]]
    for old in range(5, 20):
        proof = consistency_proof(forged, old)
        assert not holds(merkle.verify_consistency, old, 20, ROOTS[old], merkle.root_of(forged), proof)


# --- Trees of fixed height ----------------------------------------------------------------------


@st.composite
def full_trees(draw: st.DrawFn) -> tuple[int, list[bytes]]:
    height = draw(st.integers(0, 6))
    seed = draw(st.binary(max_size=4))
    return height, [sha256(seed + bytes([n])).digest() for n in range(1 << height)]


@examples(60)
@given(full_trees(), st.data())
def test_a_path_leads_to_the_root_at_its_own_index_only(
    tree: tuple[int, list[bytes]], data: st.DataObject
) -> None:
    height, leaves = tree
    index = data.draw(st.integers(0, len(leaves) - 1))
    path, root = naive.inclusion(index, leaves), naive.mth(leaves)
    assert merkle.root_from_path(index, height, leaves[index], path) == root
    for other in set(range(len(leaves))) - {index}:
        assert merkle.root_from_path(other, height, leaves[index], path) != root
    for wrong in ([*path, bytes(32)], path[:-1]):
        if wrong != path:
            with pytest.raises(ProofError):
                merkle.root_from_path(index, height, leaves[index], wrong)
    with pytest.raises(ProofError):
        merkle.root_from_path(len(leaves), height, leaves[index], path)
    with pytest.raises(ProofError):
        merkle.root_from_path(-1, height, leaves[index], path)


@examples(80)
@given(full_trees(), st.data())
def test_a_run_leads_to_the_root_with_exactly_the_hashes_at_its_edges(
    tree: tuple[int, list[bytes]], data: st.DataObject
) -> None:
    height, leaves = tree
    first = data.draw(st.integers(0, len(leaves) - 1))
    count = data.draw(st.integers(1, len(leaves) - first))
    left, right = naive.Hidden(dict(enumerate(leaves)), height, b"").run(first, count)
    run, root = leaves[first : first + count], naive.mth(leaves)
    assert merkle.root_from_run(first, height, run, left, right) == root
    wrong = [([*left, bytes(32)], right), (left, [*right, bytes(32)]), (left[:-1], right), (left, right[:-1])]
    for lefts, rights in wrong:
        if (lefts, rights) != (left, right):
            with pytest.raises(ProofError):
                merkle.root_from_run(first, height, run, lefts, rights)
    for other in (first + 1, first - 1):
        assert not holds(lead_to, root, other, height, run, left, right)
    for n in range(count):
        bent = [*run[:n], flip(run[n], data.draw(st.integers(0, 255))), *run[n + 1 :]]
        assert merkle.root_from_run(first, height, bent, left, right) != root


def lead_to(root: bytes, *run: Any) -> None:
    if merkle.root_from_run(*run) != root:
        raise ProofError("another root")


def test_a_run_that_does_not_fit_its_tree_is_refused() -> None:
    for first, count in ((0, 0), (-1, 1), (0, 5), (4, 1), (3, 2)):
        with pytest.raises(ProofError, match="does not fit"):
            merkle.root_from_run(first, 2, LEAVES[:count], [], [])


def test_a_leaf_can_not_be_passed_off_as_an_inner_node() -> None:
    assert merkle.leaf_hash(b"") != merkle.EMPTY_ROOT
    pair = LEAVES[0] + LEAVES[1]
    assert merkle.node_hash(LEAVES[0], LEAVES[1]) == sha256(b"\x01" + pair).digest()
    assert merkle.leaf_hash(pair) == sha256(b"\x00" + pair).digest() != merkle.node_hash(LEAVES[0], LEAVES[1])
