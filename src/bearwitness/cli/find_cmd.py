"""Find items by what triage knows of them: words in names, documents, transcripts and overlays (Russian and
English words in any form; in quotation marks a phrase), kind, faces, sensitivity, what a burned-in clock
shows.

All conditions must hold. Frozen items are never found.
"""

from __future__ import annotations

import argparse
from typing import Any

from bearwitness.catalogue.moments import read_moment
from bearwitness.catalogue.search import MEDIA, Hit, Wish, find
from bearwitness.errors import UsageError
from bearwitness_verify.report import printable, printable_path

from .options import add_identity, add_vault, path_text
from .output import EXIT_DONE, Output, plural
from .unlocking import opened

EXAMPLES = """
  bearwitness find "палата 4" --vault vault --identity anna.key
  bearwitness find --kind video --faces 3 --vault vault --identity anna.key
  bearwitness find --clock 2021-03-04T08:00..2021-03-04T20:00 --vault vault --identity anna.key
  bearwitness find --fact maker=Apple --vault vault --identity anna.key --json
"""
_PASSAGES_SHOWN = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("words", metavar="WORDS", nargs="*", help="words to look for")
    add_vault(parser)
    add_identity(parser)
    parser.add_argument("--kind", choices=MEDIA, default="", help="what the file is")
    parser.add_argument("--faces", metavar="N", type=int, help="at least so many faces at once")
    parser.add_argument("--sensitivity", metavar="S", type=float, help="at least so sensitive, 0 to 1")
    parser.add_argument(
        "--clock", metavar="FROM..TO", default="",
        help="a burned-in clock shows a time in this range (ISO 8601; either end may be left out)",
    )  # fmt: skip
    parser.add_argument(
        "--fact",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a fact is exactly this (repeatable)",
    )


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    wish = Wish(
        words=" ".join(options.words),
        kind=options.kind,
        sensitivity=options.sensitivity,
        faces=options.faces,
        clock=_clock(options.clock) if options.clock else None,
        facts=dict(_fact(text) for text in options.fact),
    )
    with opened(options, out) as at:
        hits = find(at.catalogue, wish)
    data = [_hit(hit) for hit in hits]
    out.result({"found": data}, "\n".join([*map(_text, hits), f"{plural(len(hits), 'item')} found"]))
    return EXIT_DONE


def _clock(text: str) -> tuple[int | None, int | None]:
    first, dots, last = text.partition("..")
    if not dots:
        raise UsageError("--clock wants a range", "for example 2021-03-04T08:00..2021-03-04T20:00")
    ends = [read_moment(end) if end else None for end in (first, last)]
    if (first and ends[0] is None) or (last and ends[1] is None):
        raise UsageError(f"{text!r} is no range of times", "times are written like 2021-03-04T08:00")
    return ends[0], ends[1]


def _fact(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"{text!r} is no NAME=VALUE")
    return name, value


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "item": hit.row.item,
        "path": path_text(hit.row.path),
        "delivery": hit.row.delivery,
        "copies": hit.copies,
        "facts": hit.facts,
        "passages": [
            {"field": p.field, "text": p.text, "start": p.start, "end": p.end} for p in hit.passages
        ],
    }


def _text(hit: Hit) -> str:
    facts = ", ".join(f"{name} {printable(value, 40)}" for name, value in sorted(hit.facts.items()))
    lines = [f"{hit.row.item}  {printable_path(hit.row.path)}" + (f"  ({facts})" if facts else "")]
    for passage in hit.passages[:_PASSAGES_SHOWN]:
        at = "" if passage.start is None else f" at {passage.start:.0f} s"
        lines.append(f"    {passage.field}{at}: {printable(passage.text, 200)}")
    if hit.copies:
        lines.append(f"    the same bytes: {', '.join(hit.copies)}")
    return "\n".join(lines)
