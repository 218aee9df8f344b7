"""What a selection says about who could have supplied it, told to those who decide, before they approve.

Assumed is an adversary who holds the servers' and visitors' logs of the place, knows what was written to
whom, and has all earlier releases. The report lists what narrows the circle; it never says that nothing does.
How many people remain possible is computed only from sets that source keepers bring along and that are not
kept; where they do not bring them it is unknown, and one is assumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from typing import Final

from bearwitness_verify.report import printable

from .identifiers import find
from .risk_model import UNKNOWN, Finding, Question, RiskReport

_RECENT_DAYS: Final = 365  # logs of visits and copies are commonly kept that long
_TOLD_MAX: Final = 40  # findings of one text that are listed singly


def assess(question: Question) -> RiskReport:
    """Return what the selection says about who could have supplied it."""
    homes = _homes(question)
    findings = [*_texts(question), *_copies(question, homes), *_history(question)]
    possible, why = _possible(question)
    findings.append(Finding("possible people", "", why))
    return RiskReport(
        question.subject, question.minimum, possible, tuple(findings), tuple(_alternatives(question, homes))
    )


def _homes(question: Question) -> dict[str, set[str]]:
    """Return by SHA-256 the deliveries that hold these bytes."""
    homes: dict[str, set[str]] = {}
    for known in question.everything:
        homes.setdefault(known.sha256, set()).add(known.delivery)
    return homes


def _texts(question: Question) -> Iterable[Finding]:
    """Yield ids and names in what is shown besides the pictures."""
    for chosen in question.chosen:
        for text in chosen.said:
            for found in find(text)[:_TOLD_MAX]:
                yield Finding(found.kind, chosen.item, f"{printable(found.text, 80)} stands in what is shown")
        if chosen.said:
            first = printable(chosen.said[0], 80)
            yield Finding("names", chosen.item, f"its own name or tags are shown ({first}): who had them?")


def _copies(question: Question, homes: Mapping[str, set[str]]) -> Iterable[Finding]:
    """Yield what is on one drive alone, bit for bit or as a scene."""
    for chosen in question.chosen:
        mates = _cluster(question, chosen.item)
        deliveries = {
            home for k in question.everything if k.item in mates for home in homes.get(k.sha256, ())
        } | {chosen.delivery}
        if chosen.exact:
            yield Finding(
                "exact bytes", chosen.item, "its own bytes go out: logs of copies can be searched for them"
            )
            if len(homes.get(chosen.sha256, ())) <= 1:
                other = " (other versions are on other drives)" if len(deliveries) > 1 else ""
                yield Finding("one drive alone", chosen.item, f"these bytes came on one drive alone{other}")
        elif question.clusters is not None and len(deliveries) <= 1:
            yield Finding("one drive alone", chosen.item, "no copy of this was found on any other drive")
    if question.clusters is None:
        why = "nobody brought what `bearwitness similar --json` tells (--copies)"
        yield Finding("not looked at", "", f"whether versions of this are on other drives: {why}")


def _history(question: Question) -> Iterable[Finding]:
    """Yield what order and dates of releases tell."""
    home = {known.item: known.delivery for known in question.everything}
    for delivery in sorted({chosen.delivery for chosen in question.chosen}):
        before = [release for release in question.earlier if delivery in {home.get(i) for i in release.items}]
        shown = {item for release in before for item in release.items if home.get(item) == delivery}
        new = {chosen.item for chosen in question.chosen if chosen.delivery == delivery} - shown
        text = f"nothing of delivery {delivery} was shown before"
        if before:
            times = [release.time for release in before]
            text = (
                f"{_count(shown, 'item')} of delivery {delivery} went out in {_count(before, 'release')} "
                f"from {min(times)} to {max(times)}; this adds {len(new)}. "
                "Together they tell what the drive holds"
            )
        yield Finding("order of releases", "", text)
        sealed = question.sealed_on.get(delivery)
        if sealed is None:
            yield Finding(
                "not looked at", "", f"how long delivery {delivery} has been here: no date is known"
            )
        else:
            days = (question.now - sealed).days
            text = f"delivery {delivery} was sealed {days} days ago: it left the place before that"
            yield Finding("dates", "", text + (", and not long ago" if days < _RECENT_DAYS else ""))
    if not question.earlier:
        yield Finding(
            "order of releases", "", "this log tells of no earlier release; others may have shown some"
        )


def _possible(question: Question) -> tuple[int | None, str]:
    """Return how many people could have supplied what is shown now and was before, and why."""
    if question.access is None:
        return None, f"{UNKNOWN}: nobody brought sets of those who could have had each item"
    if not question.chosen:
        return None, f"{UNKNOWN}: nothing was chosen"
    home = {known.item: known.delivery for known in question.everything}
    chosen = {one.item: one.delivery for one in question.chosen}
    touched = set(chosen.values())
    shown = chosen | {
        item: home[item] for r in question.earlier for item in r.items if home.get(item) in touched
    }
    gone = {item for release in question.earlier for item in release.items if item not in home}
    missing = sorted((shown.keys() - question.access.keys()) | gone)
    if missing:
        count = _count(missing, "item")
        return None, f"{UNKNOWN}: no set was brought for {count} shown now or earlier, such as {missing[0]}"
    left: dict[str, frozenset[str]] = {}
    for item, delivery in shown.items():
        people = frozenset(question.access[item])
        left[delivery] = left.get(delivery, people) & people
    empty = [delivery for delivery, people in sorted(left.items()) if not people]
    if empty:
        return None, f"{UNKNOWN}: by the sets nobody could have had all that is shown of {empty[0]}"
    # Whoever looks for one person behind all drives looks at those in every set, if there are any.
    least = len(frozenset.intersection(*left.values())) or min(map(len, left.values()))
    return least, f"{least} by the sets that were brought, for all shown of these drives, now and before"


def _cluster(question: Question, item: str) -> set[str]:
    """Return the items that are copies of `item`, itself among them."""
    mates = {item}
    for group in question.clusters or ():
        if item in group:
            mates |= set(group)
    return mates


def _alternatives(question: Question, homes: Mapping[str, set[str]]) -> Iterable[str]:
    """Yield what could be shown instead, and says less."""
    for chosen in question.chosen:
        here = len(homes.get(chosen.sha256, ()))
        wider = [
            known
            for known in question.everything
            if known.item != chosen.item
            and known.item in _cluster(question, chosen.item)
            and len(homes[known.sha256]) > max(here, 1)
        ]
        for known in sorted(wider, key=lambda k: (-len(homes[k.sha256]), k.item))[:3]:
            count = len(homes[known.sha256])
            yield f"instead of {chosen.item} its version {known.item}, whose bytes came on {count} drives"
        if chosen.exact:
            yield f"{chosen.item} redacted or re-encoded, its own bytes and their proofs kept for a court"
        if chosen.said:
            yield f"{chosen.item} without its name and tags"


def _count(things: Sized, noun: str) -> str:
    return f"{len(things)} {noun}" + "s" * (len(things) != 1)
