"""Entries of the log: bound to ciphertext, effect and fields; a body opens for its reader, and only whole."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest
import rfc8785

import naive
from bearwitness.crypto import age
from bearwitness.custody.entries import Body, Entry, leaf_payload, now
from bearwitness.errors import KeyUnlockError, MalformedError, TamperedError
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, b64
from bearwitness_verify.leaves import ENTRY_SLOTS
from bearwitness_verify.merkle import root_from_path

MINE, OTHER = age.Identity(b"\x01" * 32), age.Identity(b"\x02" * 32)
FIELDS: dict[str, Json] = {
    "kind": "sealed",
    "time": now(),
    "note": "Übergabe",
    "items": "3",
    "delivery": {"a": "b"},
}
BODY = Body(FIELDS, {"tree": b64(bytes(32))}, bytes(range(32)))
EFFECT = {"deliveries/aa.json": "0" * 64, "packs/bb/bb": None}


def sealed() -> Entry:
    return Entry.seal(BODY, MINE.recipient, dict(EFFECT))


def test_an_entry_is_read_back_as_it_was_written() -> None:
    entry = sealed()
    assert Entry.decode(entry.encode()) == entry
    assert entry.open(MINE) == BODY
    assert Body.decode(BODY.encode()) == BODY


def test_the_file_of_an_entry_is_the_one_the_document_describes() -> None:
    entry = sealed()
    header, _, ciphertext = entry.encode().partition(b"\n")
    effect = {"files": EFFECT, "nonce": b64(entry.nonce)}
    fields = {"kind": "entry-field", "leaves": "32", "root": b64(entry.fields.root)}
    digest = b64(sha256(ciphertext).digest())
    assert header == rfc8785.dumps(
        {"ciphertext": digest, "effect": effect, "fields": fields, "salt": b64(entry.salt), "v": "1"}
    )
    assert rfc8785.dumps(
        {"fields": FIELDS, "secret": b64(BODY.secret), "secrets": dict(BODY.secrets), "v": "1"}
    ) == age.decrypt(ciphertext, MINE)
    payload = rfc8785.dumps(
        {"ciphertext": digest, "effect": b64(sha256(rfc8785.dumps(effect)).digest()), "fields": fields}
    )
    assert entry.leaf() == naive.leaf("entry", entry.salt, payload)
    assert leaf_payload(sha256(ciphertext).digest(), entry.effect_hash(), entry.fields) == payload


def test_fields_have_root_and_proofs_of_the_definition() -> None:
    slots = ENTRY_SLOTS["sealed"]
    leaves = {
        slots[name]: naive.leaf(
            "entry-field",
            naive.derive(BODY.secret, "salt", slots[name]),
            rfc8785.dumps({"name": name, "value": value}),
        )
        for name, value in FIELDS.items()
    }
    tree = naive.Hidden(leaves, 5, BODY.secret)
    root, shown = BODY.shown()
    assert root == tree.root == sealed().fields.root
    for name, field in shown.items():
        assert root_from_path(slots[name], 5, leaves[slots[name]], field.proof.path) == root
        assert list(field.proof.path) == tree.path(slots[name])


def test_two_entries_that_say_the_same_have_nothing_in_common() -> None:
    one, other = sealed(), sealed()
    assert one.ciphertext != other.ciphertext
    assert one.nonce != other.nonce
    assert one.salt != other.salt
    assert one.leaf() != other.leaf()
    assert Body(FIELDS).shown()[0] != Body(FIELDS).shown()[0]


def test_an_entry_is_closed_to_everybody_else() -> None:
    with pytest.raises(KeyUnlockError):
        sealed().open(OTHER)


def test_fields_that_are_not_those_committed_to_are_noticed_on_opening() -> None:
    entry = sealed()
    lied = age.encrypt(Body({**FIELDS, "items": "4"}, BODY.secrets, BODY.secret).encode(), MINE.recipient)
    forged = Entry(lied, entry.effect, entry.nonce, entry.fields, entry.salt)
    with pytest.raises(TamperedError, match="not those its leaf commits to"):
        forged.open(MINE)


def test_an_entry_of_a_kind_that_is_not_known_is_kept_and_shows_nothing() -> None:
    later = Body({"kind": "witnessed", "moon": "full"})
    entry = Entry(age.encrypt(later.encode(), MINE.recipient), {}, bytes(16), sealed().fields, bytes(32))
    assert Entry.decode(entry.encode()).open(MINE) == later
    with pytest.raises(MalformedError, match="does not know"):
        later.shown()


def test_a_field_that_its_kind_does_not_have_is_not_entered() -> None:
    with pytest.raises(MalformedError, match="does not know"):
        Entry.seal(Body({"kind": "restored", "delivery": "x"}), MINE.recipient)


def test_no_byte_of_an_entrys_file_can_be_altered_unnoticed() -> None:
    """The header is canonical and holds the hash of the rest; what may be altered in it changes the leaf."""
    entry = sealed()
    data, leaf = entry.encode(), entry.leaf()
    for at in range(len(data)):
        altered = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            read = Entry.decode(altered)
        except (MalformedError, TamperedError):
            continue
        assert read.leaf() != leaf


def member(name: str, value: Any) -> bytes:
    header, _, ciphertext = sealed().encode().partition(b"\n")
    got: Any = canonical.loads(header)
    got[name] = value
    return rfc8785.dumps(got) + b"\n" + ciphertext


NONCE = b64(bytes(16))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"{}\n",
        sealed().encode().partition(b"\n")[0],
        b" " + sealed().encode(),
        member("v", "2"),
        member("extra", "1"),
        member("salt", b64(bytes(31))),
        member("fields", {"kind": "entry-field", "leaves": "16", "root": b64(bytes(32))}),
        member("fields", {"kind": "item-field", "leaves": "32", "root": b64(bytes(32))}),
        member("effect", {}),
        member("effect", {"files": {}}),
        member("effect", {"files": [], "nonce": NONCE}),
        member("effect", {"files": {"a": "short"}, "nonce": NONCE}),
        member("effect", {"files": {"a": "Z" * 64}, "nonce": NONCE}),
        member("effect", {"files": {"a": ["x"]}, "nonce": NONCE}),
        member("effect", {"files": {"a": False}, "nonce": NONCE}),
        member("effect", {"files": {}, "nonce": b64(bytes(15))}),
        member("effect", {"files": {}, "nonce": NONCE, "more": "1"}),
    ],
)
def test_a_file_that_no_entry_of_ours_could_be_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        Entry.decode(data)


def test_another_ciphertext_under_the_same_header_is_noticed_without_keys() -> None:
    header, _, _ = sealed().encode().partition(b"\n")
    with pytest.raises(TamperedError, match="ciphertext"):
        Entry.decode(header + b"\n" + sealed().ciphertext)


@pytest.mark.parametrize(
    "value",
    [
        {"fields": {"kind": "sealed"}, "secret": b64(bytes(32)), "secrets": {}, "v": "2"},
        {"fields": {"kind": "sealed"}, "secret": b64(bytes(31)), "secrets": {}, "v": "1"},
        {"fields": {}, "secret": b64(bytes(32)), "secrets": {}, "v": "1"},
        {"fields": {"kind": ["sealed"]}, "secret": b64(bytes(32)), "secrets": {}, "v": "1"},
        {"fields": [], "secret": b64(bytes(32)), "secrets": {}, "v": "1"},
        {"fields": {"kind": "sealed"}, "secret": b64(bytes(32)), "secrets": None, "v": "1"},
        {"fields": {"kind": "sealed"}, "secret": b64(bytes(32)), "v": "1"},
    ],
    ids=str,
)
def test_a_body_that_is_not_as_we_write_it_is_refused(value: Json) -> None:
    with pytest.raises(MalformedError):
        Body.decode(canonical.dumps(value))


def test_secrets_are_not_shown_by_what_python_prints_of_a_body() -> None:
    assert repr(BODY.secret) not in repr(BODY)


def test_the_time_of_an_act_is_told_in_utc_and_as_the_clock_on_the_wall_showed_it() -> None:
    moment = datetime(2026, 3, 1, 1, 30, 59, 999_999, timezone(timedelta(hours=5, minutes=30)))
    assert now(moment) == {"local": "2026-03-01T01:30:59+05:30", "utc": "2026-02-28T20:00:59Z"}
    told = now()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(told["utc"]))
    assert datetime.fromisoformat(str(told["local"])) == datetime.fromisoformat(str(told["utc"]))
