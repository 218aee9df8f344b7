"""Sharing conditions: for what, who may have it next, and what the recipient's law must not do (format 6.8).

They travel with a release as texts for people, and gate it: a condition that is not stated, or not known to
be met, is not met.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from bearwitness.custody.statements import line
from bearwitness.errors import MalformedError
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json

CONDITIONS: Final = ("consent", "death_penalty", "fair_trial", "onward")
_EVERYTHING: Final = frozenset(CONDITIONS)
REQUIRED: Final[Mapping[str, frozenset[str]]] = {
    "press": frozenset({"consent"}),  # what is public can be passed on by anybody, and used by every court
    "archive": frozenset({"consent", "onward"}),
    "asylum": frozenset({"consent", "onward"}),
    "court": _EVERYTHING,
    "investigator": _EVERYTHING,
}
IN_WORDS: Final = {
    "consent": "the consent of whoever the material comes from",
    "death_penalty": "no death penalty",
    "fair_trial": "a fair trial",
    "onward": "no onward transfer but as agreed",
}


@dataclass(frozen=True)
class Condition:
    """Whether a condition is met (None: not known), and how that is known."""

    met: bool | None
    text: str


@dataclass(frozen=True)
class Conditions:
    """What a release is shared for and under; `stated` maps names of :data:`CONDITIONS`."""

    purpose: str | None = None
    stated: Mapping[str, Condition] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """Return the object of a release request."""
        told: dict[str, Json] = {name: {"met": c.met, "text": c.text} for name, c in self.stated.items()}
        return told | ({} if self.purpose is None else {"purpose": self.purpose})

    @classmethod
    def from_json(cls, value: Json) -> Conditions:
        """Read the object of a release request strictly; raise MalformedError."""
        got = canonical.members(value, "the sharing conditions", "", "purpose " + " ".join(CONDITIONS))
        stated: dict[str, Condition] = {n: _condition(n, got[n]) for n in CONDITIONS if n in got}
        purpose = line(got["purpose"], "the purpose of sharing") if "purpose" in got else None
        return cls(purpose, stated)

    def untold(self, profile: str, travelling: Mapping[str, str]) -> list[str]:
        """Return a sentence for each condition that binds whoever receives it and does not travel with it.

        The source's consent binds us, and is told to nobody. What is public binds nobody.
        """
        if profile == "press":
            return []
        binding = {"purpose", *REQUIRED.get(profile, _EVERYTHING)} - {"consent"}
        return [
            f"{IN_WORDS.get(name, 'the purpose')} is not told in the release (--condition {name}=TEXT)"
            for name in sorted(binding - travelling.keys())
        ]

    def texts(self) -> dict[str, str]:
        """Return what travels with the release: texts for people."""
        told = {name: condition.text for name, condition in self.stated.items()}
        return told | ({} if self.purpose is None else {"purpose": self.purpose})

    def lacking(self, profile: str) -> list[str]:
        """Return a sentence for each condition that releases of `profile` need and that is not met."""
        reasons = [] if self.purpose else ["it is not said for what purpose this is shared"]
        for name in sorted(REQUIRED.get(profile, _EVERYTHING)):
            condition = self.stated.get(name)
            if condition is None:
                reasons.append(f"nothing is said of {IN_WORDS[name]}")
            elif condition.met is None:
                reasons.append(f"it is not known whether this is met: {IN_WORDS[name]}")
            elif not condition.met:
                reasons.append(f"this is not met: {IN_WORDS[name]} ({condition.text})")
        return reasons


def _condition(name: str, value: Json) -> Condition:
    got = canonical.members(value, f"the condition {name}", "met text")
    met = got["met"]
    if not (met is None or isinstance(met, bool)):
        raise MalformedError(f"the condition {name} is neither met, nor not, nor unknown")
    return Condition(met, line(got["text"], f"the text of the condition {name}"))
