"""Make a playable copy of a video that was cut off before its index was written: MP4 and MOV with H.264 or
H.265, and AAC. What is missing is taken from a whole video of the same recorder, a sibling.

The copy is a derivative of the item, encrypted like it, and stands in the log as reconstructed, with the
sibling it was made with. The item itself stays as it is.
"""

from __future__ import annotations

import argparse

from bearwitness.sandbox import status
from bearwitness.triage.repairing import repair, siblings
from bearwitness.vault.entering import enter

from .options import add_identity, add_vault
from .output import EXIT_DONE, Output, plural
from .unlocking import opened

EXAMPLES = """
  bearwitness repair --vault vault --identity anna.key --item 5f3a9c…
  bearwitness repair --vault vault --identity anna.key --item 5f3a9c… --like 77e0b1…
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    add_vault(parser)
    add_identity(parser)
    parser.add_argument("--item", metavar="ID", required=True, help="the video without an index")
    parser.add_argument("--like", metavar="ID", default="", help="a whole one of the same recorder")
    parser.add_argument(
        "--accept-weak-sandbox",
        action="store_true",
        help="go on although this machine lacks a layer of the sandbox",
    )


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    weak = bool(status.require(accept_weak=options.accept_weak_sandbox).lacking)
    with opened(options, out) as at:
        at.vault.signer()
        row = at.catalogue.find(options.item)
        likely = [at.catalogue.find(options.like)] if options.like else siblings(at.catalogue, row)
        made = repair(at.ledger, row, likely, accept_weak=weak)
        enter(at.vault, at.unlocked, row.delivery, row.part, row.leaf, made.derivation)
        at.catalogue.refresh(at.fresh_ledger())
    data = {
        "item": row.item, "sibling": made.sibling, "label": "reconstructed", "job": made.derivation.job,
        **{name: value for name, value in made.told.items() if name != "refused"},
    }  # fmt: skip
    text = (
        f"reconstructed with the parameters of item {made.sibling}: {plural(data['pictures'], 'picture')}, "
        f"{plural(data['sounds'], 'frame')} of sound; {data['corrupt']:,} damaged, {data['lost']:,} bytes "
        "could not be placed"
    )
    out.result(data, text)
    return EXIT_DONE
