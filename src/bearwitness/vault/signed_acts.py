"""What people signed, as values, and who of them counts."""

from __future__ import annotations

from dataclasses import dataclass, field

from .consents import NO_CONSENT, Consent
from .people import People


@dataclass(frozen=True)
class Approval:
    """Somebody's approval of what has the hash `subject`."""

    person: str
    subject: str
    purpose: str
    time: str
    entry: int


@dataclass(frozen=True)
class Override:
    """Somebody's half of an override: `gate` shall pass for `label` on `item` in the release `subject`."""

    person: str
    subject: str
    gate: str
    item: str
    label: str
    reason: str
    time: str
    entry: int


@dataclass(frozen=True)
class Receipt:
    """A recipient's word that they have the release and what their verifier said of it."""

    person: str
    release: str
    verdict: str
    time: str
    entry: int


@dataclass
class Signed:
    """The register of people and everything they signed, in the order of the log."""

    people: People = field(default_factory=People)
    approvals: list[Approval] = field(default_factory=list)
    overrides: list[Override] = field(default_factory=list)
    consents: dict[str, Consent] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)  # entries against the rules, in words

    def approvers(self, subject: str, purpose: str) -> dict[str, frozenset[str]]:
        """Return the humans whose approval counts now, with their roles; keys of one human count once."""
        found: dict[str, frozenset[str]] = {}
        for approval in self.approvals:
            person = self.people.by_id[approval.person]
            if (approval.subject, approval.purpose) == (subject, purpose) and person.active:
                found[person.human] = frozenset(person.roles)
        return found

    def overriders(self, subject: str, item: str, label: str, after: int = -1) -> dict[str, set[str]]:
        """Return the humans behind each reason to pass over the consent of `label`, entered after `after`."""
        found: dict[str, set[str]] = {}
        for one in self.overrides:
            person = self.people.by_id[one.person]
            if (one.subject, one.item, one.label) == (subject, item, label) and one.entry > after:
                found.setdefault(one.reason, set())
                if person.active:
                    found[one.reason].add(person.human)
        return found

    def consents_of(self, item: str, label: str) -> list[Consent]:
        """Return what is known of somebody's consent; an empty list says: no consent known."""
        return [c for c in self.consents.values() if (c.item, c.label) == (item, label)]

    def in_words(self, item: str, label: str) -> str:
        """Return what is known of somebody's consent, for people."""
        found = self.consents_of(item, label)
        if not found:
            return NO_CONSENT
        return "; ".join(
            f"{c.purpose} to {c.recipient}: {', '.join(c.scope)}"
            + (" (withdrawn)" * (c.withdrawn is not None))
            for c in found
        )
