"""Find items by what triage knows of them: words in names, documents, transcripts and overlays (Russian and
English words in any form; in quotation marks a phrase), kind, faces, sensitivity, what a burned-in clock
shows.

All conditions must hold. Frozen items are never found. --similar finds copies, cuts and the same place, of an
item or of a file outside of the vault, which is looked at in the sandbox and not kept. Where triage has not
looked yet, that is said: nothing found is then no answer.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bearwitness.catalogue.coverage import coverage
from bearwitness.catalogue.moments import read_moment
from bearwitness.catalogue.search import MEDIA, Hit, Wish, find
from bearwitness.errors import UsageError
from bearwitness_verify.report import printable, printable_path

from .options import add_identity, add_vault, path_text
from .output import EXIT_DONE, Output, plural
from .unlocking import Opened, opened

if TYPE_CHECKING:
    from bearwitness.signals.relation import Relation
    from bearwitness.triage.facegroups import Face

EXAMPLES = """
  bearwitness find "палата 4" --vault vault --identity anna.key
  bearwitness find --kind video --faces 3 --vault vault --identity anna.key
  bearwitness find --clock 2021-03-04T08:00..2021-03-04T20:00 --vault vault --identity anna.key
  bearwitness find --similar 5f3a9c --vault vault --identity anna.key
  bearwitness find --similar from-the-net.mp4 --kind video --vault vault --identity anna.key
  bearwitness find --face 5f3a9c --vault vault --identity anna.key
  bearwitness find --fact maker=Apple --vault vault --identity anna.key --json
"""
_PASSAGES_SHOWN = 3
_FACES_MAX = 1_000_000


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
    parser.add_argument(
        "--similar", metavar="ITEM|FILE", default="", help="a copy or cut of this item or file, or its place"
    )
    parser.add_argument(
        "--face", metavar="GROUP", default="", help="a face of this group, which may be the same person"
    )
    parser.add_argument(
        "--accept-weak-sandbox",
        action="store_true",
        help="look at a FILE although this machine lacks a layer of the sandbox",
    )


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    if options.sensitivity is not None and not 0 <= options.sensitivity <= 1:
        raise UsageError(f"--sensitivity {options.sensitivity:g} is not between 0 and 1")
    if options.faces is not None and not 0 <= options.faces <= _FACES_MAX:
        raise UsageError(f"--faces {options.faces} is no number of faces")
    wish = Wish(
        words=" ".join(options.words),
        kind=options.kind,
        sensitivity=options.sensitivity,
        faces=options.faces,
        clock=_clock(options.clock) if options.clock else None,
        facts=dict(_fact(text) for text in options.fact),
    )
    with opened(options, out) as at:
        relations = _relations(at, options) if options.similar else None
        faces = _faces(at, options.face) if options.face else None
        hits = find(at.catalogue, wish, _among(relations, faces))
        untold = _untold(at, options)
    data = [_hit(hit) | _relation(hit, relations) | _same_person(hit, faces) for hit in hits]
    lines = []
    for hit, told in zip(hits, data, strict=True):
        lines += [_text(hit)] + ([_span_text(told)] if relations is not None else [])
        for face in told.get("may_be_the_same_person", [])[:_PASSAGES_SHOWN]:
            distance = face["distance"]
            lines.append(f"    may be the same person at {face['time']:.1f} s, distance {distance:.2f}")
    said = untold.pop("text", "")
    lines += [said] if said else []
    if hits or not said:
        lines.append(f"{plural(len(hits), 'item')} found")
    out.result({"found": data, **untold}, "\n".join(lines))
    return EXIT_DONE


def _among(*wanted: dict[str, Any] | None) -> set[str] | None:
    """Return the items that are in all of `wanted`, None where nothing is asked."""
    sets = [set(each) for each in wanted if each is not None]
    return set.intersection(*sets) if sets else None


def _faces(at: Opened, name: str) -> dict[str, list[Face]]:
    """Return the faces of a group by item; refuses unless two people authorised the grouping."""
    from bearwitness.triage.facegroups import group_called, groups

    found: dict[str, list[Face]] = {}
    for face in group_called(groups(at.ledger, at.catalogue), name).faces:
        found.setdefault(face.item, []).append(face)
    return found


def _same_person(hit: Hit, faces: dict[str, list[Face]] | None) -> dict[str, Any]:
    if faces is None:
        return {}
    seen = [{"time": face.time, "distance": face.distance} for face in faces[hit.row.item]]
    return {"may_be_the_same_person": seen}


def _relations(at: Opened, options: argparse.Namespace) -> dict[str, Relation]:
    """Return what is like the item or file asked for, by item; a name that is a file is one."""
    from bearwitness.triage.likeness import like_file, like_item

    path = Path(options.similar)
    if path.exists():
        weak = options.accept_weak_sandbox
        return like_file(at.ledger, at.catalogue, path, accept_weak=weak)
    if not set(options.similar.removesuffix("…").lower()) <= set("0123456789abcdef"):
        raise UsageError(
            f"{options.similar!r} is neither a file here nor the id of an item",
            "check the path; ids are shown by: bearwitness list",
        )
    return like_item(at.ledger, at.catalogue, at.catalogue.find(options.similar))


def _untold(at: Opened, options: argparse.Namespace) -> dict[str, Any]:
    """Return what triage has not looked at of what is asked for: as JSON and as a sentence."""
    asked = {
        "faces": options.faces is not None, "sensitivity": options.sensitivity is not None,
        "clock": bool(options.clock), "sketch": bool(options.similar), "probe": bool(options.kind),
    }  # fmt: skip
    kinds = [kind for kind, wanted in asked.items() if wanted]
    seen = [coverage(at.catalogue, [kind]) for kind in kinds] or [coverage(at.catalogue)]
    fewest = min(seen, key=lambda each: each.looked)
    if fewest.looked >= fewest.items:
        return {}
    only = "".join(f" --only {kind}" for kind in kinds)
    command = f"bearwitness triage --vault {options.vault} --identity KEY{only}"
    missing = fewest.items - fewest.looked
    words = f"{plural(missing, 'file')} of {fewest.items:,} not triaged yet for this"
    text = f"{words}, so more may be there: {command}"
    if not fewest.looked:
        what = " for this" if kinds else ", names alone were looked through"
        text = f"nothing was triaged yet{what}: {command}"
    return {"not_triaged": missing, "next": command, "text": text}


def _relation(hit: Hit, relations: dict[str, Relation] | None) -> dict[str, Any]:
    if relations is None:
        return {}
    relation = relations[hit.row.item]
    ends = [((span.a_start, span.a_end), (span.b_start, span.b_end)) for span in relation.spans]
    spans = [
        {"from": [round(each, 3) for each in one], "in": [round(each, 3) for each in other]}
        for one, other in ends
    ]
    return {"relation": relation.kind, "traits": sorted(relation.traits), "spans": spans}


def _span_text(told: dict[str, Any]) -> str:
    traits = f" ({', '.join(told['traits'])})" if told["traits"] else ""
    line = f"    {told['relation']}{traits}"
    for span in told["spans"]:
        (start, end), (first, last) = span["from"], span["in"]
        if end > start:
            line += f"; {start:.1f}–{end:.1f} s of it is {first:.1f}–{last:.1f} s here"
    return line


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
    if not equals or not name or not name.isprintable():
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
