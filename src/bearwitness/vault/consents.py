"""Consents: who agreed to what being shown to whom, and how to take it back (docs/format.md, 6.7)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from bearwitness.custody.statements import digest, line
from bearwitness.errors import MalformedError, UsageError
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json
from bearwitness_verify.leaves import ENTRY_SLOTS

from .people import told

NO_CONSENT: Final = "no consent known"
PURPOSES: Final = ("advocacy", "archive", "asylum", "investigation", "prosecution", "publication", "training")
PROFILES: Final = ("press", "investigator", "court", "asylum", "archive")
WAYS: Final = ("body", "face", "name", "statement", "voice")
ID: Final = re.compile(r"[0-9a-f]{32}\Z")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_FIRST_SIGNED_SLOT: Final = 8
_TERMS: Final = tuple(
    name
    for name, slot in ENTRY_SLOTS["consent"].items()
    if slot >= _FIRST_SIGNED_SLOT and name not in ("person", "statement")
)


def one_of(value: Json, what: str, known: Sequence[str]) -> str:
    """Return `value` if it is one of `known`; raise MalformedError."""
    text = canonical.text(value, what)
    if text not in known:
        raise MalformedError(f"{what} is {text!r}", "one of: " + ", ".join(known))
    return text


def ways_of(value: Json, what: str) -> tuple[str, ...]:
    """Return an ascending list of some of :data:`WAYS`, at least one."""
    ways = tuple(one_of(way, what, WAYS) for way in canonical.array(value, what))
    if not ways or list(ways) != sorted(set(ways)):
        raise MalformedError(f"{what} is not in ascending order, or names nothing")
    return ways


def hex_id(value: Json, what: str) -> str:
    """Return an id of 32 hexadecimal digits."""
    text = canonical.text(value, what)
    if not ID.match(text):
        raise MalformedError(f"{what} is not 32 hexadecimal digits")
    return text


@dataclass(frozen=True)
class Consent:
    """One consent. `expiry` is the last day it holds; `entry` and `withdrawn` are places in the log."""

    consent: str
    item: str
    label: str
    purpose: str
    recipient: str
    scope: tuple[str, ...]
    expiry: date | None
    withdrawal: str
    language: str
    explained_by: str
    support: str
    entry: int = -1
    withdrawn: int | None = None

    def terms(self) -> dict[str, Json]:
        """Return the fields that are signed."""
        return {
            "consent": self.consent, "item": self.item, "label": self.label, "purpose": self.purpose,
            "recipient": self.recipient, "scope": [*self.scope], "withdrawal": self.withdrawal,
            "expiry": None if self.expiry is None else self.expiry.isoformat(), "language": self.language,
            "explained_by": self.explained_by, "support": self.support,
        }  # fmt: skip

    @classmethod
    def of_fields(cls, fields: Mapping[str, Json], entry: int = -1) -> Consent:
        """Read the fields of an entry `consent` strictly; raise MalformedError."""
        missing = [name for name in _TERMS if name not in fields]
        if missing:
            raise MalformedError(f"a consent lacks {', '.join(missing)}")
        return cls(
            hex_id(fields["consent"], "the id of a consent"),
            hex_id(fields["item"], "the item of a consent"),
            line(fields["label"], "the label of a consent"),
            one_of(fields["purpose"], "the purpose of a consent", PURPOSES),
            line(fields["recipient"], "the recipient of a consent"),
            ways_of(fields["scope"], "the scope of a consent"),
            read_day(fields["expiry"]),
            line(fields["withdrawal"], "how to withdraw a consent"),
            line(fields["language"], "the language of a consent"),
            line(fields["explained_by"], "who explained a consent"),
            line(fields["support"], "the support offered with a consent"),
            entry,
        )

    def subject(self) -> str:
        """Return what the statement about it is over."""
        return digest(self.terms())

    def covers(self, purpose: str, recipients: Sequence[str], ways: Sequence[str], day: date) -> str:
        """Return why this consent does not cover a showing, empty if it does."""
        if self.withdrawn is not None:
            return "it was withdrawn"
        if self.purpose != purpose:
            return f"it is for {self.purpose}, not for {purpose}"
        if self.recipient not in recipients:
            return f"it is for {self.recipient}, not for {' or '.join(recipients)}"
        beyond = sorted(set(ways) - set(self.scope))
        if beyond:
            return f"it does not cover {', '.join(beyond)}"
        if self.expiry is not None and day > self.expiry:
            return f"it ended on {self.expiry.isoformat()}"
        return ""


def read_day(value: Json) -> date | None:
    """Return the day an expiry names; raise MalformedError."""
    if value is None:
        return None
    text = canonical.text(value, "the expiry of a consent")
    try:
        if not _DAY.match(text):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError:
        raise MalformedError("the expiry of a consent is not a day like 2026-03-12") from None


def checked(consent: Consent) -> Consent:
    """Return a consent about to be recorded, with a new id; refuse what must not stand in the log."""
    made = replace(consent, consent=os.urandom(16).hex())
    for name in ("label", "recipient", "withdrawal", "language", "explained_by", "support"):
        told(getattr(made, name), f"the consent's {name.replace('_', ' ')}")
    if made != Consent.of_fields(made.terms()):
        raise UsageError("the consent can not be written as it was given")
    return made


def withdrawal_subject(consent: str, ground: str) -> str:
    """Return what the statement about a withdrawal is over."""
    return digest({"consent": consent, "ground": ground})


def override_terms(subject: str, gate: str, item: str, label: str, reason: str) -> dict[str, Json]:
    """Return the fields of an override that are signed."""
    return {"subject": subject, "gate": gate, "item": item, "label": label, "reason": reason}
