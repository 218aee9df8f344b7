"""Asks the gates, and enters in the log alone what they said, before anything leaves."""

from __future__ import annotations

from bearwitness.vault.vault import Vault
from bearwitness_verify.canonical import Json

from . import gates
from .facts import Facts
from .gates import GateResult
from .request import Request


def pass_gates(vault: Vault, request: Request, facts: Facts) -> tuple[GateResult, ...]:
    """Judge, enter the results, then return them or raise RefusedError. The caller holds the vault's lock."""
    results = gates.judge(request, facts)
    told: list[Json] = [result.to_json() for result in results]
    passed = all(result.passed for result in results)
    vault.append(
        {
            "kind": "gate-results",
            "subject": request.subject(),
            "outcome": "passed" if passed else "refused",
            "results": told,
        }
    )
    gates.refuse(results)
    return results
