"""Show how far each recorder's clocks are off, with error bars, and what contradicts. From what triage found:
burned-in clocks, times in names of files and in containers; with --copies also which items are cuts of which,
with --sounds what two recorders heard of one event.

Times are tied where one item shows several clocks, and where --same says that two items show one moment.
Without --known the first clock of a group counts as right. Contradictions are shown, never averaged away.
Recordings that no clock tells the time of are listed as undated, with the reason.
"""

from __future__ import annotations

import argparse
from typing import Any

from bearwitness.catalogue.coverage import coverage
from bearwitness.catalogue.moments import read_moment
from bearwitness.signals.clock_evidence import ClockEstimate, Contradiction, Known, Same, Shown
from bearwitness.triage import clocks
from bearwitness.triage.echoes import Echoes, echoes
from bearwitness.triage.similar import similar
from bearwitness.triage.undated import undated
from bearwitness_verify.report import printable, printable_path

from .options import add_identity, add_vault, path_text
from .output import EXIT_DONE, Output, plural
from .unlocking import opened

EXAMPLES = """
  bearwitness clocks --vault vault --identity anna.key
  bearwitness clocks --vault vault --identity anna.key --by folder --same 5f3a9c@12.4=77b012@3.1 --json
"""
_SHOWN = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    add_vault(parser)
    add_identity(parser)
    parser.add_argument(
        "--by", choices=clocks.BY, default="name",
        help="what makes a recorder: folder and pattern of the name (usual), folder alone, or each item",
    )  # fmt: skip
    parser.add_argument("--copies", action="store_true", help="also tie items that are copies (slower)")
    parser.add_argument(
        "--sounds", action="store_true", help="also tie recorders by what both heard (slower)"
    )
    parser.add_argument(
        "--known", metavar="ITEM@S=TIME", action="append", default=[],
        help="this second of this item is this true time (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--same", metavar="ITEM@S=ITEM@S", action="append", default=[],
        help="two items show one moment, a flash or a bang (repeatable)",
    )  # fmt: skip


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    with opened(options, out) as at:

        def find(item: str) -> str:
            found = at.catalogue.find(item).item
            at.ledger.frozen.refuse([found])
            return found

        told = [clocks.read_known(text, find, read_moment) for text in options.known]
        same = [clocks.read_same(text, find) for text in options.same]
        found = clocks.gather(at.ledger, at.catalogue, options.by)
        found.evidence += [*told, *same]
        if options.copies:
            with out.bar("comparing", None, unit=" pairs") as progress:
                found.evidence += clocks.of_copies(similar(at.ledger, at.catalogue, progress).pairs)
        sounds = Echoes()
        if options.sounds:
            with out.bar("listening", None, unit=" pairs") as progress:
                sounds = echoes(at.ledger, at.catalogue, options.by, progress)
            found.evidence += sounds.evidence
        rows = {each: at.catalogue.get(each) for each in _items(found.evidence)}
        paths = {item: row.path for item, row in rows.items() if row is not None}
        without = undated(at.catalogue, _items(found.evidence), found.undated)
        looked = coverage(at.catalogue, ("clock", "probe"))
    solution = clocks.solved(found.evidence)
    data = {
        "clocks": [_clock(each) for each in solution.clocks],
        "items": [
            {
                "item": each.item, "path": path_text(paths.get(each.item, b"")), "group": each.group,
                "start": clocks.written(each.start), "error": round(each.error, 3),
            }
            for each in solution.items
        ],
        "contradictions": [_contradiction(each, paths) for each in solution.contradictions],
        "undated": sorted(set(found.undated)),
        "without_clock": [
            {"item": each.row.item, "path": path_text(each.row.path), "reason": each.reason}
            for each in without
        ],
        "never_looked_at": looked.items - looked.looked,
        "ambiguous": sorted(set(found.ambiguous)),
        "evidence": len(found.evidence),
        "sounds": {
            "compared": sounds.compared, "left_out": sounds.left_out,
            "matched": len({(each.item, each.other) for each in sounds.evidence}),
        },
    }  # fmt: skip
    out.result(data, _text(data))
    return EXIT_DONE


def _items(evidence: list[Any]) -> set[str]:
    others = {each.other for each in evidence if isinstance(each, Same)}
    return {each.item for each in evidence} | others


def _clock(each: ClockEstimate) -> dict[str, Any]:
    return {
        "clock": each.clock,
        "group": each.group,
        "absolute": each.absolute,
        "offset": round(each.offset, 3),
        "error": round(each.error, 3),
        "drift": each.drift,
        "drift_error": each.drift_error,
        "at": clocks.written(each.middle),
        "evidence": each.evidence,
        "others": list(each.others),
    }


def _contradiction(each: Contradiction, paths: dict[str, bytes]) -> dict[str, Any]:
    evidence = each.evidence
    data: dict[str, Any] = {
        "item": evidence.item,
        "path": path_text(paths.get(evidence.item, b"")),
        "second": round(evidence.media, 3),
        "source": evidence.source,
        "seconds": round(each.seconds, 3),
        "sigmas": round(each.sigmas, 1),
        "settled": each.settled,
    }
    if isinstance(evidence, Shown):
        data |= {"clock": evidence.clock, "shown": clocks.written(evidence.shown)}
    elif isinstance(evidence, Known):
        data["true"] = clocks.written(evidence.true)
    else:
        data |= {"other": evidence.other, "other_second": round(evidence.other_media, 3)}
    return data


def _text(data: dict[str, Any]) -> str:
    lines = []
    for each in data["clocks"]:
        against = "true time" if each["absolute"] else f"the first clock of group {each['group']}"
        others = "".join(f", or {other:+.3f} s: not settled" for other in each["others"])
        lines.append(
            f"{printable(each['clock'], 80)}: {each['offset']:+.3f} s ± {each['error']:.3f} to {against}"
            f"{others}  ({each['evidence']} piece{'' if each['evidence'] == 1 else 's'} of evidence)"
        )
    for each in data["contradictions"][:_SHOWN]:
        path = printable_path(each["path"].encode("utf-8", "surrogateescape"))
        settled = "" if each["settled"] else "; as much says this as that"
        lines.append(
            f" x  {path} at {each['second']:.1f} s: {each['source']} is {each['seconds']:+.1f} s off{settled}"
        )
    if len(data["contradictions"]) > _SHOWN:
        lines.append(f"    and {len(data['contradictions']) - _SHOWN:,} more: see --json")
    for each in data["without_clock"][:_SHOWN]:
        path = printable_path(each["path"].encode("utf-8", "surrogateescape"))
        lines.append(f" ?  {path}: undated: {printable(each['reason'], 200)}")
    if len(data["without_clock"]) > _SHOWN:
        lines.append(f"    and {len(data['without_clock']) - _SHOWN:,} more undated: see --json")
    if data["never_looked_at"] > 0:
        lines.append(
            f" ?  {plural(data['never_looked_at'], 'file')} triage never looked at: "
            "bearwitness triage --only probe --only clock"
        )
    if data["sounds"]["compared"]:
        told = data["sounds"]
        rest = f"; {told['left_out']:,} pairs were not compared" if told["left_out"] else ""
        lines.append(f"{plural(told['matched'], 'pair')} of {told['compared']:,} heard the same{rest}")
    lines.append(
        f"{plural(len(data['clocks']), 'clock')}, {plural(len(data['contradictions']), 'contradiction')}; "
        f"{plural(len(data['undated']), 'burned-in clock')} without a date left out, "
        f"day and month may be swapped in {len(data['ambiguous']):,}"
    )
    return "\n".join(lines)
