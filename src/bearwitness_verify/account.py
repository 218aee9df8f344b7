"""What a release says besides its proofs: statements, conditions, account, answers (format.md 11.1, 11.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from . import canonical, leaves, merkle
from .canonical import Json, integer, members, text, unb64
from .errors import MalformedError, ProofError

CONDITIONS: Final = ("embargo", "purpose", "onward", "consent", "fair_trial", "death_penalty", "note")
WHOLE: Final = 10_000  # of a picture's width or height
_ITEM = re.compile(r"[0-9a-f]{32}\Z")
_RELEASE = re.compile(r"[0-9a-f]{64}\Z")
ACTS: Final = ("corrects", "recalls")
_TIME_MAX: Final = 2**63 - 1
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)\Z", re.ASCII)


@dataclass(frozen=True)
class Region:
    """A part of a picture as displayed, in ten-thousandths of its width and height."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Statement:
    """A text pinned to an item; `time` in nanoseconds on the item's clock."""

    text: str
    item: str
    by: str
    time: tuple[int, int] | None
    region: Region | None


@dataclass(frozen=True)
class Amount:
    """How much is shown of how much."""

    shown: int
    held: int


@dataclass(frozen=True)
class Account:
    """How many items and seconds of footage are shown, of how many; None if it does not say."""

    items: Amount | None
    seconds: Amount | None


@dataclass(frozen=True)
class Withheld:
    """An item that is not shown: its leaf, what proves it, and why."""

    ground: str
    index: int
    leaf: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class Answer:
    """That a release corrects or recalls the earlier one with this SHA-256, and why."""

    act: str
    release: str
    reason: str


def parse_answers(value: Json) -> tuple[Answer, ...]:
    """Read which earlier releases one corrects or recalls; raise MalformedError."""
    answers = []
    for member in canonical.array(value, "the answers of a release"):
        got = members(member, "an answer", "act reason release")
        answer = Answer(*(text(got[name], "an answer") for name in ("act", "release", "reason")))
        if answer.act not in ACTS or not _RELEASE.match(answer.release) or not answer.reason.strip():
            raise MalformedError("an answer neither corrects nor recalls a release, or gives no reason")
        answers.append(answer)
    names = [answer.release for answer in answers]
    if not names or names != sorted(set(names)):
        raise MalformedError("the answers of a release are none, twice, or not in order")
    return tuple(answers)


def parse_statement(value: Json) -> Statement:
    """Read a statement; raise MalformedError."""
    got = members(value, "a statement", "by item region text time")
    item, said = text(got["item"], "the item of a statement"), text(got["text"], "a statement")
    if not _ITEM.match(item) or not said.strip():
        raise MalformedError("a statement is empty, or about nothing that can be an item")
    time = None
    if got["time"] is not None:
        span = members(got["time"], "the time of a statement", "from to")
        begin, end = (integer(span[name], "a time", -_TIME_MAX, _TIME_MAX) for name in ("from", "to"))
        if begin >= end:
            raise MalformedError("a statement is about a time that ends before it begins")
        time = (begin, end)
    region = None if got["region"] is None else _region(got["region"])
    return Statement(said, item, text(got["by"], "who makes a statement"), time, region)


def _region(value: Json) -> Region:
    got = members(value, "a region", "height width x y")
    x, y, width, height = (integer(got[n], "a region", 0, WHOLE) for n in ("x", "y", "width", "height"))
    if not width or not height or x + width > WHOLE or y + height > WHOLE:
        raise MalformedError("a statement is about a region that is not within the picture")
    return Region(x, y, width, height)


def parse_conditions(value: Json) -> Mapping[str, str]:
    """Read the conditions under which a release is shared; raise MalformedError."""
    got = members(value, "the conditions", "", " ".join(CONDITIONS))
    conditions = {name: text(said, "a condition") for name, said in got.items()}
    if not all(said.strip() for said in conditions.values()):
        raise MalformedError("a condition is empty")
    if not _INSTANT.match(conditions.get("embargo", "2000-01-01T00:00:00Z")):
        raise MalformedError("an embargo is not a time as RFC 3339 writes it")
    return conditions


def parse_account(value: Json) -> Account | None:
    """Read the account of what is shown; raise MalformedError."""
    if value is None:
        return None
    got = members(value, "the account", "items seconds")
    return Account(_amount(got["items"]), _amount(got["seconds"]))


def _amount(value: Json) -> Amount | None:
    if value is None:
        return None
    got = members(value, "an amount", "held shown")
    amount = Amount(integer(got["shown"], "an amount"), integer(got["held"], "an amount"))
    if amount.shown > amount.held:
        raise MalformedError("the account shows more than it says is held")
    return amount


def parse_withheld(value: Json) -> Withheld:
    """Read an item that is withheld; raise MalformedError."""
    got = members(value, "an item withheld", "ground index leaf path")
    ground = text(got["ground"], "a ground")
    if not ground.strip():
        raise MalformedError("an item is withheld without a ground")
    path = tuple(unb64(h, "a hash of a proof", 32) for h in canonical.array(got["path"], "a proof"))
    index = integer(got["index"], "the index of an item", 0, 2**32 - 1)
    return Withheld(ground, index, unb64(got["leaf"], "the leaf of an item", 32), path)


def check_withheld(
    withheld: Sequence[Withheld], tree: leaves.TreeRef, shown: Sequence[bytes], held: int | None
) -> None:
    """Check that what is withheld is all the rest of a delivery; `shown` are the leaves of what is shown.

    `held` is how many items the delivery's entry says it holds. Raises ProofError.
    """
    hashes = [item.leaf for item in withheld]
    if hashes != sorted(set(hashes)) or set(hashes) & set(shown):
        raise ProofError("an item is withheld twice, or both shown and withheld, or they are not in order")
    for item in withheld:
        if merkle.root_from_path(item.index, tree.height, item.leaf, item.path) != tree.root:
            raise ProofError(f"the withheld item {leaves.item_id(item.leaf)} does not stand in the delivery")
    if held is None:
        raise ProofError("what is withheld is listed, but not how many items the delivery holds")
    if len(hashes) + len(shown) != held:
        raise ProofError(
            f"{len(shown)} items are shown and {len(hashes)} withheld of a delivery that holds {held}"
        )


def check_items(amount: Amount, counts: Sequence[tuple[int, int | None]]) -> None:
    """Check the account of items against `counts`, of each delivery how many are shown and held.

    Raises ProofError, also where a delivery does not tell how many it holds (None).
    """
    held = 0
    for _, of_delivery in counts:
        if of_delivery is None:
            raise ProofError("the account counts items, but a delivery does not show how many it holds")
        held += of_delivery
    shown = sum(count for count, _ in counts)
    if (amount.shown, amount.held) != (shown, held):
        raise ProofError(
            f"the account says {amount.shown} of {amount.held} items, the proofs {shown} of {held}"
        )
