"""What `release` asks of the gates: the request that people approved, and the facts about what lies ready."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from bearwitness.disclose import asking, facts, gating, policies, redactions
from bearwitness.disclose.inspecting import Inspected, Inspector
from bearwitness.disclose.outgoing import Draft
from bearwitness.disclose.policies import Policy
from bearwitness.disclose.release import Gate, Ready, no_gate
from bearwitness.disclose.request import PRESS, REQUEST_BYTES_MAX, Request
from bearwitness.disclose.sharing import Conditions
from bearwitness.disclose.source_risk import assess
from bearwitness.errors import MalformedError, RefusedError, UsageError
from bearwitness.vault import signed
from bearwitness.vault.people import ROLES

from .options import path_text
from .output import EXIT_DONE, Output, plural
from .risk_cmd import add_sets, sets_of
from .signing import read_request, write_new
from .unlocking import Opened


def add_gates(parser: argparse.ArgumentParser) -> None:
    """Add --draft, --request and what the report on sources takes."""
    parser.add_argument(
        "--draft", metavar="FILE", type=Path,
        help="make everything, write down its hashes for a request, and let nothing out",
    )  # fmt: skip
    parser.add_argument(
        "--request", metavar="FILE", type=Path,
        help="the request that people approved: exactly this goes out, if every gate lets it pass",
    )  # fmt: skip
    add_sets(parser)


def gate_of(at: Opened, options: argparse.Namespace, out: Output) -> Gate:
    """Return the gate for what the options name; without a request, the one that lets no profile pass."""
    if options.request is None:
        return no_gate
    request = read_request(options.request)
    clusters, access = sets_of(options)

    def gate(policy: Policy, ready: Ready) -> None:
        """Ask every gate about what lies ready."""
        _same_profile(policy, request)
        gating.refuse_others(request, ready.draft)  # before hours of looking
        reveal = frozenset(name.strip() for text in options.reveal for name in text.split(","))
        now, said = datetime.now(UTC), _said(at, request, reveal | policy.reveal)
        asked = asking.question(
            at.ledger, at.catalogue, request, now, said=said, clusters=clusters, access=access
        )
        humans = signed.read(at.ledger).approvers(request.subject(), request.purpose)
        wanted = frozenset(policy.approvers or ROLES)
        counting = sum(bool(wanted & roles) for roles in humans.values())
        policies.require_approvals(policy, counting, len(humans) - counting)
        seen = inspected(ready, out)
        known = facts.of_vault(
            at.ledger, at.catalogue, request, now, looks=tuple(seen.looks), scans=tuple(seen.scans),
            risk=assess(asked), travelling=ready.conditions,
        )  # fmt: skip
        redactions.require_redacted(policy, request, known)
        gating.pass_gates(at.vault, request, known, ready.draft)

    return gate


def inspected(ready: Ready, out: Output) -> Inspected:
    """Look at all files that lie ready; say what could not be looked at, and why."""
    if not ready.files:
        return Inspected()
    with Inspector() as inspector:
        seen = inspector.inspect(ready.folder, ready.files, out.say)
    for why in sorted(seen.failures.values()):
        out.say(f"nothing is known of an exhibit: {why}")
    return seen


def _same_profile(policy: Policy, request: Request) -> None:
    if policy.name != request.profile:
        raise RefusedError(
            f"the request is for the profile {request.profile!r}, and this is released under "
            f"{policy.name or 'none'!r}",
            f"give --profile {request.profile}",
        )


def _said(at: Opened, request: Request, shown: frozenset[str]) -> dict[str, list[str]]:
    """Return the texts that go along with items: their paths, where these are among the fields shown."""
    rows = [at.catalogue.get(item) for item in request.items if "path" in shown]
    return {row.item: [path_text(row.path)] for row in rows if row is not None}


def tell_draft(
    path: Path, drafted: Draft, seen: Inspected, policy: Policy, travelling: Mapping[str, str], out: Output
) -> int:
    """Write a draft, say what was seen in its files and what to do with it.

    `travelling` are the conditions that it tells: one that is added later makes it another release.
    """
    write_new(path, drafted.encode().decode())
    found = sorted({finding for scan in seen.scans for finding in scan.findings})
    for look in seen.looks:
        out.say(
            f"exhibit {look.sha256[:12]}: at most {look.faces} faces, {look.persons} persons, {look.texts} "
            f"lines of text at once; {look.speech} s of speech"
        )
    for sha256, text in sorted(seen.texts.items()):
        if text:
            out.say(f"exhibit {sha256[:12]} says, to be read by everybody who approves it:")
            out.say("\n".join(f"    {line}" for line in text.splitlines()))
    for finding in found:
        out.say(f"it carries {finding}")
    if found and policy.name != PRESS:
        out.say(
            "what stands after 'it carries' people have to accept word for word: request --accept-metadata"
        )
    lacking = redactions.left(policy, drafted.exhibits, seen.looks, seen.scans)
    if policy.name in policies.NAMES:
        lacking = [*lacking, *Conditions().untold(policy.name, travelling)]
    for reason in lacking:
        out.say(f"the profile {policy.name!r} will not let it out as it is: {reason}")
    data = {
        "draft": str(path),
        "exhibits": [vars(e) for e in drafted.exhibits],
        "plan": drafted.plan,
        "looks": [vars(look) for look in seen.looks],
        "metadata": found,
        "texts": seen.texts,
        "lacking": lacking,
    }
    out.result(
        data,
        f"{plural(len(drafted.exhibits), 'exhibit')} written down in {path}; nothing was let out\n"
        f"go on with: bearwitness request request.json --draft {path} …",
    )
    return EXIT_DONE


def read_draft(path: Path) -> Draft:
    """Return the draft in a file."""
    try:
        with path.open("rb") as file:
            return Draft.decode(file.read(REQUEST_BYTES_MAX))
    except OSError as error:
        raise UsageError(f"{path} can not be read: {error.strerror}") from None
    except MalformedError as error:
        hint = error.hint or "a draft is written by: bearwitness release --draft"
        raise MalformedError(f"{path} is no draft: {error.message}", hint) from None
