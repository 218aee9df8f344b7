"""Chapter 13 of docs/format.md says what the code gives, and whoever knows only the document gets the same.

What computes the values again (`naive`) imports nothing of ours: hashlib, and for what is encrypted and
signed two libraries that we did not write.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import sys
from hashlib import sha256
from math import floor, log2
from pathlib import Path
from types import ModuleType
from typing import Any

import pyrage
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

import naive

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "format.md"
ITEM_SLOTS = "path size mtime stat sha256 content tracks fate origin md5 xattrs".split()
ENTRY_SLOTS = {"kind": 0, "time": 1, "by": 2, "delivery": 8, "items": 9, "bytes": 10}


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("worked_example", ROOT / "tools" / "worked_example.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["worked_example"] = module
    spec.loader.exec_module(module)
    return module


TOOL = _tool()
CHAPTER = TOOL.chapter_of(DOCUMENT.read_text("utf-8"))
VALUES: dict[str, dict[str, str]] = TOOL.values_of(CHAPTER)


def value(section: str, name: str) -> str:
    """Return a value of the document."""
    return VALUES[f"13.{section}"][name]


def raw(section: str, name: str) -> bytes:
    return bytes.fromhex(value(section, name))


def ending(section: str, name: str) -> bytes:
    """Return the bytes of the value whose name begins so."""
    (found,) = [text for key, text in VALUES[f"13.{section}"].items() if key.startswith(name + " (slot")]
    return bytes.fromhex(found)


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def reference(kind: str, height: int, root: bytes) -> str:
    return f'{{"kind":"{kind}","leaves":"{2**height}","root":"{b64url(root)}"}}'


def canonical(data: Any) -> bytes:
    """Write canonical JSON with another implementation."""
    return bytes(rfc8785.dumps(data))


def assert_proof(section: str, name: str, tree: naive.Hidden, index: int) -> None:
    """Say that the proof in the document is the naive tree's, and that it leads from the leaf to the root."""
    path = [raw(section, f"{name}: level {level}") for level in range(tree.height)]
    assert value(section, f"{name}: index") == str(index)
    assert path == tree.path(index)
    node = tree.leaves[index]
    for level, sibling in enumerate(path):
        pair = (sibling, node) if index >> level & 1 else (node, sibling)
        node = naive.digest(b"\x01", *pair)
    assert node == tree.root


def test_the_document_holds_what_the_code_gives() -> None:
    assert TOOL.example(TOOL.kept_ciphertext(CHAPTER)) == CHAPTER, "run: python tools/worked_example.py"


def test_every_value_of_the_document_is_looked_at_here() -> None:
    assert sorted(VALUES) == [f"13.{number}" for number in range(1, 9)]
    assert sum(map(len, VALUES.values())) > 100


def test_canonical_json_is_what_another_implementation_writes() -> None:
    written = raw("1", "bytes")
    assert written.decode() == value("1", "text")
    assert canonical(json.loads(written)) == written


