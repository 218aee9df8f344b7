"""Reads what people signed out of the vault's own log in one pass; every signature is checked on the way.

An entry that no honest writer makes (by somebody not registered, over other fields than its own) gives nobody
anything, and is told. Only taking back counts all the same: a revocation, a withdrawal. Whoever can write
such an entry can thus stop what people agreed to, but not agree for them, and not lock them out of the vault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from bearwitness.custody import statements
from bearwitness.custody.statements import HEX64, Act, Statement, line
from bearwitness.errors import BearwitnessError, MalformedError, RefusedError
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json

from .consents import Consent, hex_id, one_of, override_terms, withdrawal_subject
from .ledger import Ledger
from .people import Person
from .signed_acts import Approval, Override, Receipt, Signed

OVERRIDABLE: Final = ("consent",)
VERDICTS: Final = ("verified", "consistent only")
_AGAINST_RULES: Final = "revoked by an entry against the rules"


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

    def take(self, fields: Fields, entry: int) -> None:
        """Take in one entry; raise an error where it is against the rules."""
        reader = self.kinds.get(canonical.text(fields["kind"]))
        if reader is not None:
            try:
                reader(fields, entry)
            except KeyError as error:
                raise MalformedError(f"it lacks {error}, or names what is not there") from None

    def follow(self, fields: Fields, entry: int) -> None:
        """Take in one entry; what is against the rules is told, and counts only where it takes back."""
        try:
            self.take(fields, entry)
        except BearwitnessError as error:
            self.signed.odd.append(
                f"entry {entry} of the log ({fields['kind']}) does not hold: {error.message}"
            )
            self._take_back(fields, entry)

    def _take_back(self, fields: Fields, entry: int) -> None:
        people, consents = self.signed.people.by_id, self.signed.consents
        person, consent = str(fields.get("person")), str(fields.get("consent"))
        if fields["kind"] == "person-revoked" and person in people and people[person].active:
            people[person] = replace(people[person], revoked=entry, ground=_AGAINST_RULES)
        elif fields["kind"] == "consent-withdrawn" and consent in consents:
            self._withdraw(consent, entry)

    def _withdraw(self, consent: str, entry: int) -> None:
        known = self.signed.consents[consent]
        if known.withdrawn is None:
            self.signed.consents[consent] = replace(known, withdrawn=entry)

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
        if consent not in self.signed.consents:
            raise MalformedError("there is no such consent")
        subject = withdrawal_subject(consent, line(fields["ground"], "a ground"))
        self._statement(fields, "consent-withdrawal", subject, "withdrawal")
        self._withdraw(consent, entry)

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
    """Return what people signed in `entries` (place and fields, in order)."""
    reader = Reader(vault_key)
    for entry, fields in entries:
        reader.follow(fields, entry)
    return reader.signed


def read(ledger: Ledger) -> Signed:
    """Return what people signed in the vault's own log."""

    def own() -> Iterator[tuple[int, Fields]]:
        for act in ledger.acts(derived=False):
            if act.body is not None:
                yield act.index, act.body.fields

    return follow(ledger.vault.config.vault_key.encode(), own())


def releases(ledger: Ledger) -> set[str]:
    """Return the SHA-256 of every release the log tells of."""
    acts = (act.body.fields for act in ledger.acts(derived=False) if act.body is not None)
    return {canonical.text(fields["release"]) for fields in acts if fields["kind"] == "released"}


def answers(ledger: Ledger) -> list[tuple[str, str, str]]:
    """Return which releases correct or recall which: the later one, the act, the earlier one."""
    found = []
    for act in ledger.acts(derived=False):
        if act.body is None or act.body.kind != "released":
            continue
        for one in canonical.array(act.body.fields.get("answers", []), "the answers of a release"):
            got = canonical.members(one, "an answer", "act reason release")
            words = (act.body.fields["release"], got["act"], got["release"])
            later, kind, earlier = (canonical.text(word, "an answer") for word in words)
            found.append((later, kind, earlier))
    return found


def refuse_unknown_release(ledger: Ledger, release: str) -> None:
    """Raise RefusedError unless this vault made the release."""
    if release not in releases(ledger):
        raise RefusedError(f"this vault made no release with the SHA-256 {release}")
