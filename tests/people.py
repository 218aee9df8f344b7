"""A vault whose two keepers registered people who sign; what the tests of people and of gates share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bearwitness.disclose.request import Request, Shown, Visible
from bearwitness.disclose.sharing import CONDITIONS, Condition, Conditions
from bearwitness.vault import keyring
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.opening import open_vault_proper
from workbench import Bench, fill, run

PURPOSE = "publication"
MET = Conditions("to be printed", {name: Condition(True, "agreed by letter") for name in CONDITIONS})


class Group(Bench):
    """A vault whose two keepers registered Anna and Ben, who sign."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.seal(fill(folder / "drive", {"a.mp4": b"foot\0age", "b.txt": b"text"}))
        self.item = self.items()["a.mp4"]["item"]
        self.people = {name: self.person(name) for name in ("Anna", "Ben")}

    def person(self, name: str, *more: object) -> dict[str, Any]:
        """Make a key and register it."""
        file = self.folder / f"{name}.person"
        made = run("people", "new", "-o", file, "--plain", "--json").ok()
        assert "lies in the clear" in made.err
        words = ["register", "--key", made.json["key"], "--name", name, "--role", "editor", *more]
        self.by_two("people", *words)
        return {**made.json, "file": file}

    def by_two(self, verb: str, *words: object) -> Any:
        keys = ["--identity", self.anna, "--identity", self.ben]
        return run(verb, *words, "--vault", self.vault, *keys, "--json").ok().json

    def as_(self, name: str, verb: str, *words: object) -> Any:
        return self.do(verb, *words, "--person-key", self.people[name]["file"])

    def consent(self, label: str = "woman in blue", **changed: str) -> Any:
        told = {
            "item": self.item, "label": label, "purpose": PURPOSE, "recipient": "press",
            "scope": "voice,face", "withdrawal": "by phone", "language": "ug", "explained-by": "Ben",
            "support": "a doctor", **changed,
        }  # fmt: skip
        words = [word for name, value in told.items() if value for word in (f"--{name}", value)]
        return self.as_("Anna", "consent", "record", *words)

    def request(self, folder: Path, **changed: Any) -> tuple[Request, Path]:
        whole: dict[str, Any] = {
            "profile": "press", "recipient": "The Paper", "purpose": PURPOSE, "conditions": MET, "minimum": 3,
            "exhibits": (Shown(self.item, "0e" * 32, "redacted", (Visible("woman in blue", ("face",)),)),),
        }  # fmt: skip
        asked, path = Request(**{**whole, **changed}), folder / "request.json"
        path.write_bytes(asked.encode())
        return asked, path

    def fields(self, kind: str) -> list[dict[str, Any]]:
        entries = self.do("log")["entries"]
        return [e["fields"] for e in entries if e.get("fields", {}).get("kind") == kind]

    def ledger(self) -> Ledger:
        vault = open_vault_proper(self.vault)
        return Ledger(vault, keyring.unlock(vault, keyring.load_given([str(self.anna)], input)))
