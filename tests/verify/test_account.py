"""Statements are about items that are proven; an account that does not add up is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bearwitness_verify.account import parse_conditions, parse_statement
from bearwitness_verify.errors import MalformedError
from forging import Forged
from workbench import Bench, fill

FILES: dict[str, bytes | int] = {f"{n}.txt": str(n).encode() for n in range(6)}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    made = Bench(tmp_path_factory.mktemp("account"))
    made.seal(fill(made.folder / "source", FILES))
    items = made.items()
    shown = [word for name in ("0.txt", "1.txt") for word in ("--item", items[name]["item"])]
    said = ["--statement", f"{items['0.txt']['item']}@1-2.5#10,20,30.5,40: a text", "--stated-by", "Anna"]
    rest = ["--account", "items,withheld", "--other-ground", "not relevant", "--condition", "purpose=a trial"]
    made.do("release", made.folder / "release", *shown, *said, *rest)
    return made


@pytest.fixture
def forge(bench: Bench, tmp_path: Path) -> Callable[[], Forged]:
    return lambda: Forged(bench.folder / "release", bench.vault, tmp_path)


def reasons(forged: Forged) -> str:
    report = forged.verify()
    assert report.failed
    return " / ".join(f.text for f in report.findings if f.status == "fail")


def test_a_good_account_and_statement_are_told(forge: Callable[[], Forged]) -> None:
    report = forge().verify()
    assert not report.failed
    told = "\n".join(f.text for f in report.findings)
    assert "2 of 6 items are shown" in told
    assert "the other 4 items are withheld: 4 for not relevant" in told
    assert "statement by Anna on item" in told
    assert "0:00:01.000 to 0:00:02.500, 10–40.5 % from the left, 20–60 % from the top: a text" in told
    assert "shared under the condition purpose: a trial" in told


def test_an_item_left_out_of_both_lists_is_missed(forge: Callable[[], Forged]) -> None:
    forged = forge()
    forged.own["withheld"].pop()
    assert "2 items are shown and 3 withheld of a delivery that holds 6" in reasons(forged)
    forged = forge()
    forged.own["items"].pop()
    assert "5" in reasons(forged) or "withheld" in reasons(forged)


def test_a_withheld_item_must_stand_in_the_delivery(forge: Callable[[], Forged]) -> None:
    for change in ("leaf", "index", "path"):
        forged = forge()
        first: Any = forged.own["withheld"][0]
        other: Any = forged.own["withheld"][1]
        first[change] = other[change]
        assert "withheld" in reasons(forged)


def test_one_item_can_not_be_shown_and_withheld_nor_withheld_twice(forge: Callable[[], Forged]) -> None:
    forged = forge()
    forged.own["withheld"][1] = forged.own["withheld"][0]
    assert "withheld twice" in reasons(forged)
    forged = forge()
    forged.own["withheld"].reverse()
    assert "not in order" in reasons(forged)


def test_the_number_of_items_held_must_be_shown_where_it_is_counted(forge: Callable[[], Forged]) -> None:
    forged = forge()
    shown = forged.own["entry"]["shown"]
    forged.own["entry"]["shown"] = [leaf for leaf in shown if leaf["payload"]["name"] != "items"]
    assert "does not show how many it holds" in reasons(forged)


@pytest.mark.parametrize(("member", "value"), [("shown", "3"), ("held", "7"), ("held", "5")])
def test_an_account_that_says_another_number_is_refused(
    forge: Callable[[], Forged], member: str, value: str
) -> None:
    forged = forge()
    forged.statement["account"]["items"][member] = value
    assert "the account says" in reasons(forged)


def test_a_statement_about_an_item_that_is_not_shown_is_refused(forge: Callable[[], Forged]) -> None:
    forged = forge()
    forged.statement["statements"][0]["item"] = "0" * 32
    assert "which is not proven" in reasons(forged)


GOOD: dict[str, Any] = {"by": "", "item": "a" * 32, "region": None, "text": "x", "time": None}


@pytest.mark.parametrize(
    "change",
    [
        {"text": " "},
        {"item": "A" * 32},
        {"item": "a" * 31},
        {"time": {"from": "5", "to": "5"}},
        {"time": {"from": "5"}},
        {"time": {"from": "5", "to": 6}},
        {"region": {"x": "0", "y": "0", "width": "0", "height": "5"}},
        {"region": {"x": "9000", "y": "0", "width": "1001", "height": "5"}},
        {"region": {"x": "-1", "y": "0", "width": "1", "height": "5"}},
        {"more": "1"},
    ],
)
def test_a_malformed_statement_is_refused(change: dict[str, Any]) -> None:
    parse_statement(GOOD)
    with pytest.raises(MalformedError):
        parse_statement(GOOD | change)


@pytest.mark.parametrize("wrong", [{"embargo": "soon"}, {"purpose": ""}, {"other": "x"}, []])
def test_malformed_conditions_are_refused(wrong: Any) -> None:
    with pytest.raises(MalformedError):
        parse_conditions(wrong)
