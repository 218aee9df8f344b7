"""Asks the gates, and enters in the log alone what they said, before anything leaves the vault."""

from __future__ import annotations

from bearwitness.errors import RefusedError
from bearwitness.vault.vault import Vault
from bearwitness_verify.canonical import Json

from . import gates
from .facts import Facts
from .gates import GateResult
from .outgoing import Draft
from .request import TEXT, Request


def pass_gates(vault: Vault, request: Request, facts: Facts, made: Draft) -> tuple[GateResult, ...]:
    """Judge, enter the results, then return them or raise RefusedError. The caller holds the vault's lock.

    `made` is what lies ready to go out: it must be exactly what is in the request, for that is what people
    approved.
    """
    refuse_others(request, made)
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


def refuse_others(request: Request, made: Draft) -> None:
    """Raise RefusedError unless exactly the exhibits of `request`, and what it tells besides, were made."""
    asked = {(shown.item, shown.sha256) for shown in request.exhibits}
    ready = {(out.item, out.sha256) for out in made.exhibits}
    if ready - asked:
        item, sha256 = min(ready - asked)
        raise RefusedError(
            f"exhibit {sha256[:12]} of item {item} is not in the request that people approved",
            "make a request for what is to go out, and have it approved",
        )
    if asked - ready:
        item, sha256 = min(asked - ready)
        raise RefusedError(f"exhibit {sha256[:12]} of item {item} was approved, and is not there")
    texts = {(out.item, out.sha256) for out in made.exhibits if out.treatment == TEXT}
    for shown in request.exhibits:
        if shown.treatment == TEXT and (shown.item, shown.sha256) not in texts:
            raise RefusedError(
                f"exhibit {shown.sha256[:12]} of item {shown.item} is called a text in the request, and is a "
                "file: nobody would look at what it shows and carries",
                "make the request of a draft, and have it approved",
            )
    if made.plan != request.plan:
        raise RefusedError(
            "what is told besides the exhibits (account, conditions, fields of deliveries) is not what was "
            "approved",
            "make a request of a new draft, and have it approved",
        )
