"""Choose one frame of a recording, to be shown later, parts of it hidden.

The frame is decoded, cut into tiles of 16 × 16 pixels, and the root of a salted tree over them is entered in
the log: from now on nobody, we included, can show another picture in its place, and what a release hides of
it stays hidden even from whoever owns the recording. It prints the name of the still; show it with

    bearwitness release DEST --still STILL#X,Y,WIDTH,HEIGHT

where each region is hidden, in per cent of the picture. Of codecs that leave their decoders a choice (MPEG-4,
MPEG-2, Motion JPEG) a still is labelled as derived.
"""

from __future__ import annotations

import argparse

from bearwitness.disclose.clip_choice import parse_time
from bearwitness.disclose.still_choice import choose_still
from bearwitness_verify.clip_words import clock

from .options import add_identity, add_vault
from .output import EXIT_DONE, Output
from .unlocking import opened

EXAMPLES = """
  bearwitness still 5f3a9c… --at 1:20.5 --vault vault --identity anna.key
  bearwitness still 5f3a9c… --at 80 --track 1 --vault vault --identity anna.key
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("item", metavar="ITEM", help="the item, or the beginning of its id")
    parser.add_argument("--at", metavar="TIME", required=True, help="seconds, or h:mm:ss.fff, on its clock")
    parser.add_argument("--track", metavar="N", type=int, help="which of several video tracks, by number")
    add_vault(parser)
    add_identity(parser)


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    at = parse_time(options.at)
    with opened(options, out, writing=True) as vault:
        entered = choose_still(vault.ledger, vault.catalogue.find(options.item), at, options.track)
    frame, layout = entered.frame, entered.frame.layout
    if not frame.exact:
        out.say("this still is labelled as derived: its codec leaves decoders a choice, or it is damaged")
    data = {
        "still": entered.still, "item": entered.item, "time": f"{float(entered.time):.6f}",
        "width": str(layout.width), "height": str(layout.height), "tiles": str(layout.count),
        "codec": frame.codec, "decoder": frame.decoder, "exact": frame.exact,
    }  # fmt: skip
    out.result(
        data,
        f"still {entered.still}\nof item {entered.item}, {clock(entered.time)}, {layout.width} × "
        f"{layout.height}, {layout.count} tiles, decoded from {frame.codec} by {frame.decoder}",
    )
    return EXIT_DONE
