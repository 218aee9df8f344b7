"""A release request: exactly the bytes that would go out, to whom, for what. What people approve is its hash.

Canonical JSON, read strictly (docs/format.md, 6.8). With one byte changed it is another request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bearwitness.custody.statements import HEX64, digest, line, read_utc, utc_text
from bearwitness.errors import MalformedError
from bearwitness.vault.consents import PROFILES, PURPOSES, hex_id, one_of, ways_of
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, integer

from .sharing import Conditions

PRESS: Final = "press"
REDACTED: Final = "redacted"
CLEAR: Final = "clear"
TEXT: Final = "text"
TREATMENTS: Final = (REDACTED, CLEAR, TEXT)
REQUEST_BYTES_MAX: Final = 16 << 20
_MINIMUM_MAX: Final = 1000


@dataclass(frozen=True)
class Visible:
    """Somebody who can be recognised: by which label people call them, in which ways (face, voice, …)."""

    label: str
    ways: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """An exhibit: the item it comes from, the SHA-256 of the bytes that go out, what was done to them."""

    item: str
    sha256: str
    treatment: str
    visible: tuple[Visible, ...]

    def to_json(self) -> dict[str, Json]:
        """Return the object of a request."""
        visible: list[Json] = [{"label": v.label, "ways": [*v.ways]} for v in self.visible]
        return {"item": self.item, "sha256": self.sha256, "treatment": self.treatment, "visible": visible}

    @classmethod
    def from_json(cls, value: Json) -> Shown:
        """Read the object of a request strictly."""
        got = canonical.members(value, "an exhibit of a request", "item sha256 treatment visible")
        visible = tuple(_visible(one) for one in canonical.array(got["visible"], "who can be recognised"))
        if [v.label for v in visible] != sorted({v.label for v in visible}):
            raise MalformedError(
                "who can be recognised is not in ascending order, or somebody is there twice"
            )
        treatment = one_of(got["treatment"], "the treatment of an exhibit", TREATMENTS)
        return cls(hex_id(got["item"], "an item"), _hash(got["sha256"]), treatment, visible)


@dataclass(frozen=True)
class Request:
    """What is asked to be released."""

    profile: str
    recipient: str
    purpose: str
    exhibits: tuple[Shown, ...]
    conditions: Conditions
    minimum: int
    embargo: datetime | None = None
    metadata: tuple[str, ...] = ()
    plan: str | None = None

    def to_json(self) -> dict[str, Json]:
        """Return the canonical object."""
        return {
            "conditions": self.conditions.to_json(),
            "embargo": None if self.embargo is None else utc_text(self.embargo),
            "exhibits": [exhibit.to_json() for exhibit in self.exhibits],
            "metadata": [*self.metadata],
            "minimum": str(self.minimum),
            "plan": self.plan,
            "profile": self.profile,
            "purpose": self.purpose,
            "recipient": self.recipient,
            "type": "release-request",
            "v": "1",
        }

    def encode(self) -> bytes:
        """Return the bytes of the request; raise MalformedError for one that could not be read again."""
        data = canonical.dumps(self.to_json())
        if Request.decode(data) != self:
            raise MalformedError("the request is not in order: sort exhibits, people and accepted metadata")
        return data

    def subject(self) -> str:
        """Return the SHA-256 that people approve, in hexadecimal."""
        return digest(self.to_json())

    @classmethod
    def decode(cls, data: bytes) -> Request:
        """Read the bytes of a request strictly; raise MalformedError."""
        if len(data) > REQUEST_BYTES_MAX:
            raise MalformedError("a release request is larger than any may be")
        names = "conditions embargo exhibits metadata minimum plan profile purpose recipient type v"
        got = canonical.members(canonical.loads(data, "the release request"), "the release request", names)
        if (got["type"], got["v"]) != ("release-request", "1"):
            raise MalformedError("this is no release request of a version known here")
        exhibits = tuple(Shown.from_json(one) for one in canonical.array(got["exhibits"], "exhibits"))
        _ascending([f"{e.item} {e.sha256}" for e in exhibits], "the exhibits of a request")
        if not exhibits:
            raise MalformedError("a release request names no exhibit")
        metadata = [line(m, "accepted metadata") for m in canonical.array(got["metadata"], "metadata")]
        _ascending(metadata, "the accepted metadata of a request")
        embargo, plan = got["embargo"], got["plan"]
        return cls(
            one_of(got["profile"], "the profile", PROFILES),
            line(got["recipient"], "the recipient"),
            one_of(got["purpose"], "the purpose", PURPOSES),
            exhibits,
            Conditions.from_json(got["conditions"]),
            integer(got["minimum"], "how many people must be possible", 1, _MINIMUM_MAX),
            None if embargo is None else read_utc(embargo, "the embargo"),
            tuple(metadata),
            None if plan is None else _hash(plan),
        )

    @property
    def items(self) -> list[str]:
        """The items it shows something of, each once."""
        return sorted({exhibit.item for exhibit in self.exhibits})


def _visible(value: Json) -> Visible:
    got = canonical.members(value, "somebody who can be recognised", "label ways")
    return Visible(line(got["label"], "a label"), ways_of(got["ways"], "how somebody can be recognised"))


def _hash(value: Json) -> str:
    text = canonical.text(value, "a SHA-256")
    if not HEX64.match(text):
        raise MalformedError("a SHA-256 in a request is not 64 hexadecimal digits")
    return text


def _ascending(values: Sequence[str], what: str) -> None:
    if list(values) != sorted(set(values)):
        raise MalformedError(f"{what} are not in ascending order, or one is there twice")
