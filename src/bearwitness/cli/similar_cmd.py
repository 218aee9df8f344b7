"""Show which items are copies or cuts of which: the same bytes, re-encoded, cropped, mirrored, contained from
one time to another. It compares what triage kept of pictures and videos; run that first. `same-view` is the
same place, not the same recording: a lead, and no copy.
"""

from __future__ import annotations

import argparse
from typing import Any

from bearwitness.catalogue.catalogue import refuse_other_name
from bearwitness.triage.similar import COPIES, similar, told
from bearwitness_verify.report import printable_path

from .options import add_identity, add_vault, path_text
from .output import EXIT_DONE, Output, plural
from .unlocking import Opened, opened

EXAMPLES = """
  bearwitness similar --vault vault --identity anna.key
  bearwitness similar --vault vault --identity anna.key --item 5f3a9c… --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    add_vault(parser)
    add_identity(parser)
    parser.add_argument("--item", metavar="ID", default="", help="only what is like this item")


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    with opened(options, out) as at:
        wanted = _named(at, options.item) if options.item else None
        with out.bar("comparing", None, unit=" pairs") as progress:
            found = similar(at.ledger, at.catalogue, progress)
        pairs = [told(pair) for pair in found.pairs if wanted is None or wanted & {pair.one, pair.other}]
        clusters = [group for group in found.clusters if wanted is None or not wanted.isdisjoint(group)]
        named = {item for pair in pairs for item in pair["items"]}
        rows = {item: at.catalogue.get(item) for item in sorted(named)}
        paths = {item: row.path for item, row in rows.items() if row is not None}
    data = {
        "clusters": clusters,
        "left_open": found.left_open,
        "pairs": pairs,
        "paths": {item: path_text(path) for item, path in paths.items()},
    }
    out.result(data, _text(data, paths))
    return EXIT_DONE


def _named(at: Opened, name: str) -> set[str]:
    """Return the item called so, with those of the same bytes, one of which triage looked at for all.

    Raises FrozenError for a frozen one, UsageError for another name of one.
    """
    row = at.catalogue.find(name)
    at.ledger.frozen.refuse([row.item])
    refuse_other_name(row)
    same = [] if row.sha256 is None or not row.bytes else at.catalogue.with_bytes(row.sha256)
    return {row.item, *(each.item for each in same)}


def _text(data: dict[str, Any], paths: dict[str, bytes]) -> str:
    lines = [_line(pair, paths) for pair in data["pairs"]]
    copies = sum(pair["relation"] in COPIES for pair in data["pairs"])
    lines.append(f"{plural(len(data['clusters']), 'cluster')} of copies, {plural(copies, 'pair')}")
    if data["left_open"]:
        lines.append(
            f"{plural(data['left_open'], 'pair')} of long videos may be copies: key frames leave that open,"
            " and there were too many to look closer (triage --thorough --only sketch settles it)"
        )
    return "\n".join(lines)


def _line(pair: dict[str, Any], paths: dict[str, bytes]) -> str:
    one, other = (printable_path(paths.get(item, item.encode())) for item in pair["items"])
    if one == other:  # of two deliveries
        one, other = (f"{one} [{item[:8]}]" for item in pair["items"])
    traits = f" ({', '.join(pair['traits'])})" if pair["traits"] else ""
    spans = "".join(
        f"\n    {span['from'][0]:.1f}–{span['from'][1]:.1f} s is {span['in'][0]:.1f}–{span['in'][1]:.1f} s"
        for span in pair["spans"]
        if span["from"][1] > span["from"][0]
    )
    return f"{pair['relation']}{traits}: {one} ~ {other}{spans}"
