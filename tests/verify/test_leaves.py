"""Leaves and tree references: a leaf of one kind is none of another, a tree has one of few sizes."""

from __future__ import annotations

import re
from hashlib import sha256
from itertools import permutations
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

import naive
from bearwitness_verify import canonical, leaves
from bearwitness_verify.canonical import Json, b64
from bearwitness_verify.errors import MalformedError
from bearwitness_verify.leaves import ENTRY_SLOTS, ITEM_SLOTS, KINDS, TreeRef, hash_leaf
from scale import examples

FORMAT = (Path(__file__).parents[2] / "docs" / "format.md").read_text()
SALT = bytes(range(32))
ROOT = b64(SALT)


def ref(kind: str = "segment", room: str = "65536", root: Json = ROOT) -> Json:
    return {"kind": kind, "leaves": room, "root": root}


@examples(100)
@given(st.sampled_from(KINDS), st.binary(min_size=32, max_size=32), st.binary(max_size=100))
def test_a_leaf_is_hashed_as_the_format_says(kind: str, salt: bytes, payload: bytes) -> None:
    data = b"bearwitness/1/" + kind.encode() + b"\x00" + salt + payload
    assert (
        hash_leaf(kind, salt, payload) == sha256(b"\x00" + data).digest() == naive.leaf(kind, salt, payload)
    )


def test_a_segment_can_not_be_shown_as_a_packet() -> None:
    payload = bytes(56)
    found = {kind: hash_leaf(kind, SALT, payload) for kind in KINDS}
    assert len(set(found.values())) == len(KINDS) == 9


def test_no_kind_of_leaf_begins_like_another_so_no_salt_can_be_taken_for_part_of_a_kind() -> None:
    for one, other in permutations(KINDS, 2):
        assert not leaves.prefix(one).startswith(leaves.prefix(other))


@pytest.mark.parametrize("kind", ["", "Segment", "segments", "segment\x00", "salt", "checkpoint"])
def test_a_kind_that_the_format_does_not_list_makes_no_leaf(kind: str) -> None:
    with pytest.raises(MalformedError):
        hash_leaf(kind, SALT, b"")


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_salt_of_another_length_makes_no_leaf(length: int) -> None:
    with pytest.raises(MalformedError, match="salt"):
        hash_leaf("segment", bytes(length), b"")


def test_moving_a_byte_from_payload_to_salt_is_impossible_because_both_have_fixed_places() -> None:
    assert hash_leaf("segment", SALT, b"ab") != hash_leaf("segment", SALT[1:] + b"a", b"b")


def test_the_payload_of_a_field_is_canonical_json_of_name_and_value() -> None:
    value: Json = {"b": ["é", None], "a": True}
    assert leaves.field_payload("x", value) == rfc8785.dumps({"value": value, "name": "x"})


# --- Tree references -----------------------------------------------------------------------------


@pytest.mark.parametrize("height", [0, 16, 24, 32])
def test_a_tree_reference_is_read_back_as_it_was_written(height: int) -> None:
    made = TreeRef("segment", height, SALT)
    assert canonical.dumps(made.to_json()) == rfc8785.dumps(
        {"kind": "segment", "leaves": str(2**height), "root": b64(SALT)}
    )
    assert leaves.content_ref(made.to_json()) == made


@pytest.mark.parametrize(
    "value",
    [
        None,
        "segment",
        ref(kind="packet"),
        ref(kind="item"),
        ref(room="65535"),
        ref(room="65537"),
        ref(room="32768"),
        ref(room="0"),
        ref(room="-65536"),
        ref(room="2"),
        ref(room="16"),
        ref(room=str(2**33)),
        ref(room=str(2**64)),
        ref(room="065536"),
        ref(root=b64(SALT[:31])),
        ref(root=b64(SALT + b"\x00")),
        ref(root=SALT.hex()),
        ref(root=None),
        {"kind": "segment", "leaves": "65536"},
        {"kind": "segment", "leaves": "65536", "root": b64(SALT), "height": "16"},
    ],
    ids=str,
)
def test_a_reference_to_a_tree_that_can_not_be_is_refused(value: Json) -> None:
    with pytest.raises(MalformedError):
        leaves.content_ref(value)


def test_a_delivery_is_never_a_tree_of_one_leaf_and_content_may_be() -> None:
    assert leaves.content_ref(ref(room="1")).height == 0
    with pytest.raises(MalformedError):
        leaves.delivery_ref(ref(kind="item", room="1"))
    assert leaves.delivery_ref(ref(kind="item", room="16777216")).height == 24


def test_the_item_leaf_holds_the_reference_to_sixteen_fields() -> None:
    assert leaves.item_payload(SALT) == rfc8785.dumps(
        {"kind": "item-field", "leaves": "16", "root": b64(SALT)}
    )
    assert leaves.item_id(SALT) == "000102030405060708090a0b0c0d0e0f"


# --- What the document lists ---------------------------------------------------------------------


def rows(after: str) -> list[list[str]]:
    """Return the cells of the first table after a heading of docs/format.md."""
    table = FORMAT.split(after, 1)[1].split("\n| --- |", 1)[1].split("\n", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()]


def test_the_kinds_of_leaves_are_those_the_document_lists() -> None:
    assert [row[0].strip("`") for row in rows("### 2.1 Leaves")] == list(KINDS)


def test_the_slots_of_items_are_those_the_document_lists() -> None:
    listed = {row[1].strip("`"): int(row[0]) for row in rows("## 4 An item") if row[1]}
    assert listed == ITEM_SLOTS
    assert len(set(ITEM_SLOTS.values())) == len(ITEM_SLOTS) <= 16
    assert max(ITEM_SLOTS.values()) < 2**leaves.ITEM_HEIGHT


def test_the_kinds_of_entries_and_their_slots_are_those_the_document_lists() -> None:
    common = dict(re.findall(r"([0-4]) `(\w+)`", FORMAT.split("All kinds: ", 1)[1].split("| kind |")[0]))
    listed = {
        row[0].strip("`"): {name: int(slot) for slot, name in re.findall(r"(\d+) `(\w+)`", row[1])}
        | {name: int(slot) for slot, name in common.items()}
        for row in rows("### 6.2 Kinds of entries")
    }
    assert listed == ENTRY_SLOTS
    for slots in ENTRY_SLOTS.values():
        assert len(set(slots.values())) == len(slots)
        assert max(slots.values()) < 2**leaves.ENTRY_HEIGHT


def test_the_heights_of_hidden_trees_are_those_the_document_lists() -> None:
    assert "the smallest of 16, 24, 32 with n ≤ 2^(h−1)" in FORMAT
    assert leaves.HIDDEN_HEIGHTS == (16, 24, 32)
    assert (leaves.ITEM_HEIGHT, leaves.ENTRY_HEIGHT) == (4, 5)
