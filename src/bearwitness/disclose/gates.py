"""The gates that a release must pass, all of them (docs/format.md, 6.8). Pure functions over facts.

A gate returns the reasons why it does not pass, none if it does. What is missing, unknown or about other
bytes is a reason. There is no way to turn a gate off: :func:`judge` refuses where one did not run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from bearwitness.errors import RefusedError
from bearwitness.vault.consents import NO_CONSENT
from bearwitness.vault.signed_acts import Signed
from bearwitness_verify.canonical import Json

from .facts import Facts
from .request import REDACTED, TEXT, Request, Shown, Visible

NAMES: Final = (
    "approvals", "attack", "compartment", "conditions", "consent", "embargo", "frozen", "metadata", "people",
    "source-risk",
)  # fmt: skip
PRESS: Final = "press"
_TWO: Final = 2
_PRESS_SOURCES_MIN: Final = 2  # "one" is what is assumed where nothing is known: the press is not served then

Reasons = list[str]
Gate = Callable[[Request, Facts], Reasons]


@dataclass(frozen=True)
class GateResult:
    """What one gate said."""

    gate: str
    reasons: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether it lets the release pass."""
        return not self.reasons

    def to_json(self) -> Json:
        """Return what the log keeps of it."""
        return {"gate": self.gate, "passed": self.passed, "reasons": [*self.reasons]}


def is_clear(shown: Shown, facts: Facts) -> bool:
    """Say whether an exhibit counts as clear, whatever it is called: the bytes of any sealed item do."""
    sealed = facts.sealed or {}
    return shown.treatment != REDACTED or shown.item not in sealed or shown.sha256 in sealed.values()


def _approvals(request: Request, facts: Facts) -> Reasons:
    if facts.signed is None:
        return ["what people approved is not known"]
    unknown = [item for item in request.items if item not in (facts.sealed or {})]
    if unknown:
        return [
            f"{unknown[0]}: what was sealed is not known, so it can not be said whether it is shown clear"
        ]
    humans = facts.signed.approvers(request.subject(), request.purpose)
    clear = any(is_clear(shown, facts) for shown in request.exhibits)
    needed = _TWO if clear else 1
    if len(humans) < needed:
        why = ", for something in it is shown in the clear" if clear else ""
        return [f"{len(humans)} people approved exactly this request; {needed} must{why}"]
    return []


def _attack(request: Request, facts: Facts) -> Reasons:
    reasons = []
    for shown in request.exhibits:
        if shown.treatment != REDACTED:
            continue
        made = [attack for attack in facts.attacks if attack.sha256 == shown.sha256]
        hits = [hit for attack in made for hit in attack.hits]
        if not made:
            reasons.append(f"{_name(shown)}: no attack was made on exactly these bytes")
        elif hits:
            reasons.append(f"{_name(shown)}: the attack found {len(hits)} things, the first: {hits[0]}")
        if shown.sha256 in (facts.sealed or {}).values():
            reasons.append(f"{_name(shown)}: it is called redacted, and its bytes are those that were sealed")
    return reasons


def _compartment(request: Request, facts: Facts) -> Reasons:
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


def _conditions(request: Request, facts: Facts) -> Reasons:
    del facts
    return request.conditions.lacking(request.profile)


def _consent(request: Request, facts: Facts) -> Reasons:
    if facts.signed is None or facts.now is None:
        return ["what people on it consented to is not known"]
    reasons = []
    for shown in request.exhibits:
        for visible in shown.visible:
            why = _not_consented(request, facts.signed, facts.now.date(), shown, visible)
            if why:
                reasons.append(f"{_name(shown)}, {visible.label}: {why}")
    return reasons


def _not_consented(request: Request, known: Signed, day: date, shown: Shown, visible: Visible) -> str:
    """Return why somebody must not be shown, empty if they may be."""
    consents = known.consents_of(shown.item, visible.label)
    withdrawn = max((c.withdrawn for c in consents if c.withdrawn is not None), default=-1)
    recipients = (request.profile, request.recipient)
    why = NO_CONSENT
    for consent in consents:
        why = consent.covers(request.purpose, recipients, visible.ways, day)
        if not why and consent.entry > withdrawn:
            return ""
        why = why or "it was withdrawn"
    if withdrawn >= 0 and request.profile == PRESS:
        return f"{why}; a consent was withdrawn, and for the press nothing overrides that"
    humans = known.overriders(request.subject(), shown.item, visible.label, withdrawn)
    if any(len(people) >= _TWO for people in humans.values()):
        return ""
    most = max(map(len, humans.values()), default=0)
    return why + (f"; {most} of two people overrode it for one reason" if most else "")


