"""Under a profile nothing goes out but what two people approved, byte for byte, with every gate open."""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from bearwitness.disclose import gates
from bearwitness.disclose.gates import GATES, NAMES
from people import PURPOSE, Group
from workbench import Done, recipient_of, run, verify

WORDS = "a guard strikes a man"


class Desk(Group):
    """A group that releases a statement to the press: draft, request, approvals, release."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.access = folder / "access.json"
        items = [item["item"] for item in self.items().values()]
        self.access.write_text(json.dumps({item: ["p1", "p2", "p3"] for item in items}))

    def shown(self, words: str = WORDS) -> list[object]:
        return ["--profile", "press", "--statement", f"{self.item}: {words}"]

    def ask(self, folder: Path, *words: object, met: str = "met", minimum: int = 3) -> Path:
        """Write a request for `words` (default: the statement), of a draft made of the same."""
        folder.mkdir(exist_ok=True)
        self.do("release", folder / "never", *(words or self.shown()), "--draft", folder / "draft")
        fixed = [
            "--profile",
            "press",
            "--recipient",
            "The Paper",
            "--purpose",
            PURPOSE,
            "--sharing",
            "an article",
        ]
        more = ["--condition", f"consent={met}: asked", "--nobody", self.item, "--minimum", minimum]
        self.do("request", folder / "request", "--draft", folder / "draft", *fixed, *more)
        assert not (folder / "never").exists()
        return folder / "request"

    def approve(self, request: Path, *names: str) -> None:
        for name in names:
            self.as_(name, "approve", request)

    def let_out(self, place: Path, request: Path, *words: object) -> Done:
        more = ["--request", request, "--access", self.access]
        return run(*self.words("release", place, *(words or self.shown()), *more, "--json"))

    def refused(self, place: Path, request: Path, *words: object) -> str:
        """Return why a release is refused; nothing is out and the log tells of none."""
        before = len(self.fields("released"))
        done = self.let_out(place, request, *words)
        assert done.code == 1
        assert not place.exists()
        assert len(self.fields("released")) == before
        return done.err


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("gated"))


@pytest.fixture(scope="module")
def approved(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a request that two people approved."""
    request = desk.ask(tmp_path_factory.mktemp("approved"))
    desk.approve(request, "Anna", "Ben")
    return request


def test_what_two_people_approved_goes_out_and_the_gates_are_in_the_log_alone(
    desk: Desk, approved: Path, tmp_path: Path
) -> None:
    desk.let_out(tmp_path / "out", approved).ok()
    verify(tmp_path / "out", "--vault-key", desk.fingerprint).ok()
    entry = desk.fields("gate-results")[-1]
    assert (entry["outcome"], [r["gate"] for r in entry["results"]]) == ("passed", list(NAMES))
    files = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    package = b"".join(p.read_bytes() for p in files if p.name != "index.html")  # the same in every release
    for secret in (b"gate", b"approv", entry["subject"].encode(), desk.people["Anna"]["person"].encode()):
        assert secret not in package


