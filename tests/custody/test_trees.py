"""Hidden trees: the fast code gives what the definition says, and a proof tells nothing of the rest."""

from __future__ import annotations

import hashlib
from hashlib import sha256
from itertools import pairwise
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive
from bearwitness.custody import trees
from bearwitness.custody.trees import RunBuilder, RunProof, hidden_height, run_proof, scatter, slotted
from bearwitness.errors import ProofError
from bearwitness_verify.merkle import root_from_path, root_from_run
from scale import ALL, examples

SECRETS = st.binary(min_size=32, max_size=32)
LEAVES = [sha256(n.to_bytes(4, "big")).digest() for n in range(70_000)]


def built(
    leaves: list[bytes], secret: bytes, steps: list[int], *, single: bool = False, climb_at: int = 1
) -> RunBuilder:
    """Return a builder fed with `leaves` in pieces of these sizes, the rest at once."""
    builder = RunBuilder(secret, len(leaves), single=single)
    at = 0
    with mock.patch.object(trees, "_CLIMB_AT", climb_at):
        for step in steps:
            builder.extend(leaves[at : at + step])
            at += step
        builder.extend(leaves[at:])
    return builder


# --- Heights -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "height"),
    [
        (1, 16),
        (2, 16),
        (2**15 - 1, 16),
        (2**15, 16),
        (2**15 + 1, 24),
        (2**23, 24),
        (2**23 + 1, 32),
        (2**31, 32),
    ],
)
def test_a_hidden_tree_has_the_least_height_at_which_it_is_at_most_half_full(count: int, height: int) -> None:
    assert hidden_height(count) == height == naive.hidden_height(count)


def test_more_leaves_than_any_tree_holds_are_refused() -> None:
    with pytest.raises(ProofError, match="more than a hidden tree holds"):
        hidden_height(2**31 + 1)


def test_a_file_of_one_segment_is_its_own_root_and_a_track_table_never() -> None:
    content, table = RunBuilder(bytes(32), 1, single=True), RunBuilder(bytes(32), 1)
    for builder in (content, table):
        builder.extend([LEAVES[0]])
    assert (content.height, content.first, content.root()) == (0, 0, LEAVES[0])
    assert table.height == 16
    assert table.root() == naive.run_tree([LEAVES[0]], bytes(32))[0].root != LEAVES[0]
    assert RunBuilder(bytes(32), 2, single=True).height == 16


# --- Runs ----------------------------------------------------------------------------------------


@examples(60)
@given(
    SECRETS, st.integers(1, 40), st.lists(st.integers(0, 9), max_size=12), st.booleans(), st.integers(1, 12)
)
def test_a_run_has_the_root_of_the_definition_in_whatever_pieces_it_comes(
    secret: bytes, count: int, steps: list[int], single: bool, climb_at: int
) -> None:
    leaves = LEAVES[:count]
    tree, first = naive.run_tree(leaves, secret, content=single)
    builder = built(leaves, secret, steps, single=single, climb_at=climb_at)
    assert (builder.height, builder.first, builder.root()) == (tree.height, first, tree.root)


@pytest.mark.parametrize("count", [255, 256, 257, 4095, 5000, 2**15, 2**15 + 1])
def test_a_long_run_has_the_root_of_the_definition(count: int) -> None:
    for seed in range(2):
        secret = sha256(bytes([seed])).digest()
        tree, first = naive.run_tree(LEAVES[:count], secret)
        builder = built(LEAVES[:count], secret, [1, 2, 4096, 1], climb_at=512)
        assert (builder.first, builder.root()) == (first, tree.root)


@examples(60)
@given(SECRETS, st.integers(1, 40), st.data())
def test_any_part_of_a_run_is_proven_with_the_hashes_of_the_definition(
    secret: bytes, count: int, data: st.DataObject
) -> None:
    leaves = LEAVES[:count]
    tree, first = naive.run_tree(leaves, secret)
    begin = data.draw(st.integers(0, count - 1))
    end = data.draw(st.integers(begin + 1, count))
    proof = run_proof(leaves, secret, begin, end)
    left, right = tree.run(first + begin, end - begin)
    assert proof == RunProof(first + begin, tree.height, tuple(left), tuple(right))
    assert root_from_run(proof.first, proof.height, leaves[begin:end], proof.left, proof.right) == tree.root


