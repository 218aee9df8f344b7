"""Destroy items for good: their bytes, names and keys. A tombstone stays in the log, every other proof
holds.

Two people must agree: identities of two keepers, or of as many as the threshold if that is more.
What went out in releases is out; copies elsewhere (--copy: mirrors and field kits) are reached now,
or the log certifies that they were not.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bearwitness.keep.copies import reach_copies
from bearwitness.keep.destroying import destroy, refuse_survivors
from bearwitness_verify.canonical import Json

from .options import add_identity, add_items, add_vault
from .output import EXIT_DONE, EXIT_LOSSES, Output, plural
from .unlocking import opened, two_keepers

EXAMPLES = """
  bearwitness destroy --vault vault --identity anna.key --identity ben.key \\
      --item 5f3a9c… --ground "consent withdrawn on 3 March"
  bearwitness destroy --vault vault --identity anna.key --identity ben.key \\
      --item 5f3a9c… --ground "court order 12/2026" --copy /media/usb/mirror --copy /media/stick/kit
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    add_vault(parser)
    add_identity(parser)
    add_items(parser, required=True)
    parser.add_argument(
        "--ground", metavar="TEXT", required=True, help="why: consent withdrawn, court order, law"
    )
    parser.add_argument("--by", metavar="NAME", default="", help="who asks for it")
    parser.add_argument(
        "--copy", metavar="PATH", type=Path, action="append", default=[],
        help="a mirror or field kit to be reached now (mirrors known to the log are tried anyway)",
    )  # fmt: skip
    parser.add_argument(
        "--leave-copies", action="store_true", help="other items with the same bytes shall stay"
    )


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    with opened(options, out, writing=True) as at:
        keepers: list[Json] = [*two_keepers(at.unlocked)]
        rows = list({row.leaf: row for row in map(at.catalogue.find, options.item)}.values())
        if not options.leave_copies:
            refuse_survivors(at.catalogue, rows)
        fields: dict[str, Json] = {"ground": options.ground, "keepers": keepers}
        if options.by:
            fields["by"] = options.by
        done = destroy(at.ledger, rows, fields, out.say)
        at.catalogue.refresh(at.fresh_ledger())
        homes = {row.delivery for row in rows}
        copies = reach_copies(at.fresh_ledger(), done.items, homes, options.copy, out.say)
    data = {
        "destroyed": done.items,
        "packs_rewritten": done.packs_rewritten,
        "copies_reached": copies.reached,
        "copies_not_reached": copies.not_reached,
    }
    lines = [f"destroyed {plural(len(done.items), 'item')}: {', '.join(done.items)}"]
    lines += [f"     copy reached: {text}" for text in copies.reached]
    lines += [f" x   copy NOT reached, it still holds them: {text}" for text in copies.not_reached]
    out.result(data, "\n".join(lines))
    return EXIT_LOSSES if copies.not_reached else EXIT_DONE
