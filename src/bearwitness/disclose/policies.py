"""Policies: what a kind of release must, may and may never hold; TOML files that a group edits.

Five lie beside this file (``profiles/``); ``bearwitness release --print-profile press`` prints one to start
from. A policy only narrows what is asked for, or refuses; what it can not enforce it does not allow.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from bearwitness.errors import MalformedError, RefusedError, UsageError
from bearwitness.vault.keyring import parse_recipient
from bearwitness_verify.account import parse_conditions
from bearwitness_verify.leaves import ENTRY_SLOTS, ITEM_SLOTS
from bearwitness_verify.ranges import RANGES

NAMES: Final = ("press", "investigator", "court", "asylum", "archive")
ACCOUNTS: Final = ("items", "seconds", "withheld")
REDACTIONS: Final = ("faces", "bodies", "voices", "overlays", "metadata")
DELIVERY_PREFIX: Final = "delivery."
REVEALABLE: Final = (
    *ITEM_SLOTS,
    *(DELIVERY_PREFIX + name for name in ENTRY_SLOTS["sealed"] if name != "kind"),
)
_TYPES: Final = {
    "v": str, "name": str, "bit_exact": bool, "sound": bool, "length": bool, "seal_date": bool,
    "reveal": list, "never": list, "account": list, "other_ground": str, "redact": list, "approvals": int,
    "approvers": list, "encrypt": bool, "ranges": list, "escrow": bool,
    "recipients": list, "embargo": str, "conditions": dict, "watermark": bool,
}  # fmt: skip
_LATER: Final[dict[str, Any]] = {"watermark": False}
"""What policies of earlier versions lack, and what that means."""


@dataclass(frozen=True)
class Policy:
    """What a profile says; the members are those of the TOML files, explained in ``press.toml``."""

    name: str
    bit_exact: bool = True
    sound: bool = True
    length: bool = True
    seal_date: bool = True
    reveal: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    account: frozenset[str] = frozenset()
    ranges: frozenset[str] = frozenset()
    other_ground: str = ""
    redact: frozenset[str] = frozenset()
    approvals: int = 0
    approvers: tuple[str, ...] = ()
    encrypt: bool = False
    escrow: bool = False
    watermark: bool = False
    recipients: tuple[str, ...] = ()
    conditions: Mapping[str, str] = field(default_factory=dict)


NO_POLICY: Final = Policy("")


def text_of(name: str) -> str:
    """Return the text of one of the policies that come with Bearwitness."""
    return (files(__package__) / "profiles" / f"{name}.toml").read_text("utf-8")


def load(name_or_file: str) -> Policy:
    """Return the policy of this name, or in this file; raise UsageError or MalformedError."""
    if name_or_file in NAMES:
        return parse(text_of(name_or_file), name_or_file)
    try:
        return parse(Path(name_or_file).read_text("utf-8"), name_or_file)
    except (OSError, UnicodeDecodeError):
        raise UsageError(
            f"{name_or_file!r} is neither a profile nor a file that can be read",
            f"profiles: {', '.join(NAMES)}; to write one: bearwitness release --print-profile press",
        ) from None


def parse(text: str, what: str) -> Policy:
    """Read a policy strictly: every member, and no other."""
    try:
        got: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MalformedError(f"the policy {what} is not TOML: {error}") from None
    got = _LATER | got
    if got.keys() != _TYPES.keys():
        odd = sorted(got.keys() ^ _TYPES.keys())
        raise MalformedError(f"the policy {what} lacks {odd[0]!r}, or does not know it")
    for name, kind in _TYPES.items():
        if type(got[name]) is not kind or (kind is list and not all(isinstance(v, str) for v in got[name])):
            raise MalformedError(f"in the policy {what} {name!r} is not what it must be")
    if got.pop("v") != "1" or got["approvals"] < 0 or not got["name"]:
        raise MalformedError(f"the policy {what} is of a version not known here, or has no name")
    _check_words(what, "reveal", got["reveal"], REVEALABLE)
    _check_words(what, "never", got["never"], REVEALABLE)
    _check_words(what, "account", got["account"], ACCOUNTS)
    _check_words(what, "ranges", got["ranges"], RANGES)
    _check_words(what, "redact", got["redact"], REDACTIONS)
    for recipient in got["recipients"]:
        parse_recipient(recipient)
    embargo = got.pop("embargo")
    got["conditions"] |= {"embargo": embargo} if embargo else {}
    got["conditions"] = parse_conditions(got["conditions"])
    got |= {name: frozenset(got[name]) for name in ("reveal", "never", "account", "ranges", "redact")}
    got |= {name: tuple(got[name]) for name in ("recipients", "approvers")}
    return Policy(**got)


def _check_words(what: str, name: str, words: list[str], known: tuple[str, ...]) -> None:
    for word in words:
        if word not in known:
            raise MalformedError(f"in the policy {what} {name!r} has {word!r}", f"one of: {', '.join(known)}")


def require(
    policy: Policy, *, whole: bool, clips: bool, encrypted: bool, copies: bool = False, escrow: bool = False
) -> None:
    """Raise RefusedError unless a selection is what `policy` allows."""
    who = f"the profile {policy.name!r}"
    if (whole or clips) and not policy.bit_exact:
        raise RefusedError(
            f"{who} shows no file and no clip as it was recorded",
            "show statements or chosen fields, or a redacted copy once there is one",
        )
    if (whole or clips) and policy.redact:
        raise RefusedError(
            f"{who} asks that {', '.join(sorted(policy.redact))} be gone, and nothing chosen was redacted",
            "choose a redacted copy",
        )
    if policy.escrow and copies and not escrow:
        raise RefusedError(
            f"{who} wants the exact proofs of a redacted copy kept for a court",
            "give --escrow FILE.age and --escrow-to with the age recipient of a court or a keeper",
        )
    if policy.encrypt and not encrypted:
        raise RefusedError(
            f"{who} wants the release encrypted", "give --to with an age recipient, and a DEST ending in .age"
        )


def require_approvals(policy: Policy, approved: int, others: int = 0) -> None:
    """Raise RefusedError unless as many people with the right roles approved as `policy` asks for.

    `others` approved as well, in roles that do not count here.
    """
    who = f"the profile {policy.name!r}"
    if approved < policy.approvals:
        roles = f" ({', '.join(policy.approvers)})" if policy.approvers else ""
        raise RefusedError(
            f"{who} wants the approval of {policy.approvals} people{roles}; the log has {approved}"
            + (f", and {others} in other roles, which do not count" if others else ""),
            "the way there: release --draft, request, approve, release --request; or edit the policy: "
            "bearwitness release --print-profile",
        )


def refuse_never(policy: Policy, revealed: frozenset[str]) -> None:
    """Raise RefusedError if a field is to be revealed that the policy never shows."""
    wrong = sorted(revealed & policy.never)
    if wrong:
        whole = "no file goes out as it was sealed: show a copy (bearwitness redact), or a --statement"
        hint = whole if "content" in wrong else "leave it out"
        raise RefusedError(f"the profile {policy.name!r} never shows {', '.join(wrong)}", hint)
