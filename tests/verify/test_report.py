"""The verdict follows from the findings, and foreign text stays text."""

from __future__ import annotations

import calendar
import unicodedata
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness_verify.report import (
    VERDICT_TEXT,
    Report,
    Verdict,
    in_words,
    moment,
    printable,
    printable_path,
)
from scale import examples


@pytest.mark.parametrize("anchored", [True, False])
def test_one_failure_is_enough_whatever_else_holds(anchored: bool) -> None:
    report = Report(anchored=anchored)
    report.ok(1, "a")
    report.note(2, "b")
    assert report.verdict == (Verdict.VERIFIED if anchored else Verdict.CONSISTENT_ONLY)
    report.fail(3, "c")
    report.ok(4, "d")
    assert report.failed
    assert report.verdict == Verdict.FAILED


def test_a_report_of_nothing_is_no_success() -> None:
    assert Report(anchored=True).verdict == Verdict.FAILED


def test_each_verdict_has_its_own_exit_code_and_sentence_and_only_one_is_zero() -> None:
    assert {verdict.name: int(verdict) for verdict in Verdict} == {
        "VERIFIED": 0,
        "FAILED": 1,
        "CONSISTENT_ONLY": 4,
    }
    assert set(VERDICT_TEXT) == set(Verdict)
    assert len(set(VERDICT_TEXT.values())) == 3


@examples(200)
@given(st.text())
def test_nothing_printed_moves_the_cursor_hides_or_reverses(text: str) -> None:
    shown = printable(text)
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in shown)
    assert len(shown) <= 301


@examples(200)
@given(st.binary(max_size=60))
def test_any_path_can_be_printed(path: bytes) -> None:
    shown = printable_path(path)
    assert shown.isprintable()
    assert bool(shown.encode()) is bool(path)


def test_a_path_in_utf_8_is_shown_as_it_is() -> None:
    assert printable_path("Видео/день 1.mp4".encode()) == "Видео/день 1.mp4"
    assert printable_path(b"a\nb\x1b[0m") == "a\\nb\\x1b[0m"
    assert printable_path("a\u202eb".encode()) == "a\\u202eb"


@examples(200)
@given(st.integers(-(2**63), 2**63 - 1))
def test_every_time_a_file_can_have_is_told_to_the_nanosecond(time: int) -> None:
    told = moment(time).removesuffix(" UTC")
    whole, _, rest = told.partition(".")
    seconds = calendar.timegm(datetime.strptime(whole, "%Y-%m-%d %H:%M:%S").timetuple())
    assert seconds * 10**9 + int(rest or 0) == time


def test_times_beyond_any_calendar_are_told_as_numbers() -> None:
    for time in (10**30, -(10**30), 10**40):
        assert moment(time) == f"{time} ns since 1970"


def test_values_are_told_in_words_without_braces() -> None:
    assert in_words(
        {"type": "file", "losses": [{"offset": "0"}, {"offset": "9"}], "changed": True, "x": None}
    ) == ("type file, losses offset 0; offset 9, changed True, x ")
