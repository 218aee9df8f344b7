"""Ask a file that leaked whose copy it is, by the marks in redacted copies (redact --mark-for).

The pictures that the marks were put into are made again from the original; what FILE has besides them is
compared with the mark of every copy. The score says how far beyond chance it follows one.

A mark that is found is a lead to where the file came from, and no evidence against anybody: the recipient may
have been robbed or have passed it on in good faith, and whoever else had that copy, in the group or by an
escrow, had the same mark. Recipients who put their copies together can weaken marks or mix them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bearwitness.errors import RefusedError
from bearwitness.redact import plan_text
from bearwitness.redact.copying import TASKS
from bearwitness.redact.items import open_item
from bearwitness.redact.tracing import Leaked, is_found, read_leaked, trace
from bearwitness.sandbox.client import Sandbox
from bearwitness.signals.mark_search import STRANGERS, THRESHOLD, Found
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.marks import Mark, mark_of
from bearwitness.vault.redactions import PLAN, Redaction, read_file, redactions_of
from bearwitness_verify import canonical
from bearwitness_verify.report import printable

from .files import open_source
from .options import add_identity, add_vault
from .output import EXIT_DONE, Output, plural
from .unlocking import Opened, opened

EXAMPLES = """
  bearwitness trace leaked.mp4 --vault vault --identity anna.key
  bearwitness trace leaked.mp4 --vault vault --identity anna.key --item 5f3a9c…
"""


@dataclass(frozen=True)
class Asked:
    """A copy with a mark, how far the file follows it, and what handed it out; `found` is None: not seen."""

    copy: Redaction
    mark: Mark
    score: float
    found: Found | None
    releases: tuple[str, ...]
    escrow: bool

    @property
    def is_found(self) -> bool:
        """Whether its mark is in the file."""
        return self.found is not None and is_found(self.score, self.found)

    def to_json(self) -> dict[str, Any]:
        """Return what is told of it."""
        return {
            "item": self.copy.item, "copy": self.copy.sha256, "recipient": self.mark.recipient,
            "score": round(self.score, 2), "found": self.is_found, "releases": list(self.releases),
            "in_escrow": self.escrow,
            "strangers": None if self.found is None else round(self.found.strangers, 2),
            "seconds": None if self.found is None else self.found.seconds,
            "offset": None if self.found is None else round(self.found.fit.offset, 3),
            "part": None if self.found is None else list(self.found.fit.rect),
        }  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("file", metavar="FILE", type=Path, help="the file that leaked")
    add_vault(parser)
    add_identity(parser)
    parser.add_argument(
        "--item", metavar="ID", action="append", default=[],
        help="ask for the copies of this item only (default: of all that have copies with a mark)",
    )  # fmt: skip


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    with opened(options, out) as at, open_source(options.file) as file, Sandbox(TASKS) as sandbox:
        copies = _copies(at, options.item)
        leaked = read_leaked(sandbox, file)
        if leaked.broken:
            out.say(f"{leaked.broken} packets of {options.file} do not decode; the rest is asked")
        asked: list[Asked] = []
        for group in copies:
            asked += _ask(at, sandbox, leaked, group, out)
    asked.sort(key=lambda one: -one.score)
    out.result(
        {"threshold": THRESHOLD, "broken": leaked.broken, "copies": [one.to_json() for one in asked]},
        _words(options.file, asked),
    )
    return EXIT_DONE


def _copies(at: Opened, items: Sequence[str]) -> list[list[Redaction]]:
    """Return the copies with a mark, those of one item and plan together; refuse if there is none."""
    wanted = [at.catalogue.find(item).item for item in items]
    at.ledger.frozen.refuse(wanted)
    known = wanted or [row.item for row in at.catalogue.items()]
    groups: dict[tuple[str, str], list[Redaction]] = {}
    for one in redactions_of(at.ledger, frozenset(known)):
        if one.marked:
            groups.setdefault((one.item, one.plan), []).append(one)
    if not groups:
        raise RefusedError(
            "the vault holds no redacted copy with a mark" + (" of these items" if items else ""),
            "marks are put in by: bearwitness redact ITEM --vault … --mark-for age1…",
        )
    return list(groups.values())


def _ask(
    at: Opened, sandbox: Sandbox, leaked: Leaked, copies: Sequence[Redaction], out: Output
) -> list[Asked]:
    """Ask the file for the marks of an item's copies of one plan."""
    first = copies[0]
    out.say(
        f"making again the pictures of item {first.item[:12]} that {plural(len(copies), 'mark')} went into"
    )
    marks = [mark for one in copies if (mark := mark_of(at.ledger, one)) is not None]
    plan = plan_text.read(read_file(at.ledger, first, PLAN))
    with open_item(at.ledger, at.catalogue.find(first.item)) as (original, source):
        seeds = [mark.seed(source.sha256) for mark in marks]
        found = trace(sandbox, original, source, plan, leaked, seeds)
    scores = [0.0] * len(marks) if found is None else found.scores
    return [
        Asked(copy, mark, score, found, *_handed_out(at.ledger, copy))
        for copy, mark, score in zip(copies, marks, scores, strict=True)
    ]


