"""Who may sign: registered by two keepers, once as one human, never the source; what counts of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearwitness.custody import statements
from bearwitness.custody.signing import SigningKey
from bearwitness.errors import (
    BearwitnessError,
    KeyUnlockError,
    MalformedError,
    RefusedError,
    UsageError,
)
from bearwitness.vault import consents, people, personkeys, signed, signing_acts
from bearwitness.vault.consents import Consent
from bearwitness.vault.people import People, person_id
from bearwitness.vault.signed_acts import Signed
from bearwitness_verify.canonical import Json

VAULT = SigningKey("bearwitness/vault", 1, bytes(32)).verifier
KEEPERS = ["age1anna", "age1ben"]
SUBJECT, ITEM = "ab" * 32, "cd" * 16
NOBODY = People()
Fields = dict[str, Json]


def key(number: int) -> SigningKey:
    return SigningKey(f"person/{number:08x}", 1, bytes([number]) * 32)


def registered(number: int, name: str, replaces: str = "", roles: tuple[str, ...] = ("editor",)) -> Fields:
    made: Fields = {
        "kind": "person-registered", "person": person_id(key(number).verifier), "name": name,
        "roles": [*roles], "key": key(number).verifier.encode(), "keepers": [*KEEPERS], "replaces": replaces,
    }  # fmt: skip
    return made


def revoked(number: int) -> Fields:
    return {
        "kind": "person-revoked", "person": person_id(key(number).verifier), "ground": "lost",
        "keepers": [*KEEPERS],
    }  # fmt: skip


ANNA, BEN = registered(1, "Anna"), registered(2, "Ben")
CONSENT = Consent(
    "ef" * 16, ITEM, "woman in blue", "publication", "press", ("face", "voice"), date(2027, 1, 1),
    "tell us by phone, until it is printed", "ug", "Ben", "a lawyer and a doctor",
)  # fmt: skip


def approved(number: int, subject: str = SUBJECT, purpose: str = "publication") -> Fields:
    return signing_acts.approval(key(number), VAULT, subject, purpose)


def overridden(number: int, reason: str = "an officer on duty") -> Fields:
    return signing_acts.override(key(number), VAULT, SUBJECT, ITEM, "officer 1", reason)


def follow(*entries: Fields) -> Signed:
    """Return what is read of a log in which nothing is against the rules; raise an error if something is."""
    reader = signed.Reader(VAULT.encode())
    for entry, fields in enumerate(entries):
        reader.take(fields, entry)
    assert reader.signed == signed.follow(VAULT.encode(), enumerate(entries))
    return reader.signed


def lenient(*entries: Fields) -> Signed:
    """Return what every reader makes of a log, whatever is in it."""
    return signed.follow(VAULT.encode(), enumerate(entries))


# --- The register -------------------------------------------------------------------------------


def test_what_was_registered_is_read_again() -> None:
    made = people.registration(NOBODY, key(1).verifier, "Anna", ["lawyer", "editor", "editor"], KEEPERS)
    (anna,) = follow(made).people
    assert (anna.name, anna.roles, anna.active) == ("Anna", ("editor", "lawyer"), True)
    assert anna.id == person_id(key(1).verifier) == anna.human


@pytest.mark.parametrize(
    "name",
    [
        "our source",
        "Source",
        "the SOURCE of drive 3",
        "информатор",
        "Источник 2",
        "whistleblower",
        "线人甲",
        "lanceur d\u2019alerte",
        "de\u0301nonciateur",
    ],
)
def test_the_source_is_not_registered_and_the_reason_is_told(name: str) -> None:
    with pytest.raises(RefusedError, match="speaks of the source") as refused:
        people.registration(NOBODY, key(1).verifier, name, ["editor"], KEEPERS)
    assert "nothing in it says who" in str(refused.value.hint)


@pytest.mark.parametrize("role", ["source", "source-keeper", "informant", "источник"])
def test_there_is_no_role_for_the_source_or_who_knows_them(role: str) -> None:
    with pytest.raises(RefusedError, match="speaks of the source"):
        people.registration(NOBODY, key(1).verifier, "Anna", [role], KEEPERS)


@pytest.mark.parametrize("roles", [[], ["boss"], ["Editor"]])
def test_a_role_that_is_not_known_is_refused(roles: list[str]) -> None:
    with pytest.raises(UsageError):
        people.registration(NOBODY, key(1).verifier, "Anna", roles, KEEPERS)


def test_words_that_hold_the_word_by_chance_are_no_source() -> None:
    assert people.refuse_source("Outsourced resources", "a name") == "Outsourced resources"


def test_one_human_is_not_registered_twice_under_one_name_or_one_key() -> None:
    known = follow(ANNA).people
    for number, name in ((2, "anna"), (1, "Ben")):
        with pytest.raises(RefusedError, match="registered already"):
            people.registration(known, key(number).verifier, name, ["editor"], KEEPERS)


@pytest.mark.parametrize("again", ["Jose\u0301", "JOSE\u0301", "\uff2aos\u00e9"])
def test_one_human_does_not_count_twice_by_another_spelling_of_the_same_name(again: str) -> None:
    made = people.registration(NOBODY, key(1).verifier, "Jos\u00e9", ["editor"], KEEPERS)
    with pytest.raises(RefusedError, match="registered already"):
        people.registration(follow(made).people, key(2).verifier, again, ["lawyer"], KEEPERS)


def test_the_same_key_under_another_name_of_the_key_is_the_same_key() -> None:
    twin = SigningKey("person/000000ff", 1, key(1).seed)
    with pytest.raises(RefusedError, match="registered already"):
        people.registration(follow(ANNA).people, twin.verifier, "Ben", ["editor"], KEEPERS)


def test_a_replaced_key_signs_no_more_and_stays_the_same_human() -> None:
    known = follow(ANNA, registered(3, "Anna", replaces=str(ANNA["person"]))).people
    old, new = known
    assert (old.active, new.active) == (False, True)
    assert old.human == new.human
    with pytest.raises(RefusedError, match="revoked"):
        known.active(old.id)


@pytest.mark.parametrize(
    "wrong",
    [
        {"keepers": []}, {"keepers": ["age1anna"]}, {"keepers": ["age1anna", "age1anna"]}, {"roles": []},
        {"roles": ["source"]}, {"roles": ["lawyer", "editor"]}, {"person": "0" * 16}, {"name": ""},
        {"replaces": "0" * 16}, {"key": VAULT.encode()}, {"key": "x"}, {"keepers": None},
    ],
)  # fmt: skip
def test_a_registration_against_the_rules_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BearwitnessError):
        follow({**ANNA, **wrong})


@pytest.mark.parametrize("name", [name for name in ANNA if name != "kind"])
def test_a_registration_that_lacks_a_field_is_refused(name: str) -> None:
    with pytest.raises(BearwitnessError):
        follow({k: v for k, v in ANNA.items() if k != name})


def test_people_are_found_by_name_or_by_the_beginning_of_their_id() -> None:
    known = follow(ANNA, BEN).people
    assert known.find("ben") == known.find(str(BEN["person"])[:8])
    for wrong in ("Carla", "", "0" * 16):
        with pytest.raises(UsageError):
            known.find(wrong)


# --- What they sign -----------------------------------------------------------------------------


def test_an_approval_counts_for_its_subject_and_its_purpose_alone() -> None:
    known = follow(ANNA, BEN, approved(1), approved(2, purpose="archive"))
    assert set(known.approvers(SUBJECT, "publication")) == {ANNA["person"]}
    assert set(known.approvers(SUBJECT, "archive")) == {BEN["person"]}
    assert known.approvers("cd" * 32, "publication") == {}


def test_the_same_human_with_two_keys_is_one_approver() -> None:
    new = registered(3, "Anna", replaces=str(ANNA["person"]))
    known = follow(ANNA, approved(1), new, approved(3))
    assert len(known.approvals) == 2
    assert set(known.approvers(SUBJECT, "publication")) == {ANNA["person"]}


def test_an_approval_by_a_key_revoked_later_counts_no_more() -> None:
    assert follow(ANNA, approved(1), revoked(1)).approvers(SUBJECT, "publication") == {}


SIGNED_ACTS: dict[str, Fields] = {
    "approval": approved(1),
    "override": overridden(1),
    "consent": signing_acts.consent(key(1), VAULT, CONSENT),
    "receipt": {
        "person": str(ANNA["person"]),
        **signing_acts.receipt_from(signing_acts.statement(key(1), "receipt", VAULT, SUBJECT, "verified")),
    },
}
WITHDRAWAL = signing_acts.withdrawal(key(1), VAULT, CONSENT.consent, "asked by phone")


@pytest.mark.parametrize("act", SIGNED_ACTS)
def test_what_somebody_unregistered_or_revoked_signed_is_refused(act: str) -> None:
    follow(ANNA, SIGNED_ACTS[act])
    for before in ((), (BEN,), (ANNA, revoked(1))):
        with pytest.raises(BearwitnessError):
            follow(*before, SIGNED_ACTS[act])


@pytest.mark.parametrize("act", SIGNED_ACTS)
def test_no_field_of_a_signed_entry_can_be_altered_or_left_out(act: str) -> None:
    entry = SIGNED_ACTS[act]
    for name in entry.keys() - {"kind"}:
        with pytest.raises(BearwitnessError):
            follow(ANNA, {k: v for k, v in entry.items() if k != name})
        for other in ("", "other", None, ["face"], "00" * 32, "00" * 16, BEN["person"], "2028-01-01"):
            if entry[name] != other:
                with pytest.raises(BearwitnessError):
                    follow(ANNA, BEN, {**entry, name: other})


def test_a_statement_for_another_vault_does_not_count_here() -> None:
    other = SigningKey("bearwitness/other", 1, bytes(32)).verifier
    with pytest.raises(BearwitnessError):
        follow(ANNA, signing_acts.approval(key(1), other, SUBJECT, "publication"))


def test_a_statement_of_one_act_is_none_of_another() -> None:
    receipt = signing_acts.statement(key(1), "receipt", VAULT, SUBJECT, "publication")
    with pytest.raises(BearwitnessError):
        follow(ANNA, {**approved(1), "statement": receipt})
    with pytest.raises(RefusedError):
        signing_acts.approval_from(receipt, str(ANNA["person"]))


def test_kinds_that_people_do_not_sign_are_passed_over() -> None:
    assert list(follow({"kind": "sealed"}, ANNA, {"kind": "of tomorrow"}).people)


EVERYTHING = [
    ANNA, BEN, approved(1), approved(2), revoked(1), revoked(2), *SIGNED_ACTS.values(), WITHDRAWAL,
    {**approved(1), "person": BEN["person"]}, {**ANNA, "keepers": ["age1anna"]},
    {**revoked(2), "keepers": []}, {**WITHDRAWAL, "statement": "forged"}, {"kind": "approved"},
    {"kind": "consent-withdrawn"},
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(EVERYTHING), max_size=14))
def test_whatever_stands_in_a_log_nobody_counts_who_was_not_registered_by_two_or_is_revoked(
    log: list[Fields],
) -> None:
    known = lenient(*log)
    whole = [
        e for e in log if e["kind"] == "person-registered" and len(str(e["keepers"])) > len("['age1anna']")
    ]
    first = {e["person"]: log.index(e) for e in whole}
    gone = {
        e["person"]
        for n, e in enumerate(log)
        if e["kind"] == "person-revoked" and n > first.get(e["person"], n)
    }
    assert set(known.approvers(SUBJECT, "publication")) <= first.keys() - gone
    if known.consents:
        given_at = log.index(SIGNED_ACTS["consent"])
        later = [e for e in log[given_at:] if e["kind"] == "consent-withdrawn" and "consent" in e]
        (consent,) = known.consents.values()
        assert (consent.withdrawn is not None) >= (bool(later) and consent.entry == given_at)


@pytest.mark.parametrize("act", SIGNED_ACTS)
def test_what_somebody_else_signed_counts_for_nothing_is_told_and_stops_nothing_else(act: str) -> None:
    known = lenient(BEN, SIGNED_ACTS[act], approved(2))
    assert (known.consents, known.receipts, known.overrides) == ({}, [], [])
    assert set(known.approvers(SUBJECT, "publication")) == {BEN["person"]}
    (told,) = known.odd
    assert "entry 1" in told


def test_a_revocation_or_withdrawal_against_the_rules_takes_back_all_the_same() -> None:
    known = lenient(ANNA, BEN, SIGNED_ACTS["consent"], approved(1), {**revoked(1), "keepers": []})
    assert known.approvers(SUBJECT, "publication") == {}
    known = lenient(ANNA, SIGNED_ACTS["consent"], {**WITHDRAWAL, "statement": "forged"})
    assert known.consents[CONSENT.consent].withdrawn == 2
    assert len(known.odd) == 1


# --- Overrides ----------------------------------------------------------------------------------


def test_an_override_tells_who_stands_behind_each_reason() -> None:
    known = follow(ANNA, BEN, overridden(1), overridden(2, "another reason"))
    assert known.overriders(SUBJECT, ITEM, "officer 1") == {
        "an officer on duty": {ANNA["person"]}, "another reason": {BEN["person"]}
    }  # fmt: skip
    assert known.overriders(SUBJECT, ITEM, "officer 2") == {}
    assert known.overriders(SUBJECT, ITEM, "officer 1", after=3) == {}


# --- Consents -----------------------------------------------------------------------------------


def test_without_an_entry_no_consent_is_known() -> None:
    known = follow(ANNA, SIGNED_ACTS["consent"])
    assert known.in_words(ITEM, "man in red") == "no consent known"
    assert known.in_words(ITEM, "woman in blue") == "publication to press: face, voice"


def test_a_consent_withdrawn_stays_withdrawn() -> None:
    known = follow(ANNA, SIGNED_ACTS["consent"], WITHDRAWAL, WITHDRAWAL)
    assert known.consents[CONSENT.consent].withdrawn == 2
    assert known.in_words(ITEM, "woman in blue").endswith("(withdrawn)")
    with pytest.raises(BearwitnessError):
        follow(ANNA, SIGNED_ACTS["consent"], WITHDRAWAL, SIGNED_ACTS["consent"])


def test_only_a_consent_that_is_there_can_be_withdrawn() -> None:
    with pytest.raises(BearwitnessError):
        follow(ANNA, WITHDRAWAL)


def test_a_consent_by_somebody_who_left_later_still_holds() -> None:
    assert follow(ANNA, SIGNED_ACTS["consent"], revoked(1)).consents[CONSENT.consent].withdrawn is None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"purpose": "archive"}, "for publication"),
        ({"recipients": ("court", "Paper")}, "it is for press"),
        ({"ways": ("face", "name")}, "does not cover name"),
        ({"day": date(2027, 1, 2)}, "ended on 2027-01-01"),
        ({}, ""),
        ({"day": date(2027, 1, 1)}, ""),
        ({"ways": ("voice",)}, ""),
    ],
)
def test_a_consent_covers_what_it_says_and_nothing_more(changed: dict[str, Any], reason: str) -> None:
    asked: dict[str, Any] = {
        "purpose": "publication", "recipients": ("press", "Paper"), "ways": ("face",), "day": date(2026, 1, 1)
    }  # fmt: skip
    said = CONSENT.covers(**{**asked, **changed})
    assert (reason in said) if reason else said == ""


@pytest.mark.parametrize(
    "changed",
    [
        {"purpose": "fun"}, {"scope": ()}, {"scope": ("voice", "face")}, {"scope": ("soul",)}, {"label": ""},
        {"language": ""}, {"support": ""}, {"explained_by": ""}, {"withdrawal": ""}, {"item": "cd"},
    ],
)  # fmt: skip
def test_a_consent_is_not_recorded_with_anything_missing(changed: dict[str, Any]) -> None:
    with pytest.raises(BearwitnessError):
        consents.checked(replace(CONSENT, **changed))


def test_a_consent_does_not_speak_of_the_source() -> None:
    with pytest.raises(RefusedError):
        consents.checked(replace(CONSENT, label="the source"))


@pytest.mark.parametrize("day", ["2026-2-1", "2026-02-30", "20260201", "soon", ""])
def test_an_expiry_that_is_no_day_is_refused(day: str) -> None:
    with pytest.raises(MalformedError):
        consents.read_day(day)


def test_each_consent_gets_an_id_of_its_own() -> None:
    assert consents.checked(CONSENT).consent != consents.checked(CONSENT).consent


# --- Key files ----------------------------------------------------------------------------------


def never(prompt: str) -> str:
    raise AssertionError(prompt)


def test_a_key_file_is_read_again_and_open_to_its_owner_alone(tmp_path: Path) -> None:
    """With a passphrase: tests/cli/test_people_commands.py, for that is slow on purpose."""
    made, plain = personkeys.new_key(), tmp_path / "plain"
    personkeys.write(plain, made, None)
    assert personkeys.read(plain, never) == made
    assert plain.stat().st_mode & 0o777 == 0o600


def test_a_key_file_is_never_overwritten_nor_put_into_a_vault(tmp_path: Path) -> None:
    (tmp_path / "a" / "vault" / "deep").mkdir(parents=True)
    (tmp_path / "a" / "vault" / "vault.toml").touch()
    taken = tmp_path / "taken"
    taken.touch()
    for place in (taken, tmp_path / "a/vault/key", tmp_path / "a/vault/deep/key"):
        with pytest.raises(RefusedError):
            personkeys.write(place, personkeys.new_key(), None)


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        personkeys.write(tmp_path / "key", personkeys.new_key(), "short")
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize("text", ["", "AGE-SECRET-KEY-1", "ключ", SigningKey("x", 1, bytes(32)).encode()])
def test_what_is_no_person_s_key_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(KeyUnlockError):
        personkeys.read(tmp_path / "key", never)


def test_a_secret_key_is_in_no_repr() -> None:
    made = personkeys.new_key()
    assert made.encode().split("+", 4)[4] not in repr(made)
    assert str(
        statements.sign(
            statements.Statement("receipt", VAULT.encode(), SUBJECT, "x", "2026-01-01T00:00:00Z"), made
        )
    )
