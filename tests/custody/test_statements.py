"""A statement says one thing, is signed by one key, and anybody shown it can check it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.custody import statements
from bearwitness.custody.signing import SigningKey
from bearwitness.custody.statements import Statement
from bearwitness.errors import MalformedError, SignatureError
from bearwitness_verify import note
from bearwitness_verify.note import COSIGNATURE

VAULT = SigningKey("bearwitness/vault", 1, bytes(32)).verifier.encode()
KEY = SigningKey("person/00000001", 1, bytes([1]) * 32)
OTHER = SigningKey("person/00000002", 1, bytes([2]) * 32)
GOOD = Statement("approval", VAULT, "ab" * 32, "publication", "2026-03-12T14:02:07Z")


def test_what_was_signed_is_read_again() -> None:
    assert statements.read(statements.sign(GOOD, KEY), KEY.verifier) == GOOD


def test_the_text_is_the_one_of_the_document() -> None:
    expected = f"bearwitness/1/approval\nvault: {VAULT}\nsubject: {'ab' * 32}\npurpose: publication\n"
    assert GOOD.text() == expected + "time: 2026-03-12T14:02:07Z\n"


@given(st.text(max_size=60))
def test_any_purpose_is_either_read_again_as_it_was_or_can_not_be_signed(purpose: str) -> None:
    statement = Statement("receipt", VAULT, "00" * 32, purpose, "2026-03-12T14:02:07Z")
    try:
        signed = statements.sign(statement, KEY)
    except (MalformedError, UnicodeEncodeError):
        return
    assert statements.read(signed, KEY.verifier) == statement


@given(st.data())
def test_a_statement_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    signed = statements.sign(GOOD, KEY)
    place = data.draw(st.integers(0, len(signed) - 1))
    letter = data.draw(st.characters(codec="utf-8").filter(lambda c: c != signed[place]))
    with pytest.raises((MalformedError, SignatureError)):
        statements.read(signed[:place] + letter + signed[place + 1 :], KEY.verifier)


def test_another_person_s_key_does_not_open_the_door() -> None:
    with pytest.raises(SignatureError):
        statements.read(statements.sign(GOOD, OTHER), KEY.verifier)


def test_two_signatures_are_refused() -> None:
    both = note.Note(GOOD.text(), (KEY.sign(GOOD.text()), OTHER.sign(GOOD.text()))).encode().decode()
    with pytest.raises(SignatureError):
        statements.read(both, KEY.verifier)


def test_a_cosigner_s_key_is_no_person_s() -> None:
    key = SigningKey("person/00000003", COSIGNATURE, bytes([3]) * 32)
    with pytest.raises(SignatureError):
        statements.read(note.Note(GOOD.text(), (key.sign(GOOD.text(), 1),)).encode().decode(), key.verifier)


@pytest.mark.parametrize(
    "changed",
    [
        {"act": "release"}, {"act": "Approval"}, {"subject": "AB" * 32}, {"subject": "ab" * 31},
        {"vault": "vault"}, {"purpose": ""}, {"purpose": "a\nb"}, {"purpose": " a"}, {"purpose": "x" * 501},
        {"purpose": "a\u200fb"}, {"time": "2026-03-12T14:02:07+00:00"}, {"time": "2026-3-12T14:02:07Z"},
        {"time": "2026-02-30T00:00:00Z"},
    ],
)  # fmt: skip
def test_what_can_not_stand_in_a_statement_is_not_signed(changed: dict[str, str]) -> None:
    with pytest.raises(MalformedError):
        statements.sign(Statement(**{**GOOD.__dict__, **changed}), KEY)


@pytest.mark.parametrize(
    "text", [GOOD.text() + "more: x\n", GOOD.text()[:-1], GOOD.text().replace("1/", "2/")]
)
def test_a_line_more_or_less_is_refused_even_if_signed(text: str) -> None:
    with pytest.raises(MalformedError):
        statements.read(KEY.sign_note(text).decode(), KEY.verifier)
