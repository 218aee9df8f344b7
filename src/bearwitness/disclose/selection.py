"""What is to be released: whole items, clips, fields, statements, and what is said of the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final

from bearwitness.errors import UsageError
from bearwitness.vault.people import refuse_source
from bearwitness_verify.account import WHOLE, Answer, parse_answers, parse_conditions, parse_statement
from bearwitness_verify.canonical import Json
from bearwitness_verify.errors import MalformedError

from .clip_choice import Asked, parse_time
from .copies import AskedCopy
from .policies import ACCOUNTS, Policy
from .stills import AskedStill

_SAID = re.compile(
    r"(?P<item>[0-9a-f]{6,32})(@(?P<begin>[0-9:.]+)-(?P<end>[0-9:.]+))?"
    r"(#(?P<region>[0-9.]+,[0-9.]+,[0-9.]+,[0-9.]+))?: (?P<text>.*\S.*)\Z",
    re.DOTALL,
)
_NANOSECONDS: Final = 10**9


@dataclass(frozen=True)
class Said:
    """A statement: text pinned to an item, a time (seconds), a region (per cent: x, y, width, height)."""

    text: str
    item: str
    by: str = ""
    time: tuple[Fraction, Fraction] | None = None
    region: tuple[Fraction, ...] | None = None

    def to_json(self, item: str) -> Json:
        """Return the statement about the item with the whole id `item`; raise MalformedError."""
        time: Json = None
        if self.time is not None:
            begin, end = (str(int(seconds * _NANOSECONDS)) for seconds in self.time)
            time = {"from": begin, "to": end}
        region: Json = None
        if self.region is not None:
            names = ("x", "y", "width", "height")
            region = {
                name: str(int(share * WHOLE / 100)) for name, share in zip(names, self.region, strict=True)
            }
        value: Json = {"by": self.by, "item": item, "region": region, "text": self.text, "time": time}
        parse_statement(value)
        return value


@dataclass(frozen=True)
class Selection:
    """What is to be released; items by their ids or the beginnings of these."""

    items: tuple[str, ...] = ()
    clips: tuple[Asked, ...] = ()
    stills: tuple[AskedStill, ...] = ()
    copies: tuple[AskedCopy, ...] = ()
    escrow: str = ""
    watermark: bool = False
    ranges: frozenset[str] = frozenset()
    fields: tuple[str, ...] = ()
    statements: tuple[Said, ...] = ()
    account: frozenset[str] = frozenset()
    grounds: Mapping[str, str] = field(default_factory=dict)
    other_ground: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()

    def refuse_source(self) -> None:
        """Raise RefusedError where a ground, a condition, a reason or who says something names the source.

        Each goes out: the ground for which one item is withheld would tell on which the source is.
        """
        texts = {
            "the ground of what is withheld": (*self.grounds.values(), self.other_ground),
            "a condition": self.conditions.values(),
            "the reason of a correction or recall": (answer.reason for answer in self.answers),
            "the name of who states something": (said.by for said in self.statements),
        }
        for what, said in texts.items():
            for text in said:
                refuse_source(
                    text, what, "it goes out with the release, and whoever looks for the source reads it"
                )

    def under(self, policy: Policy) -> Selection:
        """Return what `policy` makes of it."""
        return replace(
            self,
            clips=tuple(
                replace(
                    clip,
                    sound=clip.sound and policy.sound,
                    hide_length=clip.hide_length or not policy.length,
                )
                for clip in self.clips
            ),
            stills=tuple(
                replace(still, hide_length=still.hide_length or not policy.length) for still in self.stills
            ),
            watermark=self.watermark or policy.watermark,
            account=self.account | policy.account,
            ranges=self.ranges | policy.ranges,
            other_ground=self.other_ground or policy.other_ground,
            conditions={**policy.conditions, **self.conditions},
        )

    @property
    def is_plain(self) -> bool:
        """Whether it is whole items and nothing else: a release of version 1."""
        said = self.fields or self.statements or self.account or self.conditions
        return not (self.clips or said) and self.version != "3"

    @property
    def version(self) -> str:
        """The version of a release that is not plain."""
        third = self.stills or self.answers or self.copies or self.escrow or self.ranges
        return "3" if third else "2"


def parse_said(text: str, by: str = "") -> Said:
    """Read ``ITEM[@START-END][#X,Y,WIDTH,HEIGHT]: TEXT``, times as in clips, the region in per cent."""
    match = _SAID.match(text)
    if match is None:
        raise UsageError(
            f"{text!r} is not a statement",
            "write ITEM@START-END#X,Y,WIDTH,HEIGHT: TEXT",
        )
    time = None if match["begin"] is None else (parse_time(match["begin"]), parse_time(match["end"]))
    region = None
    if match["region"] is not None:
        try:
            region = tuple(Fraction(part) for part in match["region"].split(","))
        except ValueError:
            raise UsageError(f"{match['region']!r} is not a region", "four numbers in per cent") from None
    return Said(match["text"], match["item"], by, time, region)


def parse_pairs(texts: list[str], what: str) -> dict[str, str]:
    """Read ``NAME=TEXT``; raise UsageError."""
    found = {}
    for text in texts:
        name, equals, said = text.partition("=")
        if not equals or not said.strip():
            raise UsageError(f"{text!r} is not {what}", "write NAME=TEXT")
        found[name.strip()] = said.strip()
    return found


def parse_account_words(texts: list[str]) -> frozenset[str]:
    """Read what --account names; raise UsageError."""
    words = {word.strip() for text in texts for word in text.split(",") if word.strip()}
    unknown = sorted(words - set(ACCOUNTS))
    if unknown:
        raise UsageError(f"{unknown[0]!r} is no part of an account", f"one of: {', '.join(ACCOUNTS)}")
    return frozenset(words)


def check_conditions(conditions: Mapping[str, str]) -> None:
    """Raise UsageError for a condition that is not known or malformed."""
    try:
        parse_conditions(dict(conditions))
    except MalformedError as error:
        raise UsageError(str(error)) from None


def parse_answer(act: str, words: str) -> Answer:
    """Read ``RELEASE=REASON``, the release by the SHA-256 of its release.json; raise UsageError."""
    release, equals, reason = words.partition("=")
    answer = Answer(act, release.strip().lower(), reason.strip())
    try:
        parse_answers([answer_json(answer)])
    except MalformedError:
        equals = ""
    if not equals:
        raise UsageError(
            f"{words!r} does not say which release, and why", "write SHA-256-OF-RELEASE.JSON=REASON"
        )
    return answer


def answer_json(answer: Answer) -> Json:
    """Return an answer as a release and its entry have it."""
    return {"act": answer.act, "reason": answer.reason, "release": answer.release}
