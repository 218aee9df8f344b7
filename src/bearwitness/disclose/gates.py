"""The gates that a release must pass, all of them (docs/format.md, 6.8). Pure functions over facts.

A gate returns the reasons why it does not pass, none if it does. What is missing, unknown or about other
bytes is a reason. There is no way to turn a gate off: :func:`judge` refuses where one did not run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from bearwitness.errors import RefusedError
from bearwitness_verify.canonical import Json

from . import gates_of_bytes, gates_of_people
from .facts import Facts
from .gates_of_people import Reasons
from .request import Request

NAMES: Final = (
    "approvals", "attack", "compartment", "conditions", "consent", "embargo", "frozen", "metadata", "people",
    "source-risk",
)  # fmt: skip
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


GATES: Mapping[str, Gate] = MappingProxyType(
    {
        "approvals": gates_of_people.approvals,
        "attack": gates_of_bytes.attack,
        "compartment": gates_of_people.compartment,
        "conditions": gates_of_bytes.conditions,
        "consent": gates_of_people.consent,
        "embargo": gates_of_bytes.embargo,
        "frozen": gates_of_bytes.frozen,
        "metadata": gates_of_bytes.metadata,
        "people": gates_of_people.people,
        "source-risk": gates_of_bytes.source_risk,
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
