"""Let frozen items be used again. Two people must agree, as for destroying; the ground stands in the log."""

from __future__ import annotations

import argparse
from typing import Final

from bearwitness.errors import UsageError
from bearwitness.keep.freezing import thaw, with_copies
from bearwitness.vault.opening import settle
from bearwitness_verify.canonical import Json

from .options import add_identity, add_items, add_vault
from .output import EXIT_DONE, Output
from .unlocking import opened, two_keepers

EXAMPLES = """
  bearwitness thaw --vault vault --identity anna.key --identity ben.key \\
      --item 5f3a9c… --ground "the lawyer says: no minor, 12 May"
"""
_PATIENCE_SECONDS: Final = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    add_vault(parser)
    add_identity(parser)
    add_items(parser, required=True)
    parser.add_argument("--ground", metavar="TEXT", required=True, help="why, and who decided it")
    parser.add_argument("--by", metavar="NAME", default="", help="who asks for it")


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    if not options.ground.strip():
        raise UsageError("--ground must say why")
    with opened(options, out) as at:
        keepers: list[Json] = [*two_keepers(at.unlocked)]
        fields: dict[str, Json] = {"ground": options.ground, "keepers": keepers}
        if options.by:
            fields["by"] = options.by
        with at.vault.writing(_PATIENCE_SECONDS):
            settle(at.vault)
            items = [at.catalogue.find(item).item for item in options.item]
            thawed = thaw(at.fresh_ledger(), items, fields)
        at.catalogue.refresh(at.fresh_ledger())
        alike = with_copies(at.catalogue, [at.catalogue.find(item) for item in thawed])
        still = [row.item for row in alike if row.item in at.ledger.frozen.items]
    if still:
        out.say(
            f"still frozen, with the same bytes: {', '.join(still)}; thaw these too, or the next triage "
            "freezes what was thawed again"
        )
    out.result({"thawed": thawed, "still_frozen": still}, f"thawed: {', '.join(thawed)}")
    return EXIT_DONE
