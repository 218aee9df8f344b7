"""What `release` asks of the gates: the request that people approved, and the facts about what lies ready."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from bearwitness.disclose import asking, facts, gating, policies
from bearwitness.disclose.outgoing import Draft
from bearwitness.disclose.policies import Policy
from bearwitness.disclose.release import Gate, no_gate
from bearwitness.disclose.request import REQUEST_BYTES_MAX, Request
from bearwitness.disclose.source_risk import assess
from bearwitness.errors import RefusedError, UsageError
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


def gate_of(at: Opened, options: argparse.Namespace) -> Gate:
    """Return the gate for what the options name; without a request, the one that lets no profile pass."""
    if options.request is None:
        return no_gate
    request = read_request(options.request)
    clusters, access = sets_of(options)

    def gate(policy: Policy, made: Draft) -> None:
        """Ask every gate about what lies ready."""
        _same_profile(policy, request)
        reveal = frozenset(name.strip() for text in options.reveal for name in text.split(","))
        now, said = datetime.now(UTC), _said(at, request, reveal | policy.reveal)
        asked = asking.question(
            at.ledger, at.catalogue, request, now, said=said, clusters=clusters, access=access
        )
        known = facts.of_vault(at.ledger, at.catalogue, request, now, risk=assess(asked))
        humans = signed.read(at.ledger).approvers(request.subject(), request.purpose)
        wanted = frozenset(policy.approvers or ROLES)
        policies.require_approvals(policy, sum(bool(wanted & roles) for roles in humans.values()))
        gating.pass_gates(at.vault, request, known, made)

    return gate


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


def tell_draft(path: Path, drafted: Draft, out: Output) -> int:
    """Write a draft and say what to do with it."""
    write_new(path, drafted.encode().decode())
    data = {"draft": str(path), "exhibits": [vars(e) for e in drafted.exhibits], "plan": drafted.plan}
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