@pytest.mark.parametrize("gone", NAMES)
def test_with_any_gate_removed_the_release_is_refused(
    desk: Desk, approved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    monkeypatch.setattr(gates, "GATES", MappingProxyType({n: g for n, g in GATES.items() if n != gone}))
    assert f"{gone}: this gate did not run" in desk.refused(tmp_path / "out", approved)


def test_other_words_than_those_approved_do_not_go_out(desk: Desk, approved: Path, tmp_path: Path) -> None:
    assert "not in the request" in desk.refused(
        tmp_path / "out", approved, *desk.shown("a guard greets a man")
    )
    more = [*desk.shown(), "--condition", "note=quote it in full"]
    assert "not what was approved" in desk.refused(tmp_path / "out", approved, *more)
    more = [*desk.shown(), "--statement", f"{desk.items()['b.txt']['item']}: more"]
    assert "not in the request" in desk.refused(tmp_path / "out", approved, *more)


@pytest.mark.parametrize("names", [(), ("Anna",), ("Anna", "Anna")])
def test_one_person_lets_nothing_out(desk: Desk, tmp_path: Path, names: tuple[str, ...]) -> None:
    request = desk.ask(tmp_path / "asked", *desk.shown(f"said {names}"))
    desk.approve(request, *names)
    said = desk.refused(tmp_path / "out", request, *desk.shown(f"said {names}"))
    assert f"the approval of 2 people (editor, lawyer); the log has {len(set(names))}" in said


def test_conditions_and_sources_stop_what_two_approved(desk: Desk, tmp_path: Path) -> None:
    for name, gate in (("unknown", "conditions: it is not known"), ("met", "source-risk: 3 people")):
        words = desk.shown(f"another {name}")
        request = desk.ask(tmp_path / name, *words, met=name, minimum=3 if name == "unknown" else 4)
        desk.approve(request, "Anna", "Ben")
        assert gate in desk.refused(tmp_path / "out", request, *words)
        assert desk.fields("gate-results")[-1]["outcome"] == "refused"


def test_without_a_request_no_profile_lets_anything_out(desk: Desk, tmp_path: Path) -> None:
    done = run(*desk.words("release", tmp_path / "out", *desk.shown()))
    assert done.code == 1
    assert "wants the approval of 2 people" in done.err
    assert list(tmp_path.iterdir()) == []


def test_an_edited_profile_that_keeps_its_name_still_passes_the_gates(desk: Desk, tmp_path: Path) -> None:
    text = run("release", "--print-profile", "press").ok().out
    for old, new in (("approvals = 2", "approvals = 0"), ("bit_exact = false", "bit_exact = true")):
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "press.toml").write_text(text)
    words = ["--profile", tmp_path / "press.toml", "--statement", f"{desk.item}: {WORDS}"]
    done = run(*desk.words("release", tmp_path / "out", *words))
    assert done.code == 1
    assert "nothing goes out without a request" in done.err
    assert not (tmp_path / "out").exists()


def test_a_request_for_one_profile_opens_no_other(desk: Desk, approved: Path, tmp_path: Path) -> None:
    words: list[Any] = ["--profile", "archive", "--statement", f"{desk.item}: {WORDS}", "--other-ground", "x"]
    to = ["--to", recipient_of(desk.anna)]
    said = desk.refused(tmp_path / "out.age", approved, *words, *to)
    assert "the request is for the profile 'press'" in said
    said = desk.refused(tmp_path / "out", approved, "--statement", f"{desk.item}: {WORDS}")
    assert "released under 'none'" in said


def test_a_clear_file_is_refused_where_nothing_looked_at_its_bytes(desk: Desk, tmp_path: Path) -> None:
    for name in ("Carla", "Dan"):
        desk.people[name] = desk.person(name, "--role", "lawyer")
    to = ["--to", recipient_of(desk.anna), "--other-ground", "not asked for"]
    words = ["--profile", "court", "--item", desk.item, *to]
    desk.do("release", tmp_path / "never.age", *words, "--draft", tmp_path / "draft")
    fixed = ["--profile", "court", "--recipient", "The court", "--purpose", "prosecution"]
    names = ("consent", "onward", "fair_trial", "death_penalty")
    met = [word for name in names for word in ("--condition", f"{name}=met: x")]
    who = ["--nobody", desk.item, "--minimum", 1, "--sharing", "case 12"]
    desk.do("request", tmp_path / "request", "--draft", tmp_path / "draft", *fixed, *met, *who)
    desk.approve(tmp_path / "request", "Carla", "Dan")
    said = desk.refused(tmp_path / "out.age", tmp_path / "request", *words)
    assert "no detector looked for faces in exactly these bytes" in said
    assert "nobody looked for metadata in exactly these bytes" in said
    results = desk.fields("gate-results")[-1]["results"]
    assert {r["gate"] for r in results if not r["passed"]} == {"metadata", "people"}


def test_a_draft_is_read_strictly(desk: Desk, tmp_path: Path) -> None:
    for text in ("", "{}", '{"exhibits":[],"plan":null,"type":"release-draft","v":"2"}'):
        (tmp_path / "draft").write_text(text)
        fixed = ["--profile", "press", "--recipient", "x", "--purpose", PURPOSE, "--minimum", 2]
        done = run(*desk.words("request", tmp_path / "r", "--draft", tmp_path / "draft", *fixed))
        assert done.code == 1
        assert not (tmp_path / "r").exists()
