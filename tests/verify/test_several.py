"""Several leaves proven together: whichever are shown, their root comes out, and nothing else's does."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.custody.trees import RunBuilder, run_proof, several_proof
from bearwitness.disclose.by_hand import path_of_first
from bearwitness_verify.errors import ProofError
from bearwitness_verify.merkle import leaf_hash, root_from_path, root_from_several
from scale import examples

SECRET = bytes(range(32))


def leaves_of(count: int) -> list[bytes]:
    return [leaf_hash(str(n).encode()) for n in range(count)]


@st.composite
def shown(draw: st.DrawFn) -> tuple[int, list[int]]:
    count = draw(st.integers(1, 120))
    return count, sorted(draw(st.sets(st.integers(0, count - 1), min_size=1)))


@examples(60)
@given(shown())
def test_any_leaves_of_a_run_lead_to_its_root(case: tuple[int, list[int]]) -> None:
    count, wanted = case
    leaves = leaves_of(count)
    builder = RunBuilder(SECRET, count, single=True)
    builder.extend(list(leaves))
    proof = several_proof(leaves, SECRET, wanted, single=True)
    some = [leaves[n] for n in wanted]
    root = builder.root()
    assert root_from_several(proof.indices, proof.height, some, proof.hashes) == root
    path = path_of_first(proof.indices, proof.height, some, proof.hashes)
    assert root_from_path(proof.indices[0], proof.height, some[0], path) == root


@examples(60)
@given(shown(), st.data())
def test_a_leaf_hash_or_index_altered_in_any_way_leads_elsewhere(
    case: tuple[int, list[int]], data: st.DataObject
) -> None:
    count, wanted = case
    leaves = leaves_of(count + 1)[:-1]
    proof = several_proof(leaves, SECRET, wanted)
    some = [leaves[n] for n in wanted]
    root = root_from_several(proof.indices, proof.height, some, proof.hashes)
    indices, hashes = list(proof.indices), list(proof.hashes)
    kind = data.draw(st.sampled_from(["leaf", "hash", "index", "swap", "short", "long"]))
    if kind == "leaf":
        some[data.draw(st.integers(0, len(some) - 1))] = leaf_hash(b"another")
    elif kind == "hash":
        hashes[data.draw(st.integers(0, len(hashes) - 1))] = leaf_hash(b"another")
    elif kind == "index":
        at = data.draw(st.integers(0, len(indices) - 1))
        indices[at] ^= 1 << data.draw(st.integers(0, proof.height - 1))
    elif kind == "swap" and len(some) > 1:
        some[0], some[-1] = some[-1], some[0]
    elif kind == "short":
        hashes.pop()
    else:
        hashes.append(leaf_hash(b"one too many"))
    with contextlib.suppress(ProofError):
        assert root_from_several(indices, proof.height, some, hashes) != root


@examples(30)
@given(st.integers(1, 90), st.data())
def test_one_run_of_several_leaves_is_the_proof_of_a_run(count: int, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, count - 1))
    end = data.draw(st.integers(begin + 1, count))
    leaves = leaves_of(count)
    run = run_proof(leaves, SECRET, begin, end)
    several = several_proof(leaves, SECRET, range(begin, end))
    assert several.indices[0] == run.first
    assert sorted(several.hashes) == sorted((*run.left, *run.right))


@pytest.mark.parametrize("wanted", [[], [-1], [5]])
def test_leaves_that_are_not_there_can_not_be_proven(wanted: list[int]) -> None:
    with pytest.raises(ProofError):
        several_proof(leaves_of(5), SECRET, wanted)


@pytest.mark.parametrize(
    "arguments", [([1, 0], 4, [bytes(32)] * 2, []), ([16], 4, [bytes(32)], []), ([], 4, [], [])]
)
def test_indices_out_of_order_or_beyond_the_tree_are_refused(arguments: Any) -> None:
    with pytest.raises(ProofError):
        root_from_several(*arguments)
