"""Content and track trees: whatever the pieces a file comes in, its hashes are those of the definition."""

from __future__ import annotations

import hashlib
import os

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

import naive
from bearwitness.custody.content import ContentHasher, root_of_one
from bearwitness.custody.tracks import PACKET_BYTES, track_tree
from bearwitness.errors import ProofError
from bearwitness.vault.indexblob import plain_lengths
from bearwitness_verify.canonical import Json
from scale import examples

SECRET = bytes(range(32))


def defined(secret: bytes, data: bytes, lengths: list[int]) -> tuple[naive.Hidden, list[bytes]]:
    """Return the content tree of docs/format.md, 3.1."""
    content = naive.derive(secret, "content")
    at, leaves = 0, []
    for number, length in enumerate(lengths):
        leaves.append(naive.leaf("segment", naive.derive(content, "salt", number), data[at : at + length]))
        at += length
    return naive.run_tree(leaves, content, content=True)[0], leaves


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    lengths = draw(st.lists(st.integers(1, 30), min_size=1, max_size=15))
    return draw(st.binary(min_size=sum(lengths), max_size=sum(lengths))), lengths


@examples(120)
@given(files(), st.lists(st.integers(0, 40), max_size=12))
def test_a_file_has_the_hashes_of_the_definition_in_whatever_pieces_it_comes(
    made: tuple[bytes, list[int]], steps: list[int]
) -> None:
    data, lengths = made
    tree, leaves = defined(SECRET, data, lengths)
    hasher = ContentHasher(SECRET, lengths, md5=True, keep_leaves=True)
    at = 0
    for step in [*steps, len(data)]:
        hasher.feed(memoryview(data)[at : at + step])
        at += step
    hashes = hasher.finish()
    assert (hasher.tree.height, hashes.root) == (tree.height, tree.root)
    assert hashes.sha256 == hashlib.sha256(data).digest()
    assert hashes.md5 == hashlib.md5(data, usedforsecurity=False).digest()
    assert hasher.leaves == leaves


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 300_001])
def test_a_file_cut_every_64_kib_has_the_root_of_the_definition(size: int) -> None:
    data, lengths = os.urandom(size), list(plain_lengths(size))
    assert sum(lengths) == size
    assert all(length == 65_536 for length in lengths[:-1])
    assert (lengths[-1] > 0) is (size > 0)
    hasher = ContentHasher(SECRET, lengths, whole=False)
    hasher.feed(memoryview(data))
    hashes = hasher.finish()
    assert hashes.root == defined(SECRET, data, lengths)[0].root
    assert (hashes.sha256, hashes.md5) == (b"", b"")
    if len(lengths) == 1:
        assert root_of_one(SECRET, data) == root_of_one(SECRET, memoryview(data)) == hashes.root


def test_a_file_of_no_bytes_has_one_empty_segment() -> None:
    hasher = ContentHasher(SECRET, [0])
    hasher.feed(memoryview(b""))
    expected = naive.leaf("segment", naive.derive(naive.derive(SECRET, "content"), "salt", 0), b"")
    assert hasher.finish().root == expected == root_of_one(SECRET, b"")


@examples(60)
@given(files(), st.integers(1, 9))
def test_a_file_shorter_or_longer_than_its_segments_has_no_root(
    made: tuple[bytes, list[int]], change: int
) -> None:
    data, lengths = made
    for wrong in (data[:-change], data + bytes(change)):
        for whole in (True, False):
            hasher = ContentHasher(SECRET, lengths, whole=whole)
            hasher.feed(memoryview(wrong))
            with pytest.raises(ProofError):
                hasher.finish()


def test_bytes_where_an_empty_file_was_sealed_have_no_root() -> None:
    hasher = ContentHasher(SECRET, [0], whole=False)
    hasher.feed(memoryview(b"x"))
    with pytest.raises(ProofError):
        hasher.finish()


def test_two_files_with_the_same_bytes_have_no_hash_in_common_but_the_one_committed_in_a_blinded_field() -> (
    None
):
    one, other = defined(SECRET, b"abc" * 30, [45, 45]), defined(bytes(32), b"abc" * 30, [45, 45])
    assert not set(one[1]) & set(other[1])
    assert one[0].root != other[0].root


# --- Track tables --------------------------------------------------------------------------------


@examples(40)
@given(st.binary(min_size=32, max_size=32), st.integers(1, 3), st.integers(0, 30), st.binary(max_size=8))
def test_a_track_table_has_the_root_of_the_definition(
    secret: bytes, tracks: int, packets: int, seed: bytes
) -> None:
    names = ("decoder", "display", "edits", "extent")
    fields: list[Json] = [
        {"name": name, "track": str(track), "value": {"é": "1"} if name == "display" else []}
        for track in range(tracks)
        for name in names
    ]
    fields = [
        {**f, "value": {"a": "é"}} if isinstance(f, dict) and f["name"] == "display" else f for f in fields
    ]
    packed = (hashlib.sha512(seed).digest() * 30)[: packets * PACKET_BYTES]
    packed = packed.ljust(packets * PACKET_BYTES, b"\x01")
    tree_secret = naive.derive(secret, "tracks")
    payloads = [("track-field", rfc8785.dumps(field)) for field in fields]
    payloads += [("packet", packed[at : at + 56]) for at in range(0, len(packed), 56)]
    leaves = [
        naive.leaf(kind, naive.derive(tree_secret, "salt", number), payload)
        for number, (kind, payload) in enumerate(payloads)
    ]
    tree, first = naive.run_tree(leaves, tree_secret)
    builder = track_tree(secret, fields, packed)
    assert (builder.height, builder.first, builder.root()) == (tree.height, first, tree.root)


def test_a_table_of_more_packets_than_are_hashed_at_once_has_the_root_of_the_definition() -> None:
    packed = b"".join(n.to_bytes(56, "big") for n in range(9000))
    tree_secret = naive.derive(SECRET, "tracks")
    leaves = [naive.leaf("track-field", naive.derive(tree_secret, "salt", 0), b'"x"')]
    leaves += [
        naive.leaf("packet", naive.derive(tree_secret, "salt", n + 1), n.to_bytes(56, "big"))
        for n in range(9000)
    ]
    assert track_tree(SECRET, ["x"], packed).root() == naive.run_tree(leaves, tree_secret)[0].root
