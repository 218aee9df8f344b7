"""The options of `redact`."""

from __future__ import annotations

import argparse
from pathlib import Path

from bearwitness.redact.changing import LABELS
from bearwitness.redact.plan import FILLS, SPEAK, WHISPER

from .redacting import add_mark, add_press, add_vault_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="the footage, or with --vault an item's id; it is not changed"
    )
    parser.add_argument(
        "-o",
        dest="out",
        metavar="OUT",
        type=Path,
        help="the derivative: .mp4, .mov, .mkv, .webm, .jpg, .png, .tiff, .pdf",
    )
    add_vault_options(parser)
    plan = parser.add_argument_group("the plan")
    plan.add_argument("--plan", metavar="PLAN", type=Path, help="carry out this plan instead of making one")
    plan.add_argument("--save-plan", metavar="PLAN", type=Path, help="write the plan there, a new file")
    plan.add_argument("--plan-only", action="store_true", help="make and edit the plan, carry nothing out")
    plan.add_argument("--keep", metavar="N", type=int, action="append", default=[], help="show track N")
    plan.add_argument("--hide", metavar="N", type=int, action="append", default=[], help="hide track N")
    plan.add_argument(
        "--only", metavar="N", type=int, action="append", default=[], help="hide no other tracks"
    )
    plan.add_argument(
        "--split", metavar="N@S", action="append", default=[], help="cut track N in two at S seconds"
    )
    plan.add_argument(
        "--add-box", metavar="X,Y,W,H@FROM-TO", action="append", default=[],
        help="hide a box in pixels, from … to … seconds if told",
    )  # fmt: skip
    plan.add_argument(
        "--all-but",
        action="store_true",
        help="hide everything but the boxes you add; faces and texts in them stay hidden unless kept",
    )
    plan.add_argument("--fill", choices=FILLS, help="how regions are hidden; mosaic and blur can be undone")
    plan.add_argument(
        "--accept-reversible", choices=FILLS[1:],
        help="hand it over with this fill even if a face matcher still tells who is under it",
    )  # fmt: skip
    plan.add_argument("--heads", action="store_true", help="hide heads that are turned away as well")
    plan.add_argument(
        "--overlays", choices=("cover", "keep"),
        help="burned-in texts, as clocks and device numbers, and texts on pictures and pages: all covered or "
        "all shown (default: cover, but for the text of a page full of it)",
    )  # fmt: skip
    plan.add_argument("--bodies", action="store_true", help="hide whole persons")
    sound = parser.add_argument_group("sound")
    sound.add_argument(
        "--voices",
        choices=("mute", WHISPER, SPEAK, "keep", "none"),
        help="mute: silence wherever somebody speaks (the default, unless a plan is given); "
        f"whisper: speech as a whisper ({_label(WHISPER)}); speak: the words of --words, "
        f"{_label(SPEAK)}; keep: sound stays, but for ranges of --mute; none: no sound at all",
    )
    sound.add_argument(
        "--words",
        metavar="TEXT",
        type=Path,
        help="what is spoken where, one line each: FROM-TO WORDS, in seconds, the language before them",
    )
    sound.add_argument(
        "--write-down",
        metavar="TEXT",
        type=Path,
        help="write what a machine hears in the file there, to be corrected for --words",
    )
    sound.add_argument(
        "--rest", choices=("keep", "mute"), default="keep",
        help="with whisper and speak: sound where nobody speaks (default: keep)",
    )  # fmt: skip
    sound.add_argument(
        "--mute", metavar="FROM-TO", action="append", default=[], help="mute a range, in seconds"
    )
    add_press(parser)
    add_mark(parser)
    parser.add_argument(
        "--add-hits", action="store_true", help="add what the attack finds to the plan, try again"
    )
    parser.add_argument(
        "--sheet", metavar="JPEG", type=Path, help="write a contact sheet, faces unrecognisable"
    )
    parser.add_argument(
        "--checklist", metavar="TXT", type=Path,
        help="write what was checked, and what someone who knows the place has to answer, to fill in",
    )  # fmt: skip
    parser.add_argument("--clear-sheet", action="store_true", help="do not obscure the sheet's pictures")


def _label(way: str) -> str:
    return LABELS[way].replace("%", "%%")  # argparse fills in help