@pytest.mark.parametrize("name", list(VALUES["13.2"]))
def test_packs_are_padded_as_the_paper_says(name: str) -> None:
    length = int(name.removeprefix("padded "))
    expected = length
    if length >= 2:
        e = floor(log2(length))
        multiple = 2 ** max(0, e - (floor(log2(e)) + 1))
        expected = -(-length // multiple) * multiple
    assert value("2", name) == str(expected)


def test_one_segment_is_its_own_content_tree() -> None:
    file, secret = raw("3", "file"), raw("3", "item secret")
    content = naive.derive(secret, "content")
    salt = naive.derive(content, "salt", 0)
    data = b"bearwitness/1/segment\x00" + salt + file
    assert (raw("3", "content secret"), raw("3", "salt"), raw("3", "leaf data")) == (content, salt, data)
    root = sha256(b"\x00" + data).digest()
    assert raw("3", "content root") == root
    assert raw("3", "sha256") == sha256(file).digest()
    assert value("3", "content") == reference("segment", 0, root)


def test_two_segments_are_a_run_in_a_hidden_tree() -> None:
    content = raw("3", "content secret")
    salts = [naive.derive(content, "salt", number) for number in range(2)]
    pieces = [b"hel", b"lo\n"]
    assert b"".join(pieces) == raw("3", "file")
    leaves = [naive.leaf("segment", salt, piece) for salt, piece in zip(salts, pieces, strict=True)]
    assert [raw("4", f"salt {n}") for n in range(2)] == salts
    assert [raw("4", f"leaf {n}") for n in range(2)] == leaves
    tree, first = naive.run_tree(leaves, content, content=True)
    assert value("4", "offset") == str(first)
    left, right = tree.run(first + 1, 1)
    for side, hashes in (("left", left), ("right", right)):
        assert [raw("4", name) for name in VALUES["13.4"] if name.startswith(side)] == hashes
    assert raw("4", "root") == tree.root
    assert value("4", "content") == reference("segment", 16, tree.root)


def test_the_item_is_its_fields_in_their_slots() -> None:
    fields = naive.derive(raw("3", "item secret"), "fields")
    assert raw("5", "fields secret") == fields
    names = [name.removesuffix(": payload") for name in VALUES["13.5"] if name.endswith(": payload")]
    assert names == ["path", "size", "mtime", "stat", "sha256", "content", "fate", "item leaf"]
    leaves = {}
    for name in names[:-1]:
        slot, payload = ITEM_SLOTS.index(name), value("5", f"{name}: payload").encode()
        assert json.loads(payload)["name"] == name
        assert canonical(json.loads(payload)) == payload
        salt = naive.derive(fields, "salt", slot)
        leaves[slot] = naive.leaf("item-field", salt, payload)
        assert ending("5", f"{name}: salt") == salt
        assert raw("5", f"{name}: leaf") == leaves[slot]
    told = {name: json.loads(value("5", f"{name}: payload"))["value"] for name in names[:-1]}
    assert told["path"] == b64url(b"a.txt")
    assert told["size"] == str(len(raw("3", "file")))
    assert told["sha256"] == b64url(raw("3", "sha256"))
    assert told["content"] == json.loads(value("3", "content"))
    tree = naive.Hidden(leaves, 4, fields)
    assert_proof("5", "proof of path", tree, 0)
    assert raw("5", "item root") == tree.root
    told_root = reference("item-field", 4, tree.root)
    salt = naive.derive(fields, "salt", 16)
    leaf = naive.leaf("item", salt, told_root.encode())
    assert (value("5", "item leaf: payload"), ending("5", "item leaf: salt")) == (told_root, salt)
    assert raw("5", "item leaf") == leaf
    assert value("5", "item id") == leaf[:16].hex()


def test_the_delivery_is_its_leaves_scattered() -> None:
    secret, item = raw("6", "tree secret"), raw("5", "item leaf")
    salt = naive.derive(secret, "salt", 0)
    receipt = naive.leaf("receipt", salt, raw("6", "receipt"))
    assert (raw("6", "receipt salt"), raw("6", "receipt leaf")) == (salt, receipt)
    tree, where = naive.scattered_tree([item, receipt], secret)
    assert value("6", "receipt: index") == str(where[receipt])
    assert_proof("6", "proof of the item", tree, where[item])
    assert raw("6", "delivery root") == tree.root
    assert value("6", "delivery") == reference("item", 16, tree.root)


def test_the_entry_opens_with_another_age_and_commits_to_what_it_says() -> None:
    ciphertext = base64.b64decode(value("7", "ciphertext (base64)"))
    identity = pyrage.x25519.Identity.from_str(value("7", "identity"))
    plain = pyrage.decrypt(ciphertext, [identity])
    assert plain.decode() == value("7", "plaintext")
    body = json.loads(plain)
    assert canonical(body) == plain
    secret = raw("7", "entry secret")
    assert body["secret"] == b64url(secret)
    assert body["fields"]["delivery"] == json.loads(value("6", "delivery"))
    assert body["secrets"]["tree"] == b64url(raw("6", "tree secret"))
    leaves = {}
    for name, said in body["fields"].items():
        slot = ENTRY_SLOTS[name]
        payload = canonical({"name": name, "value": said})
        leaves[slot] = naive.leaf("entry-field", naive.derive(secret, "salt", slot), payload)
        assert ending("7", f"{name}: leaf") == leaves[slot]
    tree = naive.Hidden(leaves, 5, secret)
    assert_proof("7", "proof of kind", tree, 0)
    assert raw("7", "fields root") == tree.root


def test_the_header_of_the_entry_makes_its_leaf() -> None:
    text = value("7", "header")
    header = json.loads(text)
    assert canonical(header) == text.encode()
    assert set(header) == {"ciphertext", "effect", "fields", "salt", "v"}
    ciphertext = base64.b64decode(value("7", "ciphertext (base64)"))
    assert header["ciphertext"] == b64url(sha256(ciphertext).digest())
    assert json.loads(reference("entry-field", 5, raw("7", "fields root"))) == header["fields"]
    effect = canonical(header["effect"])
    assert effect.decode() == value("7", "effect")
    payload = canonical(
        {
            "ciphertext": header["ciphertext"],
            "effect": b64url(sha256(effect).digest()),
            "fields": header["fields"],
        }
    )
    salt = base64.urlsafe_b64decode(header["salt"] + "=")
    assert raw("7", "entry leaf") == naive.leaf("entry", salt, payload)


def test_the_checkpoint_is_a_signed_note_of_a_log_of_one_entry() -> None:
    root = naive.mth([raw("7", "entry leaf")])
    lines = [value("8", f"line {number}") for number in range(3)]
    assert lines == ["bearwitness/example", "1", base64.b64encode(root).decode()]
    text = "\n".join(lines) + "\n"
    key = Ed25519PrivateKey.from_private_bytes(raw("8", "seed"))
    public = b"\x01" + key.public_key().public_bytes_raw()
    key_id = sha256(lines[0].encode() + b"\n" + public).digest()[:4]
    vkey = f"{lines[0]}+{key_id.hex()}+{base64.b64encode(public).decode()}"
    assert value("8", "vkey") == vkey
    assert raw("8", "fingerprint") == sha256(vkey.encode()).digest()
    said, _, signature = raw("8", "note").decode().partition("\n\n")
    assert said + "\n" == text
    dash, name, encoded = signature.rstrip("\n").split(" ")
    assert (dash, name) == ("—", lines[0])
    signed = base64.b64decode(encoded)
    assert signed[:4] == key_id
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(signed[4:], text.encode())
