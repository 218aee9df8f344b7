"""The gates that people open: approvals, compartments, consent; and who can be recognised at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from bearwitness.vault.consents import NO_CONSENT, PROFILES
from bearwitness.vault.signed_acts import Signed

from .facts import Facts, Look
from .request import PRESS, REDACTED, TEXT, Request, Shown, Visible

Reasons = list[str]
TWO: Final = 2
_SEEN: Final = frozenset({"body", "face"})


def is_clear(shown: Shown, facts: Facts) -> bool:
    """Say whether an exhibit counts as clear, whatever it is called: the bytes of any sealed item do."""
    sealed = facts.sealed or {}
    return shown.treatment != REDACTED or shown.item not in sealed or shown.sha256 in sealed.values()


def approvals(request: Request, facts: Facts) -> Reasons:
    """Everybody who must has approved exactly this request; two for anything clear."""
    if facts.signed is None:
        return ["what people approved is not known"]
    unknown = [item for item in request.items if item not in (facts.sealed or {})]
    if unknown:
        return [
            f"{unknown[0]}: what was sealed is not known, so it can not be said whether it is shown clear"
        ]
    humans = facts.signed.approvers(request.subject(), request.purpose)
    clear = any(is_clear(shown, facts) for shown in request.exhibits)
    needed = TWO if clear else 1
    if len(humans) < needed:
        why = ", for something in it is shown in the clear" if clear else ""
        return [f"{len(humans)} people approved exactly this request; {needed} must{why}"]
    return []


def compartment(request: Request, facts: Facts) -> Reasons:
    """The rule of every item's compartment is known and met."""
    if facts.rules is None or facts.signed is None:
        return ["under which rules the items are kept is not known"]
    humans = facts.signed.approvers(request.subject(), request.purpose)
    roles = {role for held in humans.values() for role in held}
    reasons = []
    for item in request.items:
        rule = facts.rules.get(item)
        if rule is None:
            reasons.append(f"{item}: its compartment is not known")
        elif not rule.releasable:
            reasons.append(f"{item}: nothing of the compartment {rule.compartment} is ever released")
        elif len(humans) < rule.approvals or not rule.roles <= roles:
            wanted = f"{rule.approvals} people" + (
                f", {', '.join(sorted(rule.roles))} among them" * bool(rule.roles)
            )
            reasons.append(f"{item}: the compartment {rule.compartment} asks for approval by {wanted}")
    return reasons


def consent(request: Request, facts: Facts) -> Reasons:
    """Everybody who can be recognised consented to this, or two people overrode that with a reason."""
    if facts.signed is None or facts.now is None:
        return ["what people on it consented to is not known"]
    reasons = []
    for shown in request.exhibits:
        for visible in shown.visible:
            why = _not_consented(request, facts.signed, facts.now.date(), shown, visible)
            if why:
                reasons.append(f"{name_of(shown)}, {visible.label}: {why}")
    return reasons


def _not_consented(request: Request, known: Signed, day: date, shown: Shown, visible: Visible) -> str:
    """Return why somebody must not be shown, empty if they may be."""
    consents = known.consents_of(shown.item, visible.label)
    withdrawn = max((c.withdrawn for c in consents if c.withdrawn is not None), default=-1)
    # A consent towards courts is none towards a newspaper that somebody calls "court".
    named = () if request.recipient in PROFILES else (request.recipient,)
    recipients = (request.profile, *named)
    why = NO_CONSENT
    for consent in consents:
        why = consent.covers(request.purpose, recipients, visible.ways, day)
        if not why and consent.entry > withdrawn:
            return ""
        why = why or "it was withdrawn"
    if withdrawn >= 0 and request.profile == PRESS:
        return f"{why}; a consent was withdrawn, and for the press nothing overrides that"
    humans = known.overriders(request.subject(), shown.item, visible.label, withdrawn)
    if any(len(people) >= TWO for people in humans.values()):
        return ""
    most = max(map(len, humans.values()), default=0)
    return why + (f"; {most} of two people overrode it for one reason" if most else "")


def people(request: Request, facts: Facts) -> Reasons:
    """Compare who is said to be recognisable with what detectors see and hear in the same bytes."""
    reasons = []
    for shown in request.exhibits:
        if shown.treatment == TEXT and shown.sha256 not in (facts.sealed or {}).values():
            continue
        made = [look for look in facts.looks if look.sha256 == shown.sha256]
        if made:
            reasons += [f"{name_of(shown)}: {reason}" for reason in _unlisted(shown, made)]
        else:
            reasons.append(f"{name_of(shown)}: no detector looked for faces in exactly these bytes")
    return reasons


def _unlisted(shown: Shown, looks: Sequence[Look]) -> Iterator[str]:
    """Yield what detectors found of people that nobody listed, or did not look for."""
    by = [frozenset(visible.ways) for visible in shown.visible]
    faces, told = max(look.faces for look in looks), sum("face" in ways for ways in by)
    if faces > told:
        yield f"a detector sees {faces} faces at once, {told} are listed by face"
    persons = [n for look in looks if (n := look.persons) is not None]
    told = sum(bool(ways & _SEEN) for ways in by)
    if not persons:
        yield "no detector looked for persons in exactly these bytes"
    elif max(persons) > told:
        yield f"a detector sees {max(persons)} persons at once, {told} are listed by face or body"
    speech = [n for look in looks if (n := look.speech) is not None]
    if not speech:
        yield "nobody listened for speech in exactly these bytes"
    elif max(speech) and not any("voice" in ways for ways in by):
        yield f"somebody speaks for some {max(speech)} seconds, and nobody is listed by voice"


def name_of(shown: Shown) -> str:
    """Return how an exhibit is told in a reason."""
    return f"{shown.treatment} exhibit {shown.sha256[:12]} of {shown.item}"
