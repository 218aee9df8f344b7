"""The gates that facts about bytes and circumstances open: attack, metadata, frozen, embargo, and so on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from .facts import Facts
from .gates_of_people import Reasons, name_of
from .request import PRESS, REDACTED, TEXT, Request

_PRESS_SOURCES_MIN: Final = 2  # "one" is what is assumed where nothing is known: the press is not served then
_LISTED_MAX: Final = 20


def attack(request: Request, facts: Facts) -> Reasons:
    """What is called redacted was attacked in exactly these bytes, without a hit, and its plan approved."""
    reasons = []
    for shown in request.exhibits:
        if shown.treatment != REDACTED:
            continue
        made = [attack for attack in facts.attacks if attack.sha256 == shown.sha256]
        hits = [hit for attack in made for hit in attack.hits]
        if not made:
            reasons.append(f"{name_of(shown)}: no attack was made on exactly these bytes")
        elif hits:
            reasons.append(f"{name_of(shown)}: the attack found {len(hits)} things, the first: {hits[0]}")
        elif all(attack.lacking for attack in made):
            reasons.append(f"{name_of(shown)}: {made[0].lacking}")
        if shown.sha256 in (facts.sealed or {}).values():
            reasons.append(f"{name_of(shown)}: it is called redacted, and has the bytes of a sealed item")
    return reasons


def conditions(request: Request, facts: Facts) -> Reasons:
    """Every sharing condition of the profile is stated and met, and told to whoever is bound by it."""
    reasons = request.conditions.lacking(request.profile)
    if facts.travelling is None:
        return [*reasons, "which conditions travel with the release is not known"]
    return reasons + request.conditions.untold(request.profile, facts.travelling)


def embargo(request: Request, facts: Facts) -> Reasons:
    """The embargo that people approved, and the one that the release tells, are one, and past."""
    if facts.now is None or facts.now.tzinfo is None:
        return ["what time it is is not known"]
    if facts.travelling is None:
        return ["whether the release tells of an embargo is not known"]
    told = facts.travelling.get("embargo")
    within = None if told is None else datetime.fromisoformat(told)
    reasons = [
        f"it is under embargo until {until.isoformat()}"
        for until in sorted({until for until in (request.embargo, within) if until is not None})
        if facts.now < until
    ]
    if within is not None and within != request.embargo:
        reasons.append("the release tells of another embargo than people approved")
    if within is None and request.embargo is not None:
        told = request.embargo.isoformat()
        reasons.append(
            f"an embargo was approved and the release does not tell it (--condition embargo={told})"
        )
    return reasons


def frozen(request: Request, facts: Facts) -> Reasons:
    """No item is frozen."""
    if facts.frozen is None:
        return ["which items are frozen is not known"]
    return [f"{item} is frozen" for item in request.items if item in facts.frozen]


def metadata(request: Request, facts: Facts) -> Reasons:
    """A scan of exactly these bytes found no metadata, or none but what people accepted."""
    reasons = []
    accepted = () if request.profile == PRESS else request.metadata
    for shown in request.exhibits:
        if shown.treatment == TEXT and shown.sha256 not in (facts.sealed or {}).values():
            continue  # words that were put together here, and are approved word for word
        made = [scan for scan in facts.scans if scan.sha256 == shown.sha256]
        left = [found for scan in made for found in scan.findings if found not in accepted]
        if not made:
            reasons.append(f"{name_of(shown)}: nobody looked for metadata in exactly these bytes")
        elif left:
            reasons.append(f"{name_of(shown)}: it carries {_listed(left)}")
    return reasons


def _listed(found: Sequence[str]) -> str:
    """Return pieces of metadata as a reason names them: all, of very many the first and how many more."""
    noun = "piece" if len(found) == 1 else "pieces"
    more = f", and {len(found) - _LISTED_MAX} more" if len(found) > _LISTED_MAX else ""
    names = ", ".join(f'"{text}"' for text in found[:_LISTED_MAX])
    return f"{len(found)} {noun} of metadata that nobody accepted: {names}{more}"


def source_risk(request: Request, facts: Facts) -> Reasons:
    """Enough people are possible as who it came from."""
    if facts.risk is None or facts.risk.subject != request.subject():
        return ["there is no report of exactly this request on who could have supplied it"]
    reasons = []
    if request.profile == PRESS and request.minimum < _PRESS_SOURCES_MIN:
        reasons.append("for the press at least two people must be possible as the one it came from")
    if facts.risk.minimum != request.minimum:
        reasons.append("the report was made for another least number of possible people than people approved")
    if facts.risk.blocked or facts.risk.assumed < request.minimum:
        noun = "person is" if facts.risk.assumed == 1 else "people are"
        reasons.append(
            f"{facts.risk.assumed} {noun} taken to be possible; {request.minimum} must be "
            "(bearwitness risk says why)"
        )
    return reasons
