"""An item's commitment: fast, readable and defined are the same; a manifest line is canonical JSON."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

import naive
from bearwitness.custody import items
from bearwitness.errors import MalformedError
from bearwitness_verify import canonical, evidence
from bearwitness_verify.canonical import Json, b64
from bearwitness_verify.leaves import ITEM_SLOTS, TreeRef
from bearwitness_verify.release import Leaf, ShownItem
from scale import ALL, examples

SECRET = bytes(range(32))
VALUES: dict[str, Json] = {
    "path": b64(b"DCIM/\xff 01.mp4"),
    "size": "123456789",
    "mtime": "-1",
    "stat": {"atime": "1", "ctime": "2", "gid": "0", "mode": "33188", "nlink": "1", "uid": "0"},
    "sha256": b64(bytes(32)),
    "content": {"kind": "segment", "leaves": "65536", "root": b64(bytes(32))},
    "tracks": {"kind": "packet", "leaves": "65536", "root": b64(b"\x01" * 32)},
    "fate": {"type": "file", "losses": [{"length": "512", "offset": "0", "reason": "E/A-Fehler \u2028"}]},
    "origin": {"partition": "1", "deleted": True},
    "md5": b64(bytes(16)),
    "xattrs": {b64(b"user.x"): b64(b"\x00")},
}


def texts(names: Any) -> dict[str, str]:
    return {name: rfc8785.dumps(VALUES[name]).decode() for name in names}


def defined(values: dict[str, str], secret: bytes) -> tuple[bytes, naive.Hidden]:
    """Return the item leaf and the tree of its fields, by docs/format.md, 4."""
    fields = naive.derive(secret, "fields")
    leaves = {
        ITEM_SLOTS[name]: naive.leaf(
            "item-field",
            naive.derive(fields, "salt", ITEM_SLOTS[name]),
            b'{"name":"' + name.encode() + b'","value":' + text.encode() + b"}",
        )
        for name, text in values.items()
    }
    tree = naive.Hidden(leaves, 4, fields)
    payload = rfc8785.dumps({"kind": "item-field", "leaves": "16", "root": b64(tree.root)})
    return naive.leaf("item", naive.derive(fields, "salt", 16), payload), tree


SUBSETS = [names for size in range(1, len(VALUES) + 1) for names in combinations(VALUES, size)]


def test_every_set_of_fields_is_committed_to_as_the_document_defines_fast_and_readable_alike() -> None:
    assert len(SUBSETS) == 2 ** len(ITEM_SLOTS) - 1
    for number, names in enumerate(SUBSETS if ALL else [*SUBSETS[::3], tuple(VALUES)]):
        secret = naive.derive(SECRET, "salt", number)
        values = texts(names)
        leaf, tree = defined(values, secret)
        proofs = items.prove(values, secret)
        assert items.commit(values, secret) == proofs.leaf == leaf
        assert proofs.root == tree.root
        assert {n: list(field.proof.path) for n, field in proofs.fields.items()} == {
            n: tree.path(ITEM_SLOTS[n]) for n in names
        }


def test_the_fields_nearly_every_file_has_take_a_short_cut_to_the_same_commitment() -> None:
    usual = ("path", "size", "mtime", "stat", "sha256", "content", "fate")
    assert set(usual) == items._FIELDS_OF_A_FILE
    for order in (usual, usual[::-1]):
        assert items.commit(texts(order), SECRET) == defined(texts(usual), SECRET)[0]
    for without in usual:
        rest = texts(name for name in usual if name != without)
        assert items.commit(rest, SECRET) == defined(rest, SECRET)[0]
    for more in set(VALUES) - set(usual):
        assert items.commit(texts([*usual, more]), SECRET) == defined(texts([*usual, more]), SECRET)[0]


def test_what_is_proven_is_accepted_by_the_verifier_and_nothing_else_is() -> None:
    proofs = items.prove(texts(VALUES), SECRET)
    tree, where = naive.scattered_tree([proofs.leaf, bytes(32)], SECRET)
    shown = tuple(
        Leaf(name, VALUES[name], field.proof.index, field.salt, field.proof.path)
        for name, field in proofs.fields.items()
    )
    place = where[proofs.leaf]
    item = ShownItem(place, tuple(tree.path(place)), proofs.salt, proofs.root, shown, None, None)
    assert evidence.prove_item(item, TreeRef("item", tree.height, tree.root)).fields == VALUES


def test_two_items_with_the_same_fields_have_nothing_in_common() -> None:
    one, other = items.prove(texts(VALUES), SECRET), items.prove(texts(VALUES), bytes(32))
    hashes = [
        {proofs.leaf, proofs.root, proofs.salt}
        | {h for f in proofs.fields.values() for h in (f.salt, *f.proof.path)}
        for proofs in (one, other)
    ]
    assert not hashes[0] & hashes[1]


def test_one_changed_byte_of_any_field_changes_the_item() -> None:
    leaf = items.commit(texts(VALUES), SECRET)
    for name in VALUES:
        altered = texts(VALUES) | {name: '"other"'}
        assert items.commit(altered, SECRET) != leaf
        assert items.commit({n: t for n, t in texts(VALUES).items() if n != name}, SECRET) != leaf


def test_a_field_that_the_format_does_not_know_is_not_committed_to() -> None:
    for work in (items.commit, items.prove):
        with pytest.raises(KeyError):
            work({"caption": '"x"'}, SECRET)


# --- Texts written by hand -----------------------------------------------------------------------


@examples(200)
@given(st.integers(-(2**63), 2**64), st.binary(max_size=40))
def test_numbers_and_bytes_are_written_as_canonical_json(number: int, data: bytes) -> None:
    assert items.number(number).encode() == canonical.dumps(str(number))
    assert items.data(data).encode() == canonical.dumps(b64(data))
    assert (
        canonical.integer(canonical.loads(items.number(number).encode()), low=-(2**64), high=2**65) == number
    )


@pytest.mark.parametrize("height", [0, 16, 24, 32])
def test_a_tree_reference_is_written_as_canonical_json_and_read_back(height: int) -> None:
    text = items.tree_text("segment", height, SECRET)
    assert text.encode() == canonical.dumps(TreeRef("segment", height, SECRET).to_json())
    assert items.tree_ref(text, "segment", (0, 16, 24, 32)) == TreeRef("segment", height, SECRET)
    with pytest.raises(MalformedError):
        items.tree_ref(text, "packet", (0, 16, 24, 32))


def test_any_value_is_written_as_canonical_json_or_refused() -> None:
    for value in VALUES.values():
        assert items.value_text(value).encode() == rfc8785.dumps(value)
    wrong: Any = 5
    with pytest.raises(MalformedError):
        items.value_text(wrong)


PACKS = st.text("0123456789abcdef", min_size=64, max_size=64) | st.just("zero")
EXTENTS = st.lists(st.tuples(PACKS, st.integers(0, 2**40), st.integers(1, 2**40)), max_size=4)


@examples(100)
@given(
    st.sets(st.sampled_from(sorted(VALUES)), min_size=1),
    st.binary(min_size=32, max_size=32),
    EXTENTS,
    EXTENTS,
)
def test_a_manifest_line_is_canonical_json(names: set[str], secret: bytes, extents: Any, index: Any) -> None:
    line = items.record_line(texts(names), secret, extents, index)
    expected = {
        "extents": [[pack, str(at), str(size)] for pack, at, size in extents],
        "fields": {name: VALUES[name] for name in names},
        "index": [[pack, str(at), str(size)] for pack, at, size in index],
        "secret": b64(secret),
        "type": "item",
    }
    assert line == rfc8785.dumps(expected) + b"\n"
    assert canonical.loads(line[:-1]) == expected


@examples(100)
@given(st.binary(max_size=40), st.integers(0, 0o177777), st.integers(-(2**63), 2**63 - 1))
def test_the_line_of_a_folder_is_canonical_json(path: bytes, mode: int, mtime: int) -> None:
    expected = {"mode": str(mode), "mtime": str(mtime), "path": b64(path), "type": "folder"}
    assert items.folder_line(path, mode, mtime) == rfc8785.dumps(expected) + b"\n"
