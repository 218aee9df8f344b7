"""People: keys that sign, registered in the log by two keepers; never the source (docs/format.md, 6.5)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from bearwitness.custody.statements import line
from bearwitness.errors import MalformedError, RefusedError, UsageError
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json
from bearwitness_verify.note import ED25519, VerifierKey

ROLES: Final = ("advocate", "analyst", "custodian", "editor", "lawyer", "recipient", "translator")
KEEPERS_MIN: Final = 2
_KEY_NAME: Final = re.compile(r"person/[0-9a-f]{8}\Z")
_ID_DIGITS: Final = 16

# Whole words, in the languages of the program and of its users: what somebody would write without thinking.
_SOURCE_WORDS: Final = frozenset(
    "source sources source-keeper source_keeper sourcekeeper informant informer whistleblower "
    "whistle-blower leaker источник источника источники источнику источником информатор "
    "информатора информатору осведомитель осведомителя informateur informatrice "
    "indicateur indicatrice dénonciateur".split()
)
_SOURCE_PHRASES: Final = ("lanceur d'alerte", "lanceuse d'alerte", "消息来源", "线人", "举报人")
_KEPT: Final = (
    "the log is kept for ever, everybody who works here reads it, and courts can ask for it: "
    "nothing in it says who the source is, or who knows"
)
_WORD: Final = re.compile(r"[^\W_]+(?:[-_][^\W_]+)*")


def refuse_source(text: str, what: str, why: str = _KEPT) -> str:
    """Return `text`; raise RefusedError where it speaks of the source in so many words, and say `why`."""
    low = _sounding(text).replace("\u2019", "'")
    if _SOURCE_WORDS & set(_WORD.findall(low)) or any(phrase in low for phrase in _SOURCE_PHRASES):
        raise RefusedError(
            f"{what} speaks of the source: {text!r}",
            f"{why}. Say it without that word, or leave it out",
        )
    return text


def told(value: Json, what: str) -> str:
    """Return a text for people that is one line and does not speak of the source."""
    return refuse_source(line(value, what), what)


def person_id(key: VerifierKey) -> str:
    """Return the id of the person whose key this is."""
    return key.fingerprint[:_ID_DIGITS]


def person_key(text: str) -> VerifierKey:
    """Read the vkey of a person; raise MalformedError for that of a log or a cosigner."""
    key = VerifierKey.parse(text)
    if key.algorithm != ED25519 or not _KEY_NAME.match(key.name):
        raise MalformedError(
            f"{key.name} is not the key of a person", "such keys are made by: bearwitness people new"
        )
    return key


def check_roles(roles: Sequence[str]) -> tuple[str, ...]:
    """Return roles in order, each once; refuse the source's and any that is not known."""
    for role in roles:
        if role in ROLES:
            continue
        refuse_source(role, "the role")
        raise UsageError(f"there is no role {role!r}", "one of: " + ", ".join(ROLES))
    if not roles:
        raise UsageError("a person has at least one role", "one of: " + ", ".join(ROLES))
    return tuple(sorted(set(roles)))


@dataclass(frozen=True)
class Person:
    """Somebody who signs. `human` is the id of their first key; `revoked` the entry that ended this key."""

    id: str
    name: str
    roles: tuple[str, ...]
    key: VerifierKey
    human: str
    entry: int
    revoked: int | None = None
    ground: str = ""

    @property
    def active(self) -> bool:
        """Whether the key still signs."""
        return self.revoked is None


@dataclass
class People:
    """The register as the log tells it so far."""

    by_id: dict[str, Person] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Person]:
        """Yield everybody in the order of registration."""
        return iter(self.by_id.values())

    def active(self, person: str) -> Person:
        """Return the person with this id who may sign now; raise RefusedError."""
        found = self.by_id.get(person)
        if found is None:
            raise RefusedError(
                f"nobody with the id {person} is registered", "see: bearwitness people register --help"
            )
        if not found.active:
            raise RefusedError(f"the key of {found.name} ({person}) was revoked: {found.ground}")
        return found

    def find(self, wanted: str) -> Person:
        """Return whose id begins with `wanted`, or who is called so and active; raise UsageError."""
        ids = [p for p in self if len(wanted) >= 6 and p.id.startswith(wanted.lower())]
        found = ids or [p for p in self if p.active and _sounding(p.name) == _sounding(wanted)]
        if len(found) != 1:
            raise UsageError(
                f"{len(found) or 'no'} people are called {wanted!r}", "see: bearwitness people list"
            )
        return found[0]

    def refuse_twice(self, name: str, key: VerifierKey, replaces: str) -> None:
        """Refuse a key or a name that would let one human count as two."""
        for person in self:
            same_human = bool(replaces) and person.human == self.by_id[replaces].human
            if person.key.public == key.public:
                raise RefusedError(f"this key is registered already, as {person.name}")
            if _sounding(person.name) == _sounding(name) and not same_human:
                raise RefusedError(
                    f"somebody called {person.name} is registered already ({person.id})",
                    "for a new key of the same person: --replaces with that id; two people need two names",
                )

    def apply(self, fields: Mapping[str, Json], entry: int) -> None:
        """Follow an entry that registers or revokes; raise an error for one against the rules."""
        if len(set(_texts(fields["keepers"]))) < KEEPERS_MIN:
            raise MalformedError("it was not made by two keepers")
        if fields["kind"] == "person-registered":
            self._register(fields, entry)
        else:
            gone = self.active(canonical.text(fields["person"], "a person"))
            self.by_id[gone.id] = replace(gone, revoked=entry, ground=line(fields["ground"], "a ground"))

    def _register(self, fields: Mapping[str, Json], entry: int) -> None:
        key = person_key(canonical.text(fields["key"], "a key"))
        name, person = line(fields["name"], "a name"), canonical.text(fields["person"], "a person")
        roles = tuple(_texts(fields["roles"]))
        replaces = canonical.text(fields["replaces"], "a person")
        if person != person_id(key) or roles != check_roles(roles):
            raise MalformedError("its id is not that of its key, or its roles are not in order")
        human = person
        if replaces:
            old = self.by_id[replaces]
            human = old.human
        self.refuse_twice(name, key, replaces)
        if replaces and old.active:
            self.by_id[replaces] = replace(old, revoked=entry, ground="replaced by another key")
        self.by_id[person] = Person(person, name, roles, key, human, entry)


def _sounding(name: str) -> str:
    """Return what two spellings of one name have in common: keyboards write one letter as one sign or two."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _texts(value: Json) -> list[str]:
    return [canonical.text(one) for one in canonical.array(value)]


def registration(
    people: People,
    key: VerifierKey,
    name: str,
    roles: Sequence[str],
    keepers: Sequence[str],
    replaces: str = "",
) -> dict[str, Json]:
    """Return the fields of the entry that registers `key`; raise RefusedError where it must not be."""
    told(name, "the name")
    wanted: list[Json] = [*check_roles(roles)]
    if replaces and replaces not in people.by_id:
        raise UsageError(f"nobody with the id {replaces} is registered", "see: bearwitness people list")
    people.refuse_twice(name, key, replaces)
    return {
        "kind": "person-registered", "person": person_id(key), "name": name, "roles": wanted,
        "key": key.encode(), "keepers": [*keepers], "replaces": replaces,
    }  # fmt: skip


def revocation(people: People, person: Person, ground: str, keepers: Sequence[str]) -> dict[str, Json]:
    """Return the fields of the entry that ends a key."""
    people.active(person.id)
    why = told(ground, "the ground")
    return {"kind": "person-revoked", "person": person.id, "ground": why, "keepers": [*keepers]}
