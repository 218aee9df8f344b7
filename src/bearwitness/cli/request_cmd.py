"""Write a release request FILE: exactly the bytes that are to go out, to whom, for what, and who can be
recognised in them. It is what people approve, and what the gates judge.

Of everything that is shown, say who can be recognised (--who), or that nobody can (--nobody). Conditions
that are not stated, or not known to be met, are not met.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

from bearwitness.custody.statements import read_utc
from bearwitness.disclose import policies
from bearwitness.disclose.outgoing import Draft
from bearwitness.disclose.request import CLEAR, REDACTED, Request, Shown, Visible
from bearwitness.disclose.sharing import CONDITIONS, Condition, Conditions
from bearwitness.errors import UsageError
from bearwitness.vault.consents import PROFILES, PURPOSES, WAYS

from .approve_cmd import in_words, who_must
from .options import add_identity, add_vault
from .output import EXIT_DONE, Output
from .releasing import read_draft
from .signing import write_new
from .unlocking import Opened, opened

EXAMPLES = """
  bearwitness request request.json --vault vault --identity anna.key --profile press \\
      --recipient "The Paper" --purpose publication --redacted 5f3a9c…=minute.mp4 \\
      --who "5f3a9c…: officer 2: face" --minimum 5 --sharing "an article on 3 March" \\
      --condition "consent=met: asked on 1 March, yes"
  bearwitness request request.json --vault vault --identity anna.key --profile court \\
      --recipient "The prosecutor" --purpose prosecution --item 5f3a9c… --nobody 5f3a9c… --minimum 1 \\
      --sharing "case 12/2027" --condition "fair_trial=unknown: asked the embassy"
"""
_MET = {"met": True, "unmet": False, "unknown": None}
_PIECE = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("request", metavar="FILE", type=Path, help="where to write the request")
    add_vault(parser)
    add_identity(parser)
    parser.add_argument("--profile", required=True, choices=PROFILES, help="what kind of release")
    parser.add_argument("--recipient", metavar="NAME", required=True, help="who gets it")
    parser.add_argument("--purpose", required=True, choices=PURPOSES, help="what consents must be for")
    parser.add_argument(
        "--item", metavar="ID", action="append", default=[], help="show a whole item as it was sealed"
    )
    parser.add_argument(
        "--redacted", metavar="ID=FILE", action="append", default=[], help="show a redacted copy of an item"
    )
    parser.add_argument(
        "--draft", metavar="FILE", type=Path, help="show what `release --draft` wrote: clips, words, fields"
    )
    parser.add_argument(
        "--who", metavar="ID:LABEL:WAYS", action="append", default=[],
        help=f"somebody who can be recognised in what is shown of the item, by {', '.join(WAYS)}",
    )  # fmt: skip
    parser.add_argument(
        "--nobody", metavar="ID", action="append", default=[], help="nobody can, in what is shown of the item"
    )
    parser.add_argument(
        "--minimum", metavar="N", type=int, required=True,
        help="how many people at least must be possible as who it came from",
    )  # fmt: skip
    parser.add_argument("--sharing", metavar="TEXT", default="", help="for what it is shared, in words")
    parser.add_argument(
        "--condition", metavar="NAME=STATE:TEXT", action="append", default=[],
        help=f"{', '.join(CONDITIONS)}; met, unmet or unknown; how it is known",
    )  # fmt: skip
    parser.add_argument("--embargo", metavar="TIME", default="", help="not before, like 2027-01-31T06:00:00Z")
    parser.add_argument(
        "--accept-metadata", metavar="TEXT", action="append", default=[],
        help="metadata that may stay, as the scan names it (never for the press)",
    )  # fmt: skip


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    drafted = Draft((), None) if options.draft is None else read_draft(options.draft)
    with opened(options, out) as at:
        exhibits = _exhibits(at, options, drafted)
    request = Request(
        profile=options.profile,
        recipient=options.recipient,
        purpose=options.purpose,
        exhibits=exhibits,
        conditions=_conditions(options.sharing, options.condition),
        minimum=options.minimum,
        embargo=read_utc(options.embargo, "the embargo") if options.embargo else None,
        metadata=tuple(sorted(set(options.accept_metadata))),
        plan=drafted.plan,
    )
    write_new(options.request, request.encode().decode())
    out.say(in_words(request))
    lacking = request.conditions.lacking(request.profile)
    for reason in lacking:
        out.say(f"this will not be released as it stands: {reason}")
    policy = policies.load(request.profile)
    data = {
        "request": str(options.request), "subject": request.subject(), "lacking": lacking,
        "approvals": policy.approvals, "roles": list(policy.approvers),
    }  # fmt: skip
    out.result(
        data,
        f"request {request.subject()}\nin {options.request}; {who_must(request.profile)}\n"
        f"have it approved: bearwitness approve {options.request} …",
    )
    return EXIT_DONE


def _exhibits(at: Opened, options: argparse.Namespace, drafted: Draft) -> tuple[Shown, ...]:
    who = _who(at, options.who)
    nobody = {at.catalogue.find(item).item for item in options.nobody}
    both = sorted(nobody & who.keys())
    if both:
        raise UsageError(f"of item {both[0]} it is said that nobody can be recognised, and who can")
    shown = [(out.item, out.sha256, out.treatment) for out in drafted.exhibits]
    for item in options.item:
        row = at.catalogue.find(item)
        if row.sha256 is None:
            raise UsageError(f"item {row.item} has no bytes of its own to show")
        shown.append((row.item, row.sha256.hex(), CLEAR))
    for text in options.redacted:
        item, equals, path = text.partition("=")
        if not equals:
            raise UsageError(f"{text!r} is not ID=FILE")
        shown.append((at.catalogue.find(item).item, _sha256(Path(path)), REDACTED))
    if not shown:
        raise UsageError("nothing is asked for", "give --item, --redacted or --draft")
    at.ledger.frozen.refuse([item for item, _, _ in shown])
    untold = sorted({item for item, _, _ in shown} - nobody - who.keys())
    if untold:
        raise UsageError(
            f"who can be recognised in what is shown of item {untold[0]} is not said",
            "give --who or --nobody",
        )
    return tuple(Shown(*one, visible=who.get(one[0], ())) for one in sorted(set(shown)))


def _who(at: Opened, texts: Sequence[str]) -> dict[str, tuple[Visible, ...]]:
    found: dict[str, dict[str, set[str]]] = {}
    for text in texts:
        item, _, rest = text.partition(":")
        label, colon, ways = rest.rpartition(":")
        if not colon or not label.strip():
            raise UsageError(f"{text!r} is not ID:LABEL:WAYS", "like: 5f3a9c…: woman in blue: face,voice")
        people = found.setdefault(at.catalogue.find(item).item, {})
        people.setdefault(label.strip(), set()).update(way.strip() for way in ways.split(","))
    return {
        item: tuple(Visible(label, tuple(sorted(ways))) for label, ways in sorted(people.items()))
        for item, people in found.items()
    }


def _conditions(sharing: str, texts: Sequence[str]) -> Conditions:
    stated: dict[str, Condition] = {}
    for text in texts:
        name, _, rest = text.partition("=")
        state, colon, how = rest.partition(":")
        if name.strip() not in CONDITIONS or state.strip() not in _MET or not colon:
            raise UsageError(f"{text!r} is not NAME=STATE:TEXT", "like: fair_trial=met: assured on 3 March")
        stated[name.strip()] = Condition(_MET[state.strip()], how.strip())
    return Conditions(sharing or None, stated)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except OSError as error:
        raise UsageError(f"{path} can not be read: {error.strerror}") from None
    return digest.hexdigest()
