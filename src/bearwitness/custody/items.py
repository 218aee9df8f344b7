"""An item's fields: what is committed to and what its manifest line says (docs/format.md, 4 and 5.2).

Values are kept as canonical JSON text by field name, ready to be hashed and to be written: sealing
does this for every file of a drive, so :func:`commit` is written for speed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from bearwitness.crypto.derive import derive, keyed
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, b64
from bearwitness_verify.leaves import (
    ITEM_HEIGHT,
    ITEM_SLOTS,
    TreeRef,
    hash_leaf,
    item_payload,
    prefix,
)

from .trees import Proof, slotted

Values = Mapping[str, str]  # field name -> canonical JSON text of its value
Extent = tuple[str, int, int]  # pack (or "zero"), offset in its plaintext, length

_FIELD_HEAD: Final = b"\x00" + prefix("item-field")
_ITEM_HEAD: Final = b"\x00" + prefix("item")
_LEAF_SALT_SLOT: Final = 16
_LEAF_SALT: Final = b"salt" + _LEAF_SALT_SLOT.to_bytes(8, "big")
# For each field: its slot, what derives its salt, how its payload begins.
_PREPARED: Final = {
    name: (slot, b"salt" + slot.to_bytes(8, "big"), b'{"name":"%s","value":' % name.encode())
    for name, slot in ITEM_SLOTS.items()
}
# What nearly every file has, in the order of the slots; slot 6, the track table, is not among them.
_OF_A_FILE: Final = ("path", "size", "mtime", "stat", "sha256", "content", "fate")
_FIELDS_OF_A_FILE: Final = frozenset(_OF_A_FILE)
_PREPARED_OF_A_FILE: Final = tuple((name, *_PREPARED[name][1:]) for name in _OF_A_FILE)
_FILLER: Final = [
    [b"filler" + level.to_bytes(8, "big") + i.to_bytes(8, "big") for i in range(16 >> level)]
    for level in range(ITEM_HEIGHT)
]
_NO_TRACKS: Final = _FILLER[0][ITEM_SLOTS["tracks"]]
_UPPER_HALF: Final = _FILLER[3][1]  # slots 8 to 15


def number(value: int) -> str:
    """Return the canonical JSON text of an integer."""
    return f'"{value}"'


def data(value: bytes) -> str:
    """Return the canonical JSON text of a byte string."""
    return f'"{b64(value)}"'


def value_text(value: Json) -> str:
    """Return the canonical JSON text of any value."""
    return canonical.dumps(value).decode()


def tree_text(kind: str, height: int, root: bytes) -> str:
    """Return the canonical JSON text of a tree reference."""
    return f'{{"kind":"{kind}","leaves":"{1 << height}","root":"{b64(root)}"}}'


def commit(values: Values, secret: bytes) -> bytes:
    """Return the item leaf (a hash) of an item with these fields under its `secret`."""
    key = keyed(derive(secret, b"fields"))
    root = _root_of_file(values, key) if values.keys() == _FIELDS_OF_A_FILE else _root_of(values, key)
    payload = b'{"kind":"item-field","leaves":"16","root":"%b"}' % b64(root).encode()
    return sha256(_ITEM_HEAD + sha256(key + _LEAF_SALT).digest() + payload).digest()


def _root_of(values: Values, key: bytes) -> bytes:
    """Return the root of the tree over any fields."""
    nodes: list[bytes | None] = [None] * (1 << ITEM_HEIGHT)
    for name, value in values.items():
        slot, salt, head = _PREPARED[name]
        leaf = _FIELD_HEAD + sha256(key + salt).digest() + head + value.encode() + b"}"
        nodes[slot] = sha256(leaf).digest()
    return _root(nodes, key)


def _root(nodes: list[bytes | None], key: bytes) -> bytes:
    """Return the root over 16 slots, absent subtrees being fillers."""
    for fillers in _FILLER:
        above: list[bytes | None] = []
        for left, right, fill_left, fill_right in zip(
            nodes[::2], nodes[1::2], fillers[::2], fillers[1::2], strict=True
        ):
            if left is None and right is None:
                above.append(None)
                continue
            left = left or sha256(key + fill_left).digest()  # noqa: PLW2901
            right = right or sha256(key + fill_right).digest()  # noqa: PLW2901
            above.append(sha256(b"\x01" + left + right).digest())
        nodes = above
    return nodes[0] or b""


def _root_of_file(values: Values, key: bytes) -> bytes:
    """Return what :func:`_root_of` does, for the fields nearly every file has: in two thirds of the time."""
    path, size, mtime, stat, digest, content, fate = [
        sha256(_FIELD_HEAD + sha256(key + salt).digest() + head + values[name].encode() + b"}").digest()
        for name, salt, head in _PREPARED_OF_A_FILE
    ]
    tracks = sha256(key + _NO_TRACKS).digest()
    path_to_size = sha256(b"\x01" + path + size).digest()
    mtime_to_stat = sha256(b"\x01" + mtime + stat).digest()
    digest_to_content = sha256(b"\x01" + digest + content).digest()
    tracks_to_fate = sha256(b"\x01" + tracks + fate).digest()
    left = sha256(b"\x01" + path_to_size + mtime_to_stat).digest()
    right = sha256(b"\x01" + digest_to_content + tracks_to_fate).digest()
    upper = sha256(key + _UPPER_HALF).digest()
    return sha256(b"\x01" + sha256(b"\x01" + left + right).digest() + upper).digest()


@dataclass(frozen=True)
class ShownField:
    """A field with all that proves it in the tree of its item or entry."""

    salt: bytes
    payload: bytes
    proof: Proof


@dataclass(frozen=True)
class ItemProofs:
    """The fields of one item, provable one by one, and what makes its own leaf."""

    leaf: bytes
    salt: bytes
    root: bytes
    fields: Mapping[str, ShownField]


def prove(values: Values, secret: bytes) -> ItemProofs:
    """Return proofs of all fields of an item; the readable counterpart of :func:`commit`."""
    fields_secret = derive(secret, b"fields")
    payloads = {name: f'{{"name":"{name}","value":{value}}}'.encode() for name, value in values.items()}
    salts = {name: derive(fields_secret, b"salt", ITEM_SLOTS[name]) for name in values}
    leaves = {
        ITEM_SLOTS[name]: hash_leaf("item-field", salts[name], payload) for name, payload in payloads.items()
    }
    root, proofs = slotted(leaves, ITEM_HEIGHT, fields_secret)
    salt = derive(fields_secret, b"salt", _LEAF_SALT_SLOT)
    shown = {name: ShownField(salts[name], payloads[name], proofs[ITEM_SLOTS[name]]) for name in values}
    return ItemProofs(hash_leaf("item", salt, item_payload(root)), salt, root, shown)


def tree_ref(value: str, kind: str, heights: tuple[int, ...]) -> TreeRef:
    """Read the text of a tree reference."""
    return TreeRef.from_json(json.loads(value), kind, heights)


def record_line(values: Values, secret: bytes, extents: Sequence[Extent], index: Sequence[Extent]) -> bytes:
    """Return the item's line of the manifest, newline included."""
    if values.keys() == _FIELDS_OF_A_FILE:
        v = values
        fields = (
            f'"content":{v["content"]},"fate":{v["fate"]},"mtime":{v["mtime"]},"path":{v["path"]},'
            f'"sha256":{v["sha256"]},"size":{v["size"]},"stat":{v["stat"]}'
        )
    else:
        fields = ",".join([f'"{name}":{values[name]}' for name in sorted(values)])
    return (
        f'{{"extents":{_extents(extents)},"fields":{{{fields}}},"index":{_extents(index)},'
        f'"secret":"{b64(secret)}","type":"item"}}\n'
    ).encode()


def _extents(extents: Sequence[Extent]) -> str:
    return "[" + ",".join([f'["{pack}","{at}","{size}"]' for pack, at, size in extents]) + "]"


def folder_line(path: bytes, mode: int, mtime_ns: int) -> bytes:
    """Return the manifest line of a folder, newline included."""
    return (f'{{"mode":"{mode}","mtime":"{mtime_ns}","path":"{b64(path)}","type":"folder"}}\n').encode()
