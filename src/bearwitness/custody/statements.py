"""What a person signs: a note that names the act, the vault, the subject's hash, the purpose and the time.

Written and read strictly as docs/format.md, 6.6 says, so that whoever is shown the fields can check it alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Literal, get_args

from bearwitness.errors import MalformedError, SignatureError
from bearwitness_verify import canonical, note
from bearwitness_verify.canonical import Json
from bearwitness_verify.note import ED25519, VerifierKey

from .signing import SigningKey

Act = Literal["approval", "consent", "consent-withdrawal", "override", "receipt"]
ACTS: Final[tuple[str, ...]] = get_args(Act)
LINE_LENGTH_MAX: Final = 500
HEX64: Final = re.compile(r"[0-9a-f]{64}\Z")
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_FORM: Final = re.compile(
    r"bearwitness/1/(?P<act>[a-z-]+)\nvault: (?P<vault>[^\n]+)\nsubject: (?P<subject>[0-9a-f]{64})\n"
    r"purpose: (?P<purpose>[^\n]+)\ntime: (?P<time>[^\n]+)\n\Z"
)


def line(value: Json, what: str) -> str:
    """Return `value` if it is one line for people: 1 to 500 printable characters; raise MalformedError."""
    text = canonical.text(value, what)
    if not 1 <= len(text) <= LINE_LENGTH_MAX or text != text.strip() or not text.isprintable():
        raise MalformedError(
            f"{what} is not one line of 1 to {LINE_LENGTH_MAX} printable characters, spaces at its ends apart"
        )
    return text


def utc_text(moment: datetime) -> str:
    """Return a moment as statements write it."""
    return moment.astimezone(UTC).strftime(_TIME)


def read_utc(value: Json, what: str) -> datetime:
    """Return the moment that :func:`utc_text` wrote; raise MalformedError."""
    text = canonical.text(value, what)
    try:
        moment = datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:
        raise MalformedError(f"{what} is not a time like 2026-03-12T14:02:07Z") from None
    if utc_text(moment) != text:
        raise MalformedError(f"{what} is not a time as it is usually written")
    return moment


def digest(value: Json) -> str:
    """Return the SHA-256, hexadecimal, of the canonical JSON of `value`: what stands for it as a subject."""
    return sha256(canonical.dumps(value)).hexdigest()


@dataclass(frozen=True)
class Statement:
    """What is signed. `vault` is the vault's vkey, `subject` a SHA-256 in hexadecimal."""

    act: str
    vault: str
    subject: str
    purpose: str
    time: str

    def text(self) -> str:
        """Return the text of the note; raise MalformedError where a member can not stand in it."""
        if self.act not in ACTS:
            raise MalformedError(f"people do not sign an act called {self.act!r}")
        if not HEX64.match(self.subject):
            raise MalformedError("the subject of a statement is not a SHA-256 in hexadecimal")
        VerifierKey.parse(self.vault)
        line(self.purpose, "the purpose of a statement")
        read_utc(self.time, "the time of a statement")
        return (
            f"bearwitness/1/{self.act}\nvault: {self.vault}\nsubject: {self.subject}\n"
            f"purpose: {self.purpose}\ntime: {self.time}\n"
        )

    @classmethod
    def of_text(cls, text: str) -> Statement:
        """Read the text of a note strictly."""
        found = _FORM.match(text)
        if found is None:
            raise MalformedError("a statement has not the five lines that one must have")
        statement = cls(**found.groupdict())
        if statement.text() != text:
            raise MalformedError("a statement is not as it is usually written")
        return statement


def sign(statement: Statement, key: SigningKey) -> str:
    """Return the signed note as text."""
    return key.sign_note(statement.text()).decode()


def now_text() -> str:
    """Return this second as statements write it."""
    return utc_text(datetime.now(UTC))


def read(signed: Json, key: VerifierKey) -> Statement:
    """Return what `key`, and nobody else, signed; raise MalformedError or SignatureError."""
    parsed = note.parse(canonical.text(signed, "a statement").encode())
    if key.algorithm != ED25519 or len(parsed.signatures) != 1:
        raise SignatureError("a statement carries exactly one signature, by a person's key")
    key.verify(parsed)
    return Statement.of_text(parsed.text)
