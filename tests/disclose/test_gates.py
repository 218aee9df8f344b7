"""Each gate alone stops a release; no combination shows the press an unredacted face with one approval."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from bearwitness.catalogue import schema
from bearwitness.catalogue.catalogue import Catalogue
from bearwitness.custody.signing import SigningKey
from bearwitness.disclose import gates, policies
from bearwitness.disclose.facts import Attack, Facts, Look, Rule, Scan, _alike, _seen_in_triage, rule_of
from bearwitness.disclose.gates import GATES, NAMES
from bearwitness.disclose.redactions import require_redacted
from bearwitness.disclose.request import TREATMENTS, Request, Shown, Visible
from bearwitness.disclose.risk_model import RiskReport
from bearwitness.disclose.sharing import CONDITIONS, REQUIRED, Condition, Conditions
from bearwitness.errors import MalformedError, RefusedError
from bearwitness.vault.consents import PROFILES, PURPOSES, WAYS, Consent
from bearwitness.vault.people import ROLES, People, Person
from bearwitness.vault.signed_acts import Approval, Override, Signed
from bearwitness_verify import canonical

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ITEM, OTHER = "cd" * 16, "ce" * 16
SEALED, OUT = "5e" * 32, "0e" * 32
FACE = Visible("woman in blue", ("face",))
MET = Conditions("to be printed", {name: Condition(True, "agreed by letter") for name in CONDITIONS})
KEY = SigningKey("person/00000001", 1, bytes(32)).verifier


def request(**changed: Any) -> Request:
    whole: dict[str, Any] = {
        "profile": "press", "recipient": "The Paper", "purpose": "publication", "conditions": MET,
        "minimum": 3, "exhibits": (Shown(ITEM, OUT, "redacted", (FACE,)),), "embargo": NOW,
        "metadata": (), "plan": None,
    }  # fmt: skip
    return Request(**{**whole, **changed})


CLEAR = request(exhibits=(Shown(ITEM, SEALED, "clear", (FACE,)),))


def register(*humans: str, roles: tuple[str, ...] = ("editor",)) -> People:
    """Return people called p0, p1 … of whom each is the human named at its place."""
    return People({f"p{n}": Person(f"p{n}", f"P{n}", roles, KEY, human, n) for n, human in enumerate(humans)})


def approvals(asked: Request, count: int) -> list[Approval]:
    return [Approval(f"p{n}", asked.subject(), asked.purpose, "", 10 + n) for n in range(count)]


def overrides(
    asked: Request, count: int, entry: int = 30, reason: str = "an officer on duty"
) -> list[Override]:
    return [
        Override(f"p{n}", asked.subject(), "consent", ITEM, FACE.label, reason, "", entry + n)
        for n in range(count)
    ]  # fmt: skip


def consent(**changed: Any) -> Consent:
    given = Consent(
        "ef" * 16, ITEM, FACE.label, "publication", "press", ("face",), None, "by phone", "ug", "Ben",
        "a doctor", 20,
    )  # fmt: skip
    return replace(given, **changed)


def signed(asked: Request, *, approved: int = 2, consents: Iterable[Consent] = (consent(),)) -> Signed:
    known = {c.consent: c for c in consents}
    return Signed(register("h0", "h1", "h2"), approvals(asked, approved), [], known)


def risk(asked: Request, **changed: Any) -> RiskReport:
    whole: dict[str, Any] = {
        "subject": asked.subject(), "minimum": asked.minimum, "possible": 4, "findings": (),
        "alternatives": (),
    }  # fmt: skip
    return RiskReport(**{**whole, **changed})


def seen(sha256: str, faces: int, tool: str) -> Look:
    """Return what detectors saw where each person has a face, nobody speaks and nothing is written."""
    return Look(sha256, faces, tool, faces, 0, 0)


def told(asked: Request) -> dict[str, str]:
    """Return the conditions of a release that tells all that it must."""
    embargo = {} if asked.embargo is None else {"embargo": asked.embargo.isoformat()}
    return {"purpose": "x", "onward": "x", "fair_trial": "x", "death_penalty": "x", **embargo}


def facts(asked: Request, **changed: Any) -> Facts:
    """Return facts by which `asked` passes all gates, but for what is changed."""
    bytes_out = [shown.sha256 for shown in asked.exhibits]
    whole: dict[str, Any] = {
        "now": NOW, "signed": signed(asked), "sealed": {ITEM: SEALED}, "frozen": frozenset(),
        "rules": {ITEM: rule_of("vault")}, "attacks": tuple(Attack(b, (), "attack 1") for b in bytes_out),
        "looks": tuple(seen(b, 1, "detector 1") for b in bytes_out),
        "scans": tuple(Scan(b, (), "scan 1") for b in bytes_out), "risk": risk(asked),
        "travelling": told(asked),
    }  # fmt: skip
    return Facts(**{**whole, **changed})


def failed(asked: Request, known: Facts) -> set[str]:
    """Return the gates that do not let pass; `check` must say the same."""
    names = {result.gate for result in gates.judge(asked, known) if not result.passed}
    if names:
        with pytest.raises(RefusedError) as refused:
            gates.check(asked, known)
        assert all(f"{name}: " in refused.value.message for name in names)
    else:
        assert [result.gate for result in gates.check(asked, known)] == list(NAMES)
    return names


GOOD = (request(), CLEAR)


@pytest.mark.parametrize("asked", GOOD, ids=["redacted", "clear"])
def test_with_everything_in_order_all_gates_pass(asked: Request) -> None:
    assert failed(asked, facts(asked)) == set()


# --- Nothing can be left out --------------------------------------------------------------------


@pytest.mark.parametrize("gone", NAMES)
@pytest.mark.parametrize("asked", GOOD, ids=["redacted", "clear"])
def test_a_release_is_refused_when_a_gate_is_removed(
    asked: Request, gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "GATES", MappingProxyType({n: g for n, g in GATES.items() if n != gone}))
    with pytest.raises(RefusedError, match=f"{gone}: this gate did not run"):
        gates.check(asked, facts(asked))


@pytest.mark.parametrize("gone", NAMES)
def test_results_without_a_gate_are_refused(gone: str) -> None:
    results = gates.check(CLEAR, facts(CLEAR))
    with pytest.raises(RefusedError, match="not every gate ran"):
        gates.refuse(tuple(result for result in results if result.gate != gone))
    with pytest.raises(RefusedError):
        gates.refuse((*results, results[0]))
    with pytest.raises(RefusedError):
        gates.refuse(())


@pytest.mark.parametrize("name", [field.name for field in fields(Facts)])
def test_a_fact_that_is_missing_is_a_refusal(name: str) -> None:
    missing = replace(facts(request()), **{name: Facts.__dataclass_fields__[name].default})
    assert failed(request(), missing)


def test_with_no_facts_at_all_every_gate_that_needs_one_refuses() -> None:
    assert failed(request(conditions=Conditions()), Facts()) == set(NAMES)


@pytest.mark.parametrize("name", ["attacks", "looks", "scans"])
def test_a_fact_about_other_bytes_is_no_fact(name: str) -> None:
    good = facts(request())
    others = tuple(replace(fact, sha256="ff" * 32) for fact in getattr(good, name))
    assert failed(request(), replace(good, **{name: others}))


# --- Gate by gate: exactly the one that must, and no other --------------------------------------


@pytest.mark.parametrize(
    ("gate", "changed"),
    [
        ("attack", {"attacks": (Attack(OUT, ("a face at 00:12",), "attack 1"),)}),
        ("attack", {"attacks": (Attack(OUT, (), "one"), Attack(OUT, ("a voice",), "another"))}),
        ("people", {"looks": (seen(OUT, 2, "detector 1"),)}),
        ("people", {"looks": (seen(OUT, 0, "one"), seen(OUT, 2, "another"))}),
        ("metadata", {"scans": (Scan(OUT, ("gps",), "scan 1"),)}),
        ("frozen", {"frozen": frozenset({ITEM})}),
        ("compartment", {"rules": {ITEM: rule_of("source")}}),
        ("compartment", {"rules": {ITEM: rule_of("of tomorrow")}}),
        ("compartment", {"rules": {OTHER: rule_of("vault")}}),
        ("compartment", {"rules": {ITEM: Rule("violence", True, 3)}}),
        ("compartment", {"rules": {ITEM: Rule("violence", True, 2, frozenset({"lawyer"}))}}),
        ("embargo", {"now": NOW - timedelta(seconds=1)}),
        ("embargo", {"now": NOW.replace(tzinfo=None)}),
    ],
)
def test_a_bad_fact_is_stopped_by_its_gate_alone(gate: str, changed: dict[str, Any]) -> None:
    assert failed(request(), facts(request(), **changed)) == {gate}


def test_a_compartment_s_roles_are_met_by_who_has_them() -> None:
    asked, rule = request(), Rule("violence", True, 2, frozenset({"lawyer"}))
    known = replace(signed(asked), people=register("h0", "h1", roles=("lawyer",)))
    assert failed(asked, facts(asked, signed=known, rules={ITEM: rule})) == set()


@pytest.mark.parametrize("treatment", ["clear", "text"])
@pytest.mark.parametrize("profile", PROFILES)
def test_anything_clear_needs_two_people_in_every_profile(profile: str, treatment: str) -> None:
    asked = request(profile=profile, exhibits=(Shown(ITEM, OUT, treatment, ()),))
    for count, wanted in ((0, {"approvals"}), (1, {"approvals"}), (2, set())):
        known = signed(asked, approved=count)
        looks = (seen(OUT, 0, "detector 1"),)
        assert failed(asked, facts(asked, signed=known, looks=looks)) - {"compartment"} == wanted


def test_two_keys_of_one_human_are_one_approval() -> None:
    known = replace(signed(CLEAR), people=register("h0", "h0"))
    assert "approvals" in failed(CLEAR, facts(CLEAR, signed=known))


def test_approvals_of_another_request_or_purpose_do_not_count() -> None:
    known, other = signed(CLEAR), request(recipient="Another Paper")
    for wrong in (
        [replace(a, subject=other.subject()) for a in known.approvals],
        [replace(a, purpose="archive") for a in known.approvals],
    ):
        assert "approvals" in failed(CLEAR, facts(CLEAR, signed=replace(known, approvals=wrong)))


@pytest.mark.parametrize("sha256", [SEALED, "5f" * 32])
def test_sealed_bytes_called_redacted_are_clear_and_refused(sha256: str) -> None:
    """Those of the item itself, and those of any other that goes along."""
    asked = request(exhibits=(Shown(ITEM, sha256, "redacted", (FACE,)), Shown(OTHER, OUT, "redacted", ())))
    known = facts(
        asked, sealed={ITEM: SEALED, OTHER: "5f" * 32}, rules={i: rule_of("vault") for i in (ITEM, OTHER)},
        looks=(seen(sha256, 1, "d"), seen(OUT, 0, "d")), signed=signed(asked, approved=1),
    )  # fmt: skip
    assert failed(asked, known) == {"approvals", "attack"}


def test_a_recipient_who_is_called_like_a_profile_gets_nothing_that_was_agreed_for_that_profile() -> None:
    asked = request(recipient="court")
    known = facts(asked, signed=signed(asked, consents=[consent(recipient="court")]))
    assert failed(asked, known) == {"consent"}
    assert failed(asked, facts(asked)) == set()


@pytest.mark.parametrize(
    ("consents", "passes"),
    [
        ([], False),
        ([consent()], True),
        ([consent(recipient="The Paper")], True),
        ([consent(recipient="Another Paper")], False),
        ([consent(recipient="court")], False),
        ([consent(purpose="archive")], False),
        ([consent(scope=("voice",))], False),
        ([consent(label="another woman")], False),
        ([consent(item=OTHER)], False),
        ([consent(expiry=NOW.date())], True),
        ([consent(expiry=NOW.date() - timedelta(days=1))], False),
        ([consent(withdrawn=25)], False),
        ([consent(withdrawn=0)], False),
        (
            [consent(withdrawn=25), consent(consent="e0" * 16, entry=21)],
            False,
        ),  # what was given before goes too
        ([consent(withdrawn=25), consent(consent="e0" * 16, entry=26)], True),  # given anew
    ],
)
def test_consent_must_be_for_this_person_purpose_recipient_scope_and_day(
    consents: list[Consent], passes: bool
) -> None:
    known = facts(request(), signed=signed(request(), consents=consents))
    assert failed(request(), known) == (set() if passes else {"consent"})


def test_without_an_entry_the_refusal_says_that_no_consent_is_known() -> None:
    with pytest.raises(RefusedError, match="woman in blue: no consent known"):
        gates.check(request(), facts(request(), signed=signed(request(), consents=())))


def test_two_people_for_one_reason_override_a_missing_consent() -> None:
    asked = request()
    known = signed(asked, consents=())
    for made, wanted in (
        (overrides(asked, 1), {"consent"}),
        (overrides(asked, 2), set()),
        ([overrides(asked, 1)[0], *overrides(asked, 2, reason="another")[1:]], {"consent"}),
        (overrides(request(recipient="Another Paper"), 2), {"consent"}),
    ):
        assert failed(asked, facts(asked, signed=replace(known, overrides=made))) == wanted
    twins = replace(known, overrides=overrides(asked, 2), people=register("h0", "h0"))
    assert failed(asked, facts(asked, signed=twins)) == {"consent"}


@pytest.mark.parametrize(
    ("profile", "entry", "passes"), [("press", 30, False), ("court", 30, True), ("court", 20, False)]
)
def test_a_withdrawal_is_overridden_only_later_and_never_for_the_press(
    profile: str, entry: int, passes: bool
) -> None:
    asked = request(profile=profile)
    known = signed(asked, consents=[consent(recipient=profile, withdrawn=25)])
    known.overrides = overrides(asked, 2, entry)
    assert failed(asked, facts(asked, signed=known)) == (set() if passes else {"consent"})


@pytest.mark.parametrize("profile", PROFILES)
def test_every_sharing_condition_of_a_profile_must_be_stated_and_met(profile: str) -> None:
    for name in REQUIRED[profile]:
        for met in (False, None, ...):
            stated = {n: c for n, c in MET.stated.items() if n != name or met is not ...}
            if met is not ...:
                stated[name] = Condition(met, "not sure")
            asked = request(profile=profile, conditions=Conditions("x", stated))
            known = facts(asked, signed=signed(asked, consents=[consent(recipient=profile)]))
            assert failed(asked, known) == {"conditions"}
    asked = request(profile=profile, conditions=replace(MET, purpose=None))
    assert "conditions" in failed(asked, facts(asked))


def test_court_and_investigator_need_every_condition() -> None:
    assert all(REQUIRED[profile] == set(CONDITIONS) for profile in ("court", "investigator"))
    assert all("consent" in REQUIRED[profile] for profile in PROFILES)


def test_accepted_metadata_passes_outside_the_press_alone() -> None:
    for profile, wanted in (("court", set()), ("press", {"metadata"})):
        asked = request(profile=profile, metadata=("gps",))
        known = facts(
            asked, scans=(Scan(OUT, ("gps",), "s"),),
            signed=signed(asked, consents=[consent(recipient=profile)]),
        )  # fmt: skip
        assert failed(asked, known) == wanted


@pytest.mark.parametrize(
    "changed", [{"possible": 2}, {"possible": None}, {"minimum": 2}, {"minimum": 4}, {"subject": "ab" * 32}]
)
def test_too_few_possible_people_or_a_report_of_something_else_block(changed: dict[str, Any]) -> None:
    assert failed(request(), facts(request(), risk=risk(request(), **changed))) == {"source-risk"}


def test_the_press_is_not_served_where_one_is_assumed() -> None:
    asked = request(minimum=1)
    assert failed(asked, facts(asked, risk=risk(asked, possible=None))) == {"source-risk"}
    asked = request(minimum=1, profile="court")
    known = facts(
        asked, risk=risk(asked, possible=None), signed=signed(asked, consents=[consent(recipient="court")])
    )
    assert failed(asked, known) == set()


# --- The promise --------------------------------------------------------------------------------


def worlds() -> Iterable[tuple[Request, Facts]]:
    """Yield all combinations of what can be claimed, known and approved of bytes that show a face.

    They do show it: no attack on them passes, however they are called. Of approvals there is one, or two by
    keys of one human; of overrides none, one or two. All that is not about the face is in order.
    """
    both, given = (True, False), ((), (consent(),), (consent(withdrawn=25),))
    claims = itertools.product(("redacted", "clear", "text"), both, both)
    found = itertools.product((None, 0, 1), (None, "hit", "other bytes"), given, (0, 1, 2))
    rest = itertools.product(both, both, both)
    for claim, fact, more in itertools.product(claims, found, rest):
        treatment, listed, is_sealed = claim
        faces, attack, consents, overriding = fact
        twins, met, other = more
        out = SEALED if is_sealed else OUT
        exhibits = [Shown(ITEM, out, treatment, (FACE,) if listed else ())]
        if other:  # something harmless, well redacted, goes along
            exhibits.append(Shown(OTHER, "0f" * 32, "redacted", ()))
        asked = request(exhibits=tuple(exhibits), conditions=MET if met else Conditions())
        known = Signed(
            register("h0", "h0" if twins else "h1"), approvals(asked, 2 if twins else 1),
            overrides(asked, overriding), {c.consent: c for c in consents},
        )  # fmt: skip
        good = facts(asked)
        attacks = {
            None: (),
            "hit": (Attack(out, ("a face",), "a"),),
            "other bytes": (Attack("ff" * 32, (), "a"),),
        }
        yield (
            asked,
            replace(
                good,
                signed=known,
                sealed={ITEM: SEALED, OTHER: "50" * 32},
                rules={ITEM: rule_of("vault"), OTHER: rule_of("vault")},
                attacks=(*attacks[attack], *good.attacks[1:]),
                looks=(*(() if faces is None else (seen(out, faces, "d"),)), *(seen("0f" * 32, 0, "d"),)),
            ),
        )


def test_no_combination_lets_an_unredacted_face_out_to_the_press_with_one_approval() -> None:
    count = 0
    for asked, known in worlds():
        assert any(not result.passed for result in gates.judge(asked, known))
        count += 1
    assert count == 3 * 2 * 2 * 3 * 3 * 3 * 3 * 2 * 2 * 2


def test_the_combinations_hold_some_that_a_second_approval_would_let_out() -> None:
    """Else the test above could pass because of something that always refuses."""

    def passes(asked: Request, known: Facts) -> bool:
        assert known.signed is not None
        second = replace(known.signed, people=register("h0", "h1"), approvals=approvals(asked, 2))
        return all(result.passed for result in gates.judge(asked, replace(known, signed=second)))

    assert any(passes(asked, known) for asked, known in worlds())


def test_no_combination_of_missing_facts_passes() -> None:
    names = [field.name for field in fields(Facts)]
    good = facts(CLEAR)
    for count in range(1, len(names) + 1):
        for gone in itertools.combinations(names, count):
            if set(gone) == {"attacks"}:
                continue  # nothing in it is redacted
            known = replace(good, **{n: Facts.__dataclass_fields__[n].default for n in gone})
            assert any(not result.passed for result in gates.judge(CLEAR, known))


# --- The request --------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", GOOD, ids=["redacted", "clear"])
def test_a_request_is_read_again_as_it_was(asked: Request) -> None:
    assert Request.decode(asked.encode()) == asked
    assert Request.decode(asked.encode()).subject() == asked.subject()


@pytest.mark.parametrize(
    "changed",
    [
        {"recipient": "Other"}, {"purpose": "archive"}, {"profile": "court"}, {"minimum": 4},
        {"embargo": None}, {"metadata": ("gps",)}, {"plan": "ab" * 32},
        {"conditions": replace(MET, purpose="x")},
        {"exhibits": (Shown(ITEM, SEALED, "redacted", (FACE,)),)},
        {"exhibits": (Shown(ITEM, OUT, "clear", (FACE,)),)},
        {"exhibits": (Shown(ITEM, OUT, "redacted", ()),)},
        {"exhibits": (Shown(OTHER, OUT, "redacted", (FACE,)),)},
    ],
)  # fmt: skip
def test_whatever_is_changed_it_is_another_request_to_approve(changed: dict[str, Any]) -> None:
    assert request(**changed).subject() != request().subject()


@pytest.mark.parametrize(
    "name", ["conditions", "embargo", "exhibits", "metadata", "minimum", "plan", "profile", "v"]
)
def test_a_request_that_lacks_a_member_or_has_one_more_is_refused(name: str) -> None:
    whole = request().to_json()
    for wrong in (
        {k: v for k, v in whole.items() if k != name},
        {**whole, "more": None},
        {**whole, name: "x"},
    ):
        with pytest.raises(MalformedError):
            Request.decode(canonical.dumps(wrong))


def test_a_request_in_another_order_is_not_written() -> None:
    two = (Shown(OTHER, OUT, "redacted", ()), Shown(ITEM, OUT, "redacted", ()))
    for asked in (request(exhibits=two), request(metadata=("b", "a")), request(exhibits=())):
        with pytest.raises(MalformedError):
            asked.encode()


def test_what_travels_with_a_release_are_the_texts_of_its_conditions() -> None:
    assert MET.texts() == {"purpose": "to be printed", **dict.fromkeys(CONDITIONS, "agreed by letter")}


TEXTS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=12)
WAYS_SEEN = st.sets(st.sampled_from(WAYS), min_size=1).map(lambda ways: tuple(sorted(ways)))
PEOPLE_SEEN = st.dictionaries(TEXTS, WAYS_SEEN, max_size=3).map(
    lambda found: tuple(Visible(label, found[label]) for label in sorted(found))
)
SHOWN = st.builds(
    Shown,
    st.sampled_from([ITEM, OTHER]),
    st.sampled_from([OUT, SEALED]),
    st.sampled_from(TREATMENTS),
    PEOPLE_SEEN,
)
REQUESTS = st.builds(
    Request, st.sampled_from(PROFILES), TEXTS, st.sampled_from(PURPOSES),
    st.lists(SHOWN, min_size=1, unique_by=lambda e: (e.item, e.sha256)).map(
        lambda exhibits: tuple(sorted(exhibits, key=lambda e: (e.item, e.sha256)))
    ),
    st.builds(
        Conditions, st.none() | TEXTS,
        st.dictionaries(st.sampled_from(CONDITIONS), st.builds(Condition, st.none() | st.booleans(), TEXTS)),
    ),
    st.integers(1, 1000), st.none() | st.just(NOW), st.sets(TEXTS).map(lambda m: tuple(sorted(m))),
    st.none() | st.just("ab" * 32),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(REQUESTS)
def test_any_request_is_written_and_read_again_and_without_facts_refused(asked: Request) -> None:
    assert Request.decode(asked.encode()) == asked
    with pytest.raises(RefusedError):
        gates.check(asked, Facts())


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_request_with_any_byte_changed_is_refused_or_another_to_approve(data: st.DataObject) -> None:
    whole = bytearray(request().encode())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    try:
        read = Request.decode(bytes(whole))
    except MalformedError:
        return
    assert read.subject() != request().subject()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_noise_is_no_request(noise: bytes) -> None:
    with pytest.raises(MalformedError):
        Request.decode(noise)


# --- The document -------------------------------------------------------------------------------


def test_the_lists_in_the_document_are_those_of_the_code() -> None:
    text = " ".join((Path(__file__).parents[2] / "docs/format.md").read_text("utf-8").split())
    for names in (NAMES, ROLES, PURPOSES, PROFILES, WAYS):
        assert f"`{' '.join(names)}`" in text
    told = set(re.findall(r"`(\w+)`", text.partition("`conditions` maps ")[2].partition(" to `")[0]))
    assert told == set(CONDITIONS)


# --- What detectors look for besides faces ------------------------------------------------------

BODY, VOICE = Visible("woman in blue", ("body",)), Visible("woman in blue", ("voice",))


@pytest.mark.parametrize(
    ("look", "visible", "reason"),
    [
        (Look(OUT, 0, "d", None, 0, 0), (), "no detector looked for persons"),
        (Look(OUT, 0, "d", 0, None, 0), (), "nobody listened for speech"),
        (Look(OUT, 0, "d", 2, 0, 0), (BODY,), "2 persons at once, 1 are listed by face or body"),
        (Look(OUT, 0, "d", 1, 0, 0), (VOICE,), "1 persons at once, 0 are listed by face or body"),
        (Look(OUT, 0, "d", 0, 3, 0), (BODY,), "somebody speaks for some 3 seconds"),
        (Look(OUT, 0, "d", 1, 0, 0), (BODY,), ""),
        (Look(OUT, 0, "d", 0, 3, 0), (VOICE,), ""),
    ],
)
def test_whoever_is_seen_or_heard_must_be_listed(
    look: Look, visible: tuple[Visible, ...], reason: str
) -> None:
    asked = request(exhibits=(Shown(ITEM, OUT, "redacted", visible),))
    (result,) = [r for r in gates.judge(asked, facts(asked, looks=(look,))) if r.gate == "people"]
    assert result.passed == (not reason)
    assert reason in "".join(result.reasons)


def test_what_a_policy_wants_gone_must_be_found_nowhere() -> None:
    policy = policies.load("press")
    asked = request(exhibits=(Shown(ITEM, OUT, "redacted", ()),))
    clean, scan = Look(OUT, 0, "d", 0, 0, 0), Scan(OUT, (), "s")
    require_redacted(policy, asked, facts(asked, looks=(clean,), scans=(scan,)))
    for word, looks, scans in (
        ("faces", (replace(clean, faces=1),), (scan,)),
        ("bodies", (replace(clean, persons=1),), (scan,)),
        ("voices", (clean, replace(clean, speech=1)), (scan,)),
        ("overlays", (replace(clean, texts=1),), (scan,)),
        ("metadata", (clean,), (Scan(OUT, ("gps",), "s"),)),
        ("overlays", (replace(clean, texts=None),), (scan,)),
        ("metadata", (clean,), ()),
        ("faces", (), (scan,)),
    ):
        with pytest.raises(RefusedError, match=word):
            require_redacted(policy, asked, facts(asked, looks=looks, scans=scans))


# --- What travels with a release ----------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_what_binds_the_recipient_must_be_told_in_the_release(profile: str) -> None:
    asked = request(profile=profile, embargo=None)
    binding = set() if profile == "press" else {"purpose", *REQUIRED[profile]} - {"consent"}
    assert "conditions" not in failed(asked, facts(asked))
    for name in told(asked):
        travelling = {other: text for other, text in told(asked).items() if other != name}
        assert ("conditions" in failed(asked, facts(asked, travelling=travelling))) == (name in binding)


def test_the_embargo_in_the_release_is_the_one_approved_and_it_is_past() -> None:
    early, late = NOW - timedelta(days=1), NOW + timedelta(days=1)
    for approved, within, passes in (
        (None, None, True), (early, early, True), (early, None, False), (None, early, False),
        (late, late, False), (early, late, False), (late, early, False), (NOW, NOW, True),
    ):  # fmt: skip
        asked = request(embargo=approved)
        travelling = told(replace(asked, embargo=within))
        assert ("embargo" not in failed(asked, facts(asked, travelling=travelling))) == passes


# --- What triage saw ----------------------------------------------------------------------------


def test_what_triage_saw_in_one_of_equal_files_counts_for_the_other() -> None:
    catalogue = Catalogue.in_memory("vault")
    with catalogue._engine.begin() as connection:
        for number, item in enumerate((ITEM, OTHER)):
            connection.execute(
                insert(schema.items).values(
                    leaf=bytes([number]), item=item, delivery="d", part=0, path=b"p", fate="{}",
                    sha256=bytes.fromhex(SEALED), bytes=1,
                )
            )  # fmt: skip
        seen = {"job": "j", "number": 0, "item": OTHER, "name": "faces", "value": 5.0, "exact": "5"}
        connection.execute(insert(schema.facts).values(**seen))
    assert [(look.sha256, look.faces) for look in _seen_in_triage(catalogue, CLEAR)] == [(SEALED, 5)]
    assert list(_seen_in_triage(catalogue, request())) == [], "of other bytes it says nothing"
    rows = list(catalogue.items())
    assert _alike(catalogue, rows, frozenset({OTHER})) == {ITEM, OTHER}, "one frozen, no other goes out"
    assert _alike(catalogue, rows, frozenset({"cc" * 16})) == set()
    catalogue.close()
