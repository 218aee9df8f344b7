"""Which recordings no clock tells the time of, each with the reason, so that none is silently left out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from bearwitness.catalogue import schema
from bearwitness.catalogue.catalogue import Catalogue, ItemRow
from bearwitness.vault.derivatives import DONE, FAILED

from .analyser import SOUND, VIDEO
from .reading import Clock

_NO_DATE: Final = "its burned-in clock shows no date, and neither name nor container tells a time"
_NOT_READ: Final = "no time in name or container; burned-in clocks were not looked for (triage --only clock)"
_NONE: Final = "no clock is burned in, and neither name nor container tells a time"


@dataclass(frozen=True)
class Undated:
    """A recording without a clock, and why."""

    row: ItemRow
    reason: str


def undated(catalogue: Catalogue, dated: Collection[str], without_date: Collection[str]) -> list[Undated]:
    """Return the videos and sounds that are not among `dated`, by path; frozen ones are left out.

    `without_date` are items whose burned-in clock shows a time of day alone. Of equal bytes one is named.
    """
    kinds, outcomes = _kinds(catalogue), _outcomes(catalogue)
    found, seen = [], set()
    for row in catalogue.items():
        known = row.sha256 is not None and row.bytes and not row.same_as and row.sha256 not in seen
        if not known or catalogue.is_frozen(row.item) or row.item in dated:
            continue
        reason = _reason(row.item, kinds, outcomes, without_date)
        if reason:
            seen.add(row.sha256)
            found.append(Undated(row, reason))
    return sorted(found, key=lambda each: each.row.path)


def _reason(
    item: str, kinds: dict[str, str], outcomes: dict[str, dict[str, tuple[str, str]]],
    without_date: Collection[str],
) -> str:  # fmt: skip
    """Return why an item has no clock, empty for what is no recording or stands in another's place."""
    mine = outcomes.get(item)
    if mine is None:
        return ""  # nothing is known of it: the count of what was never looked at tells
    outcome, why = mine.get("probe", ("", ""))
    if outcome == FAILED:
        return f"it could not be read: {why}"
    if kinds.get(item) not in (VIDEO, SOUND):
        return ""
    if item in without_date:
        return _NO_DATE
    outcome, why = mine.get(Clock.name, ("", ""))
    if outcome == FAILED:
        return f"looking for a burned-in clock failed: {why}"
    if outcome == DONE or kinds[item] == SOUND:
        return _NONE
    return _NOT_READ


def _kinds(catalogue: Catalogue) -> dict[str, str]:
    facts = schema.facts.c
    with catalogue.connect() as connection:
        rows = connection.execute(select(facts.item, facts.exact).where(facts.name == "media"))
        return {row.item: row.exact for row in rows}


def _outcomes(catalogue: Catalogue) -> dict[str, dict[str, tuple[str, str]]]:
    """Return outcome and reason by item and kind, the latest of each."""
    results, found = schema.results.c, dict[str, dict[str, tuple[str, str]]]()
    query = select(results.item, results.kind, results.outcome, results.reason).order_by(results.entry)
    with catalogue.connect() as connection:
        for row in connection.execute(query):
            found.setdefault(row.item, {})[row.kind] = (row.outcome, row.reason)
    return found