def test_a_run_at_either_end_of_its_tree_is_proven_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for first in (0, 1, 2**16 - 5, 2**16 - 6):
        monkeypatch.setattr(trees, "_offset", lambda *_, at=first: at)
        tree = naive.Hidden({first + n: LEAVES[n] for n in range(5)}, 16, bytes(32))
        assert built(LEAVES[:5], bytes(32), [2]).root() == tree.root
        for begin, end in ((0, 5), (0, 1), (4, 5), (1, 3)):
            proof = run_proof(LEAVES[:5], bytes(32), begin, end)
            assert root_from_run(proof.first, 16, LEAVES[begin:end], proof.left, proof.right) == tree.root


@pytest.mark.parametrize(("begin", "end"), [(0, 0), (-1, 2), (3, 2), (0, 6), (5, 6)])
def test_leaves_that_are_not_in_the_run_are_not_proven(begin: int, end: int) -> None:
    with pytest.raises(ProofError, match="are not in a run"):
        run_proof(LEAVES[:5], bytes(32), begin, end)


def test_a_run_that_is_not_whole_has_no_root() -> None:
    builder = RunBuilder(bytes(32), 3)
    builder.extend(LEAVES[:2])
    with pytest.raises(ProofError, match="missing"):
        builder.root()
    builder.extend(LEAVES[:2])
    with pytest.raises(ProofError, match="missing"):
        builder.root()


def test_a_run_that_does_not_fit_below_one_root_is_never_begun() -> None:
    with pytest.raises(ProofError):
        RunBuilder(bytes(32), 2**31 + 1)


# --- Scattered trees -----------------------------------------------------------------------------


@examples(40)
@given(SECRETS, st.integers(1, 60), st.data())
def test_scattered_leaves_have_root_places_and_proofs_of_the_definition(
    secret: bytes, count: int, data: st.DataObject
) -> None:
    leaves = data.draw(st.permutations(LEAVES[:count]))
    tree, where = naive.scattered_tree(leaves, secret)
    wanted = data.draw(st.lists(st.sampled_from(leaves), max_size=5))
    made = scatter(leaves, secret, wanted)
    assert (made.height, made.root) == (tree.height, tree.root)
    assert set(made.proofs) == set(wanted)
    for leaf, proof in made.proofs.items():
        assert (proof.index, list(proof.path)) == (where[leaf], tree.path(where[leaf]))
        assert root_from_path(proof.index, made.height, leaf, proof.path) == made.root


@pytest.mark.parametrize("count", [300, 3000] + [2**15, 2**15 + 1] * ALL)
def test_many_scattered_leaves_have_the_root_of_the_definition(count: int) -> None:
    leaves = LEAVES[:count]
    made = scatter(leaves, bytes(32), [leaves[0], leaves[-1]])
    tree, where = naive.scattered_tree(leaves, bytes(32))
    assert made.root == tree.root
    assert {leaf: proof.index for leaf, proof in made.proofs.items()} == {k: where[k] for k in made.proofs}


def test_a_delivery_beyond_the_smallest_tree_stands_in_the_next() -> None:
    made = scatter(LEAVES[: 2**15 + 1], bytes(32), LEAVES[:1])
    assert made.height == 24
    (proof,) = made.proofs.values()
    assert len(proof.path) == 24
    assert root_from_path(proof.index, 24, LEAVES[0], proof.path) == made.root


def test_the_order_in_which_items_come_does_not_matter() -> None:
    assert scatter(LEAVES[:50], bytes(32)).root == scatter(LEAVES[:50][::-1], bytes(32)).root


def test_two_items_that_are_the_same_leaf_are_refused() -> None:
    with pytest.raises(ProofError, match="the same"):
        scatter([*LEAVES[:5], LEAVES[2]], bytes(32))


def test_an_item_that_is_not_in_the_delivery_is_not_proven() -> None:
    with pytest.raises(ProofError, match="not in the delivery"):
        scatter(LEAVES[:5], bytes(32), [LEAVES[1], LEAVES[7]])


# --- Slots ---------------------------------------------------------------------------------------


@examples(100)
@given(SECRETS, st.sampled_from([4, 5]), st.data())
def test_slots_have_root_and_proofs_of_the_definition(
    secret: bytes, height: int, data: st.DataObject
) -> None:
    slots = data.draw(st.sets(st.integers(0, 2**height - 1), min_size=1))
    leaves = {slot: LEAVES[slot] for slot in slots}
    tree = naive.Hidden(leaves, height, secret)
    root, proofs = slotted(leaves, height, secret)
    assert root == tree.root
    assert {slot: list(proof.path) for slot, proof in proofs.items()} == {
        slot: tree.path(slot) for slot in slots
    }
    assert all(proof.index == slot for slot, proof in proofs.items())


