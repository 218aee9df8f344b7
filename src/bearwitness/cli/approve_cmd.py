"""Approve a release request, or anything else that has a SHA-256, with your own key.

FILE is the request: exactly the bytes that would go out, to whom, for what, who can be recognised in them.
What it says is shown before it is signed; with one byte changed it is another and must be approved anew.
Who is no keeper signs with --sign-only and hands the note to one, who enters it with --enter.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from bearwitness.disclose import policies
from bearwitness.disclose.request import Request
from bearwitness.errors import MalformedError, UsageError
from bearwitness.vault import signed, signing_acts
from bearwitness.vault.opening import open_vault_proper
from bearwitness.vault.people import ROLES

from .options import add_identity, add_vault
from .output import EXIT_DONE, Output, plural
from .signing import (
    add_person_key,
    enter,
    person_key,
    read_note,
    read_request,
    require_person_key,
    write_new,
)
from .unlocking import opened

EXAMPLES = """
  bearwitness approve request.json --vault vault --identity anna.key --person-key anna.person
  bearwitness approve request.json --vault vault --person-key carla.person --sign-only carla.note
  bearwitness approve --enter carla.note --vault vault --identity anna.key
  bearwitness approve --subject 9f86d081… --purpose "plan of the redaction" --vault vault \\
      --identity anna.key --person-key anna.person
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("request", metavar="FILE", type=Path, nargs="?", help="a release request")
    add_vault(parser)
    add_identity(parser, required=False)
    add_person_key(parser)
    parser.add_argument("--subject", metavar="SHA256", default="", help="approve this instead of a request")
    parser.add_argument("--purpose", metavar="TEXT", default="", help="with --subject: what for")
    parser.add_argument(
        "--sign-only", metavar="NOTE", type=Path, help="write the signed note there, enter nothing"
    )
    parser.add_argument("--enter", metavar="NOTE", type=Path, help="enter a note that somebody else signed")


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    if (options.request is not None) + bool(options.subject) + (options.enter is not None) != 1:
        raise UsageError("give one of: a request FILE, --subject, --enter")
    if options.enter is not None:
        return _enter(options, out)
    require_person_key(options)
    request = None if options.request is None else read_request(options.request)
    subject, purpose = _what(options, request, out)
    vault_key = open_vault_proper(options.vault).config.vault_key
    key = person_key(options)
    fields = signing_acts.approval(key, vault_key, subject, purpose)
    if options.sign_only is not None:
        write_new(options.sign_only, str(fields["statement"]))
        out.result(
            {"subject": subject, "purpose": purpose, "note": str(options.sign_only)},
            f"signed, not entered: a keeper enters {options.sign_only} with: bearwitness approve --enter",
        )
        return EXIT_DONE
    return _done(options, out, fields, request)


def _what(options: argparse.Namespace, request: Request | None, out: Output) -> tuple[str, str]:
    """Return subject and purpose of what is to be approved, after showing a request."""
    if request is None:
        if not options.purpose:
            raise UsageError(
                "--subject needs --purpose", 'for the plan of a redaction: --purpose "plan of the redaction"'
            )
        return options.subject, options.purpose
    out.say(in_words(request))
    return request.subject(), request.purpose


def in_words(request: Request) -> str:
    """Return a request as people must see it before they sign."""
    count = Counter(exhibit.treatment for exhibit in request.exhibits)
    lines = [
        f"to {request.recipient} ({request.profile}), for {request.purpose}",
        ", ".join(f"{number} {treatment}" for treatment, number in sorted(count.items()))
        + f", of {plural(len(request.items), 'item')}",
        f"embargo: {request.embargo.isoformat() if request.embargo else 'none'}",
        f"shared for: {request.conditions.purpose or 'NOT SAID'}",
        f"at least {plural(request.minimum, 'person')} must be possible as who it came from",
    ]
    for name, condition in sorted(request.conditions.stated.items()):
        met = {True: "met", False: "NOT MET", None: "NOT KNOWN"}[condition.met]
        lines.append(f"condition {name}: {met}: {condition.text}")
    for exhibit in request.exhibits:
        seen = (
            "; ".join(f"{v.label} by {', '.join(v.ways)}" for v in exhibit.visible)
            or "nobody is recognisable"
        )
        lines.append(f"{exhibit.treatment} exhibit {exhibit.sha256[:12]} of {exhibit.item[:12]}: {seen}")
    lines += [f"accepted metadata: {text}" for text in request.metadata]
    return "\n".join(lines)


def _enter(options: argparse.Namespace, out: Output) -> int:
    note = read_note(options.enter)
    with opened(options, out) as at:
        try:
            person = signing_acts.signer_of(note, signed.read(at.ledger))
        except MalformedError as error:
            raise MalformedError(
                f"{options.enter} is no signed approval: {error.message}",
                error.hint or "such a note is written by: bearwitness approve --sign-only",
            ) from None
    return _done(options, out, signing_acts.approval_from(note, person))


def who_must(profile: str) -> str:
    """Return who must approve a request for `profile`, as it comes with us; a group may have edited it."""
    policy = policies.load(profile)
    roles = f", in the roles {' or '.join(policy.approvers)}" if policy.approvers else ""
    return f"the profile {profile} wants {plural(policy.approvals, 'approval')}{roles}"


def _done(
    options: argparse.Namespace, out: Output, fields: signing_acts.Fields, request: Request | None = None
) -> int:
    subject, purpose = str(fields["subject"]), str(fields["purpose"])
    with opened(options, out, writing=True) as at:
        known = enter(at, fields)
        at.catalogue.refresh(at.ledger)
    people = known.approvers(subject, purpose)
    person = known.people.by_id[str(fields["person"])]
    told = f"approved by {plural(len(people), 'person')}"
    if request is not None:
        wanted = frozenset(policies.load(request.profile).approvers or ROLES)
        count = sum(bool(wanted & roles) for roles in people.values())
        told = f"{plural(count, 'approval')} that count{'s' * (count == 1)}; {who_must(request.profile)}"
        if not wanted & set(person.roles):
            out.say(
                f"{person.name} is registered as {', '.join(person.roles)}, which does not count for "
                f"the profile {request.profile}"
            )
    data = {"subject": subject, "purpose": purpose, "person": fields["person"], "approvals": len(people)}
    out.result(
        data,
        f"{person.name} approved {subject[:16]}… for {purpose}; {told}",
    )
    return EXIT_DONE
