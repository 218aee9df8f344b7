"""Makes the entries that people sign: approvals, overrides, consents, withdrawals, receipts (format 6.6).

Each function returns the fields of one entry; :func:`enter` reads them as everybody will, then appends them.
"""

from __future__ import annotations

from collections.abc import Mapping

from bearwitness.custody import statements
from bearwitness.custody.signing import SigningKey
from bearwitness.custody.statements import Act, Statement
from bearwitness.errors import BearwitnessError, RefusedError
from bearwitness_verify import note
from bearwitness_verify.canonical import Json
from bearwitness_verify.note import VerifierKey

from . import signed
from .consents import Consent, override_terms, withdrawal_subject
from .ledger import Ledger
from .people import person_id, told
from .signed_acts import Signed

Fields = dict[str, Json]


def statement(key: SigningKey, act: Act, vault: VerifierKey, subject: str, purpose: str) -> str:
    """Return a statement of this second, signed with `key`."""
    return statements.sign(Statement(act, vault.encode(), subject, purpose, statements.now_text()), key)


def approval(key: SigningKey, vault: VerifierKey, subject: str, purpose: str) -> Fields:
    """Return the fields by which the owner of `key` approves `subject`."""
    signed_note = statement(key, "approval", vault, subject, purpose)
    return approval_from(signed_note, person_id(key.verifier))


def approval_from(signed_note: str, person: str) -> Fields:
    """Return the fields for an approval signed elsewhere."""
    found = Statement.of_text(note.parse(signed_note.encode()).text)
    if found.act != "approval":
        raise RefusedError(f"this is a statement of another act: {found.act}")
    return {
        "kind": "approved", "person": person, "subject": found.subject, "purpose": found.purpose,
        "statement": signed_note,
    }  # fmt: skip


def override(key: SigningKey, vault: VerifierKey, subject: str, item: str, label: str, reason: str) -> Fields:
    """Return one of the two halves that let the gate `consent` pass for `label` on `item`."""
    told(reason, "the reason")
    terms = override_terms(subject, "consent", item, told(label, "the label"), reason)
    signed_note = statement(key, "override", vault, statements.digest(terms), "override")
    return {"kind": "overridden", "person": person_id(key.verifier), **terms, "statement": signed_note}


def consent(key: SigningKey, vault: VerifierKey, given: Consent) -> Fields:
    """Return the fields by which the owner of `key` records a consent (of :func:`.consents.checked`)."""
    signed_note = statement(key, "consent", vault, given.subject(), given.purpose)
    who = person_id(key.verifier)
    return {"kind": "consent", **given.terms(), "person": who, "statement": signed_note}


def withdrawal(key: SigningKey, vault: VerifierKey, consent_id: str, ground: str) -> Fields:
    """Return the fields that end a consent."""
    subject = withdrawal_subject(consent_id, told(ground, "the ground"))
    signed_note = statement(key, "consent-withdrawal", vault, subject, "withdrawal")
    who = person_id(key.verifier)
    named: Fields = {"consent": consent_id, "ground": ground, "person": who}
    return {"kind": "consent-withdrawn", **named, "statement": signed_note}


def receipt_from(signed_note: str) -> Fields:
    """Return the fields for a recipient's receipt; `person` is the one whose key it says signed."""
    found = Statement.of_text(note.parse(signed_note.encode()).text)
    if found.act != "receipt":
        raise RefusedError(f"this is a statement of another act: {found.act}")
    return {"kind": "received", "release": found.subject, "verdict": found.purpose, "statement": signed_note}


def signer_of(signed_note: str, known: Signed) -> str:
    """Return the id of the registered person whose signature a note carries; raise RefusedError."""
    parsed = note.parse(signed_note.encode())
    for person in known.people:
        if any(person.key.made(signature) for signature in parsed.signatures):
            return known.people.active(person.id).id
    raise RefusedError(
        "it is signed by nobody who is registered here", "register them: bearwitness people register"
    )


def enter(ledger: Ledger, known: Signed, fields: Mapping[str, Json]) -> None:
    """Append an entry, after reading it as everybody will; raise RefusedError where they would not have it.

    `known` is spent: read it again afterwards.
    """
    reader = signed.Reader(ledger.vault.config.vault_key.encode(), known)
    try:
        reader.take(fields, ledger.vault.log.size)
    except BearwitnessError as error:
        raise RefusedError(f"this is not entered in the log: {error.message}", error.hint) from None
    ledger.vault.append(fields)