def _embargo(request: Request, facts: Facts) -> Reasons:
    if facts.now is None or facts.now.tzinfo is None:
        return ["what time it is is not known"]
    if request.embargo is not None and facts.now < request.embargo:
        return [f"it is under embargo until {request.embargo.isoformat()}"]
    return []


def _frozen(request: Request, facts: Facts) -> Reasons:
    if facts.frozen is None:
        return ["which items are frozen is not known"]
    return [f"{item} is frozen" for item in request.items if item in facts.frozen]


def _metadata(request: Request, facts: Facts) -> Reasons:
    reasons = []
    accepted = () if request.profile == PRESS else request.metadata
    for shown in request.exhibits:
        made = [scan for scan in facts.scans if scan.sha256 == shown.sha256]
        left = [found for scan in made for found in scan.findings if found not in accepted]
        if not made:
            reasons.append(f"{_name(shown)}: nobody looked for metadata in exactly these bytes")
        elif left:
            reasons.append(f"{_name(shown)}: it carries {len(left)} pieces of metadata, the first: {left[0]}")
    return reasons


def _people(request: Request, facts: Facts) -> Reasons:
    """Compare who is said to be recognisable with what a detector sees in the same bytes."""
    reasons = []
    for shown in request.exhibits:
        if shown.treatment == TEXT and shown.sha256 not in (facts.sealed or {}).values():
            continue
        made = [look for look in facts.looks if look.sha256 == shown.sha256]
        faces = max((look.faces for look in made), default=0)
        told = sum("face" in visible.ways for visible in shown.visible)
        if not made:
            reasons.append(f"{_name(shown)}: no detector looked for faces in exactly these bytes")
        elif faces > told:
            reasons.append(
                f"{_name(shown)}: a detector sees {faces} faces at once, {told} are listed by face"
            )
    return reasons


def _source_risk(request: Request, facts: Facts) -> Reasons:
    if facts.risk is None or facts.risk.subject != request.subject():
        return ["there is no report of exactly this request on who could have supplied it"]
    reasons = []
    if request.profile == PRESS and request.minimum < _PRESS_SOURCES_MIN:
        reasons.append("for the press at least two people must be possible as the one it came from")
    if facts.risk.minimum != request.minimum:
        reasons.append("the report was made for another least number of possible people than people approved")
    if facts.risk.blocked or facts.risk.assumed < request.minimum:
        reasons.append(f"{facts.risk.assumed} people are taken to be possible; {request.minimum} must be")
    return reasons


GATES: Mapping[str, Gate] = MappingProxyType(
    {
        "approvals": _approvals,
        "attack": _attack,
        "compartment": _compartment,
        "conditions": _conditions,
        "consent": _consent,
        "embargo": _embargo,
        "frozen": _frozen,
        "metadata": _metadata,
        "people": _people,
        "source-risk": _source_risk,
    }
)


def judge(request: Request, facts: Facts) -> tuple[GateResult, ...]:
    """Return what every gate says, in the order of :data:`NAMES`; one that is not there has not let pass."""
    results = []
    for name in NAMES:
        gate = GATES.get(name)
        reasons = ["this gate did not run"] if gate is None else gate(request, facts)
        results.append(GateResult(name, tuple(reasons)))
    return tuple(results)


def refuse(results: tuple[GateResult, ...]) -> None:
    """Raise RefusedError with all reasons unless exactly the gates of :data:`NAMES` are there and passed."""
    reasons = [f"{result.gate}: {reason}" for result in results for reason in result.reasons]
    if [result.gate for result in results] != list(NAMES):
        reasons.append("not every gate ran")
    if reasons:
        raise RefusedError(
            "this is not released: " + "; ".join(reasons),
            "nothing left the vault; each reason names what is missing",
        )


def check(request: Request, facts: Facts) -> tuple[GateResult, ...]:
    """Return the results if every gate passed; else raise RefusedError with all reasons."""
    results = judge(request, facts)
    refuse(results)
    return results


def _name(shown: Shown) -> str:
    return f"{shown.treatment} exhibit {shown.sha256[:12]} of {shown.item}"
