"""What people signed, read out of the vault's own log in one pass; every signature is checked on the way.

An entry that no honest writer makes (by somebody not registered, over other fields than its own) refuses the
whole vault: whoever could write it can write more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from bearwitness.custody import statements
from bearwitness.custody.statements import HEX64, Act, Statement, line
from bearwitness.errors import BearwitnessError, MalformedError, RefusedError, TamperedError
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json

from .consents import NO_CONSENT, Consent, hex_id, one_of, override_terms, withdrawal_subject
from .ledger import Ledger
from .people import People, Person

OVERRIDABLE: Final = ("consent",)
VERDICTS: Final = ("verified", "consistent only")


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


Fields = Mapping[str, Json]


class Reader:
    """Follows entries; what it has read so far is in `signed`."""

    def __init__(self, vault_key: str, so_far: Signed | None = None) -> None:
        self.signed, self._vault = so_far or Signed(), vault_key
        self.kinds: dict[str, Callable[[Fields, int], None]] = {
            "person-registered": self.signed.people.apply,
            "person-revoked": self.signed.people.apply,
            "approved": self._approved,
            "overridden": self._overridden,
            "consent": self._consent,
            "consent-withdrawn": self._withdrawn,
            "received": self._received,
        }

    def follow(self, fields: Fields, entry: int) -> None:
        """Take in one entry; raise TamperedError where it is against the rules."""
        reader = self.kinds.get(canonical.text(fields["kind"]))
        if reader is None:
            return
        try:
            reader(fields, entry)
        except TamperedError:
            raise
        except (KeyError, BearwitnessError) as error:
            reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            raise TamperedError(
                f"entry {entry} of the log ({fields['kind']}) is not what its person signed: {reason}",
                "whoever can write to this log has written what this program does not; ask who did",
            ) from None

    def _statement(self, fields: Fields, act: Act, subject: str, purpose: str) -> tuple[Person, Statement]:
        person = self.signed.people.active(canonical.text(fields["person"], "a person"))
        found = statements.read(fields["statement"], person.key)
        told = (found.act, found.vault, found.subject, found.purpose)
        if told != (act, self._vault, subject, purpose):
            raise MalformedError(f"the statement of {person.name} is over something else")
        return person, found

    def _approved(self, fields: Fields, entry: int) -> None:
        subject, purpose = _hash(fields["subject"]), line(fields["purpose"], "a purpose")
        person, found = self._statement(fields, "approval", subject, purpose)
        self.signed.approvals.append(Approval(person.id, subject, purpose, found.time, entry))

    def _overridden(self, fields: Fields, entry: int) -> None:
        subject, item = _hash(fields["subject"]), hex_id(fields["item"], "an item")
        gate = one_of(fields["gate"], "a gate that can be overridden", OVERRIDABLE)
        label, reason = line(fields["label"], "a label"), line(fields["reason"], "a reason")
        terms = override_terms(subject, gate, item, label, reason)
        person, found = self._statement(fields, "override", statements.digest(terms), "override")
        self.signed.overrides.append(
            Override(person.id, subject, gate, item, label, reason, found.time, entry)
        )

    def _consent(self, fields: Fields, entry: int) -> None:
        consent = Consent.of_fields(fields, entry)
        self._statement(fields, "consent", consent.subject(), consent.purpose)
        if consent.consent in self.signed.consents:
            raise MalformedError("a consent with this id is there already")
        self.signed.consents[consent.consent] = consent

    def _withdrawn(self, fields: Fields, entry: int) -> None:
        consent = hex_id(fields["consent"], "a consent")
        known = self.signed.consents[consent]
        subject = withdrawal_subject(consent, line(fields["ground"], "a ground"))
        self._statement(fields, "consent-withdrawal", subject, "withdrawal")
        if known.withdrawn is None:
            self.signed.consents[consent] = replace(known, withdrawn=entry)

    def _received(self, fields: Fields, entry: int) -> None:
        release, verdict = _hash(fields["release"]), one_of(fields["verdict"], "a verdict", VERDICTS)
        person, found = self._statement(fields, "receipt", release, verdict)
        self.signed.receipts.append(Receipt(person.id, release, verdict, found.time, entry))


def _hash(value: Json) -> str:
    text = canonical.text(value, "a hash")
    if not HEX64.match(text):
        raise MalformedError("a hash is not 64 hexadecimal digits")
    return text


def follow(vault_key: str, entries: Iterable[tuple[int, Fields]]) -> Signed:
    """Return what people signed in `entries` (place and fields, in order); raise TamperedError."""
    reader = Reader(vault_key)
    for entry, fields in entries:
        reader.follow(fields, entry)
    return reader.signed


def read(ledger: Ledger) -> Signed:
    """Return what people signed in the vault's own log; raise TamperedError."""

    def own() -> Iterator[tuple[int, Fields]]:
        for act in ledger.acts():
            if act.body is not None:
                yield act.index, act.body.fields

    return follow(ledger.vault.config.vault_key.encode(), own())


def releases(ledger: Ledger) -> set[str]:
    """Return the SHA-256 of every release the log tells of."""
    acts = (act.body.fields for act in ledger.acts() if act.body is not None)
    return {canonical.text(fields["release"]) for fields in acts if fields["kind"] == "released"}


def refuse_unknown_release(ledger: Ledger, release: str) -> None:
    """Raise RefusedError unless this vault made the release."""
    if release not in releases(ledger):
        raise RefusedError(f"this vault made no release with the SHA-256 {release}")