def _handed_out(ledger: Ledger, copy: Redaction) -> tuple[tuple[str, ...], bool]:
    """Return the releases that a copy went out with, and whether it lies in an escrow too."""
    releases, escrow = [], False
    for act in ledger.acts(derived=False):
        fields = {} if act.body is None or act.body.kind != "released" else act.body.fields
        if copy.sha256 in canonical.array(fields.get("marks", []), "the marks of a release"):
            releases.append(canonical.text(fields["release"]))
            escrow = escrow or "escrow" in fields
    return tuple(releases), escrow


def _words(path: Path, asked: Sequence[Asked]) -> str:
    file = printable(str(path))
    lines = [f"  {one.score:7.1f}  {'FOUND' if one.is_found else '-':<5}  {_told(one)}" for one in asked]
    strangers = max((one.found.strangers for one in asked if one.found is not None), default=0.0)
    lines += [
        f"scores are in standard deviations of chance; a mark is found from {THRESHOLD:g} on; of "
        f"{STRANGERS:,} marks that nobody was given the farthest reached {strangers:.1f}"
    ]
    found = [one for one in asked if one.is_found]
    if not found:
        said = (
            f"NO MARK of a copy in this vault was found in {file}. That clears nobody: what is very short, "
            "small or dark, filmed off a screen or changed much does not show its mark any more"
        )
        return "\n".join([said, *lines])
    if len(found) > 1:
        said = (
            f"THE MARKS OF {len(found)} COPIES were found in {file}: it may be put together from them, "
            "so that none of the recipients need have passed on theirs alone"
        )
    else:
        said = f"THE MARK OF ONE COPY was found in {file}: the one made for {found[0].mark.recipient}"
    worth = (
        "This is a lead to where the file came from, and no evidence that this person leaked it: they may "
        "have been robbed, or have given it on in good faith, and whoever else had the copy had its mark. "
        "Two recipients who put their copies together can weaken marks or mix them"
    )
    return "\n".join([said, *lines, *_elsewhere(found), worth])


def _told(one: Asked) -> str:
    return f"copy {one.copy.sha256[:12]} of item {one.copy.item[:12]} for {one.mark.recipient}"


def _elsewhere(found: Sequence[Asked]) -> list[str]:
    """Return who else had what was found, in words."""
    lines = []
    for one in found:
        name = f"copy {one.copy.sha256[:12]}"
        if not one.releases:
            lines.append(f"{name} was never released by this vault's log: it came from within the group")
        if one.escrow:
            lines.append(f"{name} lies in an escrow as well: whoever can open that had it too")
    return lines
