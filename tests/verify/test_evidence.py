"""What a vault might commit to in bad faith: proofs that hold, of things that are not as the format says."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive
from bearwitness_verify import evidence, leaves
from bearwitness_verify.canonical import Json, b64
from bearwitness_verify.errors import MalformedError, ProofError, VerifyError
from bearwitness_verify.leaves import ENTRY_SLOTS, ITEM_SLOTS, TreeRef
from bearwitness_verify.release import Content, Leaf, ShownEntry, ShownItem
from scale import examples

SECRET = bytes(range(32))
HEIGHTS = {"item-field": 4, "entry-field": 5}


def salt(number: int) -> bytes:
    return hashlib.sha256(bytes([number])).digest()


def committed(kind: str, fields: dict[int, tuple[str, Json]]) -> tuple[bytes, dict[int, Leaf]]:
    """Commit to any fields in any slots; return the root and the proofs."""
    payloads = {slot: leaves.field_payload(*field) for slot, field in fields.items()}
    hashes = {slot: naive.leaf(kind, salt(slot), payload) for slot, payload in payloads.items()}
    tree = naive.Hidden(hashes, HEIGHTS[kind], SECRET)
    return tree.root, {
        slot: Leaf(name, value, slot, salt(slot), tuple(tree.path(slot)))
        for slot, (name, value) in fields.items()
    }


def item(fields: dict[int, tuple[str, Json]], file: str | None = None) -> tuple[ShownItem, TreeRef]:
    """Return an item with these fields, all shown, alone in its delivery."""
    root, shown = committed("item-field", fields)
    leaf = naive.leaf("item", salt(99), leaves.item_payload(root))
    tree, where = naive.scattered_tree([leaf, salt(1)], SECRET)
    path = tuple(tree.path(where[leaf]))
    made = ShownItem(where[leaf], path, salt(99), root, tuple(shown.values()), file, None)
    return made, TreeRef("item", tree.height, tree.root)


FATE: tuple[str, Json] = ("fate", {"type": "file"})


def test_an_honest_item_is_proven_with_its_fields() -> None:
    made, tree = item({0: ("path", b64(b"a")), 7: FATE})
    proven = evidence.prove_item(made, tree)
    assert proven.fields == {"path": b64(b"a"), "fate": {"type": "file"}}
    assert proven.item == naive.leaf("item", made.salt, leaves.item_payload(made.root))[:16].hex()


@pytest.mark.parametrize(
    ("name", "slot"), [(n, s) for n in ITEM_SLOTS for s in range(16) if ITEM_SLOTS[n] != s]
)
def test_no_field_can_stand_in_another_slot_even_if_it_was_committed_to_there(name: str, slot: int) -> None:
    made, tree = item({slot: (name, {"type": "file"}), 15 - slot: FATE})
    with pytest.raises(ProofError, match="slot"):
        evidence.prove_item(made, tree)


@pytest.mark.parametrize("slot", sorted(set(range(16)) - {0, 7}))
def test_an_item_can_not_have_two_paths_one_for_each_audience(slot: int) -> None:
    made, tree = item({0: ("path", b64(b"a")), slot: ("path", b64(b"b")), 7: FATE})
    for audience in (0, slot):
        fields = tuple(leaf for leaf in made.fields if leaf.index in (audience, 7))
        shown = ShownItem(made.index, made.path, made.salt, made.root, fields, None, None)
        if audience == 0:
            assert evidence.prove_item(shown, tree).fields["path"] == b64(b"a")
        else:
            with pytest.raises(ProofError, match="slot"):
                evidence.prove_item(shown, tree)


@pytest.mark.parametrize("slot", range(16))
def test_a_field_with_a_name_that_the_format_does_not_know_is_not_shown(slot: int) -> None:
    made, tree = item({slot: ("caption", "harmless")})
    with pytest.raises(ProofError, match="slot"):
        evidence.prove_item(made, tree)


def test_an_index_beyond_the_tree_is_refused_though_its_low_bits_fit() -> None:
    root, shown = committed("item-field", {7: FATE})
    wrong = Leaf("fate", {"type": "file"}, 7 + 16, shown[7].salt, shown[7].path)
    with pytest.raises(ProofError):
        evidence.proven_fields([wrong], "item-field", ITEM_SLOTS, 4, root)
    with pytest.raises(ProofError, match="beyond"):
        evidence.proven_fields([wrong], "item-field", {"fate": 23}, 4, root)


def test_a_field_of_an_item_can_not_be_shown_as_one_of_an_entry() -> None:
    root, shown = committed("item-field", {0: ("kind", "sealed")})
    with pytest.raises(ProofError, match="not the one committed to"):
        evidence.proven_fields(list(shown.values()), "entry-field", ENTRY_SLOTS["sealed"], 4, root)


def test_a_filler_can_not_be_shown_as_an_item() -> None:
    _, tree = item({7: FATE})
    for level in (0, 1, 5):
        shown = ShownItem(
            0, (salt(1),) * 16, salt(99), naive.derive(SECRET, "filler", level, 0), (), None, None
        )
        with pytest.raises(ProofError, match="does not stand"):
            evidence.prove_item(shown, tree)


def test_an_item_that_is_alone_in_the_world_is_not_in_a_delivery_of_another_height() -> None:
    made, tree = item({7: FATE})
    for height in (24, 32):
        with pytest.raises(ProofError):
            evidence.prove_item(made, TreeRef("item", height, tree.root))


@pytest.mark.parametrize("kind", ENTRY_SLOTS)
def test_an_entry_of_one_kind_is_not_taken_for_one_of_another(kind: str) -> None:
    root, shown = committed("entry-field", {0: ("kind", kind)})
    made = ShownEntry(salt(1), salt(2), TreeRef("entry-field", 5, root), salt(3), tuple(shown.values()))
    for other in ENTRY_SLOTS:
        if other == kind:
            assert evidence.entry_fields(made, other) == {"kind": kind}
        else:
            with pytest.raises(ProofError, match="not of kind"):
                evidence.entry_fields(made, other)


def test_a_kind_shown_outside_its_slot_does_not_count() -> None:
    root, shown = committed("entry-field", {8: ("kind", "sealed")})
    made = ShownEntry(salt(1), salt(2), TreeRef("entry-field", 5, root), salt(3), tuple(shown.values()))
    with pytest.raises(ProofError, match="slot"):
        evidence.entry_fields(made, "sealed")


def test_the_leaf_of_an_entry_is_the_one_the_format_describes() -> None:
    fields = TreeRef("entry-field", 5, salt(5))
    made = ShownEntry(salt(1), salt(2), fields, salt(3), ())
    payload = leaves.canonical.dumps(
        {"ciphertext": b64(salt(1)), "effect": b64(salt(2)), "fields": fields.to_json()}
    )
    assert evidence.entry_leaf(made) == naive.leaf("entry", salt(3), payload)


# --- Content -------------------------------------------------------------------------------------


def content(data: bytes, lengths: list[int]) -> tuple[dict[str, Json], Content]:
    """Return fields and proof of content cut so, by the definitions of the format."""
    at, hashes, salts = 0, [], []
    for number, length in enumerate(lengths):
        salts.append(naive.derive(SECRET, "salt", number))
        hashes.append(naive.leaf("segment", salts[-1], data[at : at + length]))
        at += length
    tree, first = naive.run_tree(hashes, SECRET, content=True)
    left, right = tree.run(first, len(hashes))
    fields: dict[str, Json] = {
        "content": TreeRef("segment", tree.height, tree.root).to_json(),
        "sha256": b64(hashlib.sha256(data).digest()),
        "size": str(len(data)),
    }
    return fields, Content(first, array("I", lengths), b"".join(salts), tuple(left), tuple(right))


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


@st.composite
def cut(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    lengths = draw(st.lists(st.integers(1, 40), min_size=1, max_size=12))
    return draw(st.binary(min_size=sum(lengths), max_size=sum(lengths))), lengths


@examples(60)
@given(cut(), st.integers(1, 50))
def test_content_holds_however_the_bytes_come(made: tuple[bytes, list[int]], step: int) -> None:
    data, lengths = made
    fields, proof = content(data, lengths)
    assert evidence.check_content(fields, proof, pieces(data, step)) == len(data)


def test_a_file_of_no_bytes_has_one_empty_segment() -> None:
    fields, proof = content(b"", [0])
    assert evidence.check_content(fields, proof, iter([])) == 0
    assert evidence.check_content(fields, proof, iter([b""])) == 0
    with pytest.raises(ProofError):
        evidence.check_content(fields, proof, iter([b"x"]))


@examples(60)
@given(cut(), st.data())
def test_no_byte_of_content_can_be_altered_added_or_left_out(
    made: tuple[bytes, list[int]], data: st.DataObject
) -> None:
    whole, lengths = made
    fields, proof = content(whole, lengths)
    at = data.draw(st.integers(0, len(whole) - 1))
    for wrong in (
        whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :],
        whole[:at] + whole[at + 1 :],
        whole[:at] + b"\x00" + whole[at:],
        whole + b"\x00",
        b"",
    ):
        with pytest.raises(ProofError):
            evidence.check_content(fields, proof, pieces(wrong, 7))
        # nor if hash and size are made to fit: the tree is what counts as well
        lied = fields | {"sha256": b64(hashlib.sha256(wrong).digest()), "size": str(len(wrong))}
        with pytest.raises(ProofError):
            evidence.check_content(lied, proof, pieces(wrong, 7))


def test_part_of_a_file_can_not_be_shown_as_the_whole() -> None:
    data, lengths = bytes(range(40)), [10, 10, 10, 10]
    fields, _ = content(data, lengths)
    hashes = [
        naive.leaf("segment", naive.derive(SECRET, "salt", n), data[10 * n : 10 * n + 10]) for n in range(4)
    ]
    tree, first = naive.run_tree(hashes, SECRET, content=True)
    left, right = tree.run(first + 1, 2)
    salts = b"".join(naive.derive(SECRET, "salt", n) for n in (1, 2))
    proof = Content(first + 1, array("I", [10, 10]), salts, tuple(left), tuple(right))
    with pytest.raises(ProofError):
        evidence.check_content(fields, proof, iter([data[10:30]]))
    honest_about_bytes = fields | {"size": "20", "sha256": b64(hashlib.sha256(data[10:30]).digest())}
    # the run itself holds: only `size` and `sha256`, which are committed to, say that this is not all
    assert evidence.check_content(honest_about_bytes, proof, iter([data[10:30]])) == 20


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", "5"),
        ("size", "-1"),
        ("size", None),
        ("sha256", b64(bytes(31))),
        ("sha256", b64(bytes(32))),
        ("content", None),
        ("content", {"kind": "packet", "leaves": "1", "root": b64(bytes(32))}),
    ],
)
def test_content_whose_fields_say_otherwise_is_refused(name: str, value: Any) -> None:
    fields, proof = content(b"abc", [3])
    with pytest.raises(VerifyError):
        evidence.check_content(fields | {name: value}, proof, iter([b"abc"]))


def test_a_tree_of_another_size_is_not_the_one_committed_to() -> None:
    fields, proof = content(b"abcdef", [3, 3])
    reference = dict(fields["content"]) if isinstance(fields["content"], dict) else {}
    for room in ("1", str(2**24), str(2**32)):
        with pytest.raises((ProofError, MalformedError)):
            evidence.check_content(
                fields | {"content": {**reference, "leaves": room}}, proof, iter([b"abcdef"])
            )
