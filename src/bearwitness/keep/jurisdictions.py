"""Rules for the lawyer's task when an item is frozen: dated, with sources, to be edited by a lawyer."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bearwitness.errors import MalformedError, UsageError, storage_error
from bearwitness.vault.vault import Vault
from bearwitness_verify.canonical import Json

NAME: Final = "jurisdictions.toml"
_OURS: Final = Path(__file__).with_name(NAME)
_MEMBERS: Final = ("checked", "sources", "preserve", "report", "surrender")
NEVER: Final = "never"


@dataclass(frozen=True)
class Rules:
    """What one jurisdiction asks for; `checked` is a date (ISO 8601) or NEVER."""

    jurisdiction: str
    checked: str
    sources: str
    preserve: str
    report: str
    surrender: str

    def task(self) -> dict[str, Json]:
        """Return the task as the entry `frozen` holds it."""
        return {
            "checked": self.checked,
            "preserve": self.preserve,
            "report": self.report,
            "rules": f"{self.jurisdiction} ({self.sources})",
            "surrender": self.surrender,
        }


def load(vault: Vault, wanted: str, given: Path | None) -> Rules:
    """Return the rules of the jurisdiction `wanted`, from `given`, the vault's own file or ours."""
    own = vault.local / NAME
    path = given or (own if own.is_file() else _OURS)
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise storage_error(error, str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MalformedError(f"{path} is no TOML file: {error}") from None
    if wanted not in data:
        raise UsageError(f"{path} has no rules for {wanted!r}", "there are: " + ", ".join(sorted(data)))
    rules = data[wanted]
    if not isinstance(rules, dict) or set(rules) != set(_MEMBERS):
        raise MalformedError(f"the rules for {wanted} in {path} must have exactly: {', '.join(_MEMBERS)}")
    for name in _MEMBERS:
        if not isinstance(rules[name], str) or not rules[name].strip():
            raise MalformedError(f"{name} of {wanted} in {path} must be a text")
    return Rules(wanted, *(" ".join(rules[name].split()) for name in _MEMBERS))