def test_a_field_that_is_absent_looks_like_one_withheld() -> None:
    """All that another field's proof shows is hashes: the neighbour's or a filler, 32 bytes either way."""
    _, with_it = slotted({0: LEAVES[0], 1: LEAVES[1]}, 4, bytes(32))
    _, without = slotted({0: LEAVES[0]}, 4, bytes(32))
    assert [len(h) for h in with_it[0].path] == [len(h) for h in without[0].path] == [32] * 4


# --- Blindness -----------------------------------------------------------------------------------


def test_a_proof_has_the_same_shape_however_many_leaves_there_are() -> None:
    shapes: set[Any] = set()
    for count in (1, 2, 3, 10, 1000, 2**15):
        made = scatter(LEAVES[:count], bytes(32), LEAVES[:1])
        shapes.add((made.height, tuple(len(h) for h in made.proofs[LEAVES[0]].path)))
    assert shapes == {(16, (32,) * 16)}


def test_the_place_of_a_leaf_does_not_tell_how_many_there_are() -> None:
    """Places are uniform over the whole tree for one leaf as for thousands (chi-squared, fixed secrets)."""
    for count in (1, 2, 3000):
        buckets = [0] * 16
        for seed in range(800 if count < 3000 else 3):
            secret = sha256(f"{count} {seed}".encode()).digest()
            for place in trees._places(count, 16, secret):
                buckets[place >> 12] += 1
        expected = sum(buckets) / 16
        assert sum((n - expected) ** 2 / expected for n in buckets) < 37.7  # p = 0.001, 15 degrees of freedom


def test_places_do_not_follow_the_order_of_the_leaves() -> None:
    places = list(trees._places(1000, 16, bytes(32)))
    assert len(set(places)) == 1000
    rising = sum(one < other for one, other in pairwise(places))
    assert 430 < rising < 570


def test_runs_begin_anywhere_in_their_tree_whatever_their_length() -> None:
    for count in (1, 2, 100, 2**15):
        buckets = [0] * 8
        room = 2**16 - count + 1
        for seed in range(800):
            first = RunBuilder(sha256(f"{count} {seed}".encode()).digest(), count).first
            assert 0 <= first <= 2**16 - count
            buckets[first * 8 // room] += 1
        expected = sum(buckets) / 8
        assert sum((n - expected) ** 2 / expected for n in buckets) < 24.3  # p = 0.001, 7 degrees of freedom


def test_no_filler_stands_at_two_places_or_in_two_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    places: dict[bytes, set[bytes]] = {}

    def noting(data: bytes = b"") -> Any:
        hashed = hashlib.sha256(data)
        if data[:4] == b"\x00\x00\x00\x01" and data[36:42] == b"filler":
            places.setdefault(hashed.digest(), set()).add(bytes(data))
        return hashed

    monkeypatch.setattr(trees, "sha256", noting)
    monkeypatch.setattr("bearwitness.crypto.derive.sha256", noting)
    secrets = [sha256(bytes([seed])).digest() for seed in range(30)]
    for one, two, three in zip(secrets[::3], secrets[1::3], secrets[2::3], strict=True):
        scatter(LEAVES[:20], one)
        slotted({0: LEAVES[0], 9: LEAVES[1]}, 4, two)
        built(LEAVES[:9], three, []).root()
    assert len(places) > 1000
    assert all(len(inputs) == 1 for inputs in places.values())
    assert {data[4:36] for inputs in places.values() for data in inputs} == set(secrets)


def test_two_trees_over_the_same_leaves_share_no_node_above_them() -> None:
    one, other = scatter(LEAVES[:3], bytes(32), LEAVES[:3]), scatter(LEAVES[:3], b"\x01" * 32, LEAVES[:3])
    mine = {h for proof in one.proofs.values() for h in proof.path}
    theirs = {h for proof in other.proofs.values() for h in proof.path}
    assert not mine & theirs


def test_the_definition_of_the_tests_is_itself_a_tree_of_rfc_6962() -> None:
    """A full hidden tree has no fillers: it is the dense tree over the same leaves."""
    for height in (0, 1, 3, 6):
        leaves = LEAVES[: 2**height]
        assert naive.Hidden(dict(enumerate(leaves)), height, b"").root == naive.mth(leaves)
