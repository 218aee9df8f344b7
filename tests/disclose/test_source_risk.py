"""The report says what narrows the circle of those it could come from, blocks, and calms nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearwitness.disclose.identifiers import TEXT_LENGTH_MAX, find
from bearwitness.disclose.risk_model import Chosen, Earlier, Known, Question, RiskReport
from bearwitness.disclose.source_risk import assess

NOW = datetime(2026, 11, 28, tzinfo=UTC)
A, B, C, D = (letter * 32 for letter in "abcd")
KNOWN = (Known(A, "one", "h1"), Known(B, "one", "h2"), Known(C, "two", "h3"), Known(D, "two", "h2"))


def question(**changed: Any) -> Question:
    whole: dict[str, Any] = {
        "subject": "ab" * 32, "minimum": 3, "chosen": [Chosen(A, "one", "h1", exact=True)],
        "everything": KNOWN, "earlier": [], "now": NOW,
        "sealed_on": {"one": NOW - timedelta(days=9), "two": NOW - timedelta(days=900)},
        "clusters": [], "access": {i: list("pqrst") for i in (A, B, C, D)},
    }  # fmt: skip
    return Question(**{**whole, **changed})


def kinds(report: RiskReport) -> set[str]:
    return {finding.kind for finding in report.findings}


def said(report: RiskReport, kind: str) -> str:
    return " | ".join(finding.text for finding in report.findings if finding.kind == kind)


# --- How many are possible ----------------------------------------------------------------------


def test_below_the_chosen_number_it_blocks_and_from_there_on_it_does_not() -> None:
    for people, blocked in (("pq", True), ("pqr", False), ("pqrs", False)):
        report = assess(question(access={A: people}))
        assert (report.possible, report.blocked) == (len(people), blocked)


def test_where_nobody_brought_sets_it_is_unknown_one_is_assumed_and_it_blocks() -> None:
    for access in (None, {}, {B: "pqrst"}):
        report = assess(question(access=access))
        assert (report.possible, report.assumed, report.blocked) == (None, 1, True)
        assert "unknown, assume one" in report.text()
        assert report.to_json()["possible"] == "unknown, assume one"


def test_what_was_shown_before_of_the_same_drive_narrows_it_too() -> None:
    earlier = [Earlier("2026-01-01T00:00:00Z", frozenset({B}))]
    assert assess(question(access={A: "pqrst", B: "qrstu"}, earlier=earlier)).possible == 4
    assert assess(question(access={A: "pqrst"}, earlier=earlier)).possible is None
    assert (
        assess(question(access={A: "pqrst"}, earlier=[replace(earlier[0], items=frozenset({C}))])).possible
        == 5
    )


def test_an_earlier_release_of_something_destroyed_makes_it_unknown() -> None:
    earlier = [Earlier("2026-01-01T00:00:00Z", frozenset({"0" * 32}))]
    assert assess(question(earlier=earlier)).possible is None


def test_two_drives_are_taken_to_be_one_person_s_if_they_can_be() -> None:
    two = [Chosen(A, "one", "h1", exact=True), Chosen(C, "two", "h3", exact=True)]
    assert assess(question(chosen=two, access={A: "pqrst", C: "stuvw"})).possible == 2
    assert assess(question(chosen=two, access={A: "pqrst", C: "uvwx"})).possible == 4


def test_sets_that_contradict_each_other_are_no_knowledge() -> None:
    both = [Chosen(A, "one", "h1", exact=True), Chosen(B, "one", "h2", exact=True)]
    report = assess(question(chosen=both, access={A: "pq", B: "rs"}))
    assert report.possible is None
    assert "nobody could have had all" in said(report, "possible people")


PEOPLE = st.frozensets(st.sampled_from("pqrstuvw"), min_size=1)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from([A, B, C, D]), PEOPLE), st.sets(st.sampled_from([A, B, C, D])))
def test_showing_more_never_makes_more_people_possible(
    access: dict[str, frozenset[str]], before: set[str]
) -> None:
    base = assess(question(access=access))
    more = assess(question(access=access, earlier=[Earlier("2026-01-01T00:00:00Z", frozenset(before))]))
    assert more.assumed <= base.assumed


# --- What narrows -------------------------------------------------------------------------------


def test_bytes_on_one_drive_alone_are_told_and_a_version_on_more_drives_is_proposed() -> None:
    report = assess(question(clusters=[{A, B}]))
    assert "these bytes came on one drive alone" in said(report, "one drive alone")
    assert any(
        f"instead of {A} its version {B}, whose bytes came on 2 drives" in a for a in report.alternatives
    )
    assert "one drive alone" not in kinds(assess(question(chosen=[Chosen(B, "one", "h2", exact=True)])))


def test_a_scene_on_one_drive_alone_is_told_even_if_it_is_made_anew() -> None:
    for clusters, alone in (([], True), ([{A, B}], False), ([{A, C}], False), ([{B, C}], True)):
        report = assess(question(chosen=[Chosen(A, "one", "h1", exact=False)], clusters=clusters))
        assert ("one drive alone" in kinds(report)) == alone  # B lies beside A, its twin D does not
        assert "exact bytes" not in kinds(report)


def test_without_results_of_triage_it_says_that_nobody_looked() -> None:
    assert "nobody brought what" in said(assess(question(clusters=None)), "not looked at")


def test_order_and_dates_of_earlier_releases_are_told() -> None:
    earlier = [
        Earlier("2026-01-01T00:00:00Z", frozenset({B})),
        Earlier("2026-05-05T00:00:00Z", frozenset({A, C})),
    ]
    text = said(assess(question(earlier=earlier)), "order of releases")
    assert "2 items of delivery one went out in 2 releases" in text
    assert "2026-01-01T00:00:00Z to 2026-05-05T00:00:00Z; this adds 0" in text
    assert "no earlier release" in said(assess(question()), "order of releases")


def test_how_long_a_drive_has_been_here_is_told() -> None:
    assert "sealed 9 days ago" in said(assess(question()), "dates")
    assert "not long ago" in said(assess(question()), "dates")
    old = said(assess(question(chosen=[Chosen(C, "two", "h3", exact=True)])), "dates")
    assert "900 days ago" in old
    assert "not long ago" not in old
    assert "no date is known" in said(assess(question(sealed_on={})), "not looked at")


def test_names_that_go_along_are_told_with_what_they_give_away() -> None:
    chosen = [Chosen(A, "one", "h1", True, ("Users/wang.lei/DVR03_20180412_1530.mp4",))]
    report = assess(question(chosen=chosen))
    assert {"names", "user folder", "recorder or camera", "time"} <= kinds(report)
    assert any("without its name" in text for text in report.alternatives)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([None, [], [{A, B}], [{A, C}]]), st.sampled_from([None, {}, {A: "pqr", B: "pq", C: "p"}]),
    st.integers(1, 9), st.booleans(), st.lists(st.sampled_from([A, B, C]), unique=True, max_size=3),
)  # fmt: skip
def test_it_never_says_that_anything_is_safe(
    clusters: Any, access: Any, minimum: int, exact: bool, shown: list[str]
) -> None:
    report = assess(
        question(
            clusters=clusters, access=access, minimum=minimum, chosen=[Chosen(A, "one", "h1", exact)],
            earlier=[Earlier("2026-01-01T00:00:00Z", frozenset(shown))] if shown else [],
        )
    )  # fmt: skip
    text = report.text().lower() + str(report.to_json()).lower()
    for word in ("safe", "secure", "no risk", "harmless", "anonymous"):
        assert word not in text
    assert "not looked at: what the pictures show" in text
    assert report.blocked == (report.assumed < minimum)


def test_the_sets_themselves_are_in_neither_report_nor_repr() -> None:
    asked = question(access={A: ["wang.lei", "li.na"]})
    report = assess(asked)
    for text in (report.text(), str(report.to_json()), repr(asked), repr(report)):
        assert "wang.lei" not in text


# --- Ids ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("00:1A:2b:3c:4D:5e", "network card"), ("cam on 10.0.13.7 port", "network address"),
        ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", "unique id"), ("write to a.b@example.org", "mail address"),
        ("call +7 701 234 56 78", "telephone"), (r"C:\Users\Wang Lei\x.mp4", "user folder"),
        ("/home/guard7/clip", "user folder"), (r"\\srv-03\records\x", "server"),
        ("NVR_12_x.avi", "recorder or camera"), ("камера 4", "recorder or camera"),
        ("摄像头3", "recorder or camera"), ("S/N: DS7616-A123", "serial number"),
        ("imei 356938035643809 end", "device number"), ("tag DS7616NIK20191104AAWR", "code"),
        ("20180412_153000.mp4", "time"), ("2018-04-12 15:30", "time"), ("ch01-2018.04.12", "time"),
    ],
)  # fmt: skip
def test_ids_in_names_are_found(text: str, kind: str) -> None:
    assert kind in {found.kind for found in find(text)}


@pytest.mark.parametrize("text", ["", "minute of the meeting", "interview part two", "a_b-c", "scene 12"])
def test_plain_names_give_nothing(text: str) -> None:
    assert find(text) == []


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    assert all(found.text in text for found in find(text))


@pytest.mark.parametrize(
    "piece", ["A", "1", "a.", "a@", "0:", "+1 ", "\\\\a", "Users/", "S/N-", "A1", "2018"]
)
def test_long_texts_that_nearly_match_are_read_in_part_and_that_is_said(piece: str) -> None:
    found = find(piece * 200_000)
    assert found[-1].kind == "not looked at"
    assert str(TEXT_LENGTH_MAX) in found[-1].text
