"""Write sealed files out again, in the clear, with their names and times. This is an act of its own
and goes into the log. Several deliveries get a folder each. Redacted copies are written out with --redacted,
once two people approved their plan.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bearwitness.catalogue.catalogue import ItemRow
from bearwitness.custody.items import commit
from bearwitness.errors import UsageError
from bearwitness.keep import writing_out
from bearwitness.keep.restoring import Restorer
from bearwitness.vault.delivery import Folder, Record
from bearwitness_verify.canonical import Json
from bearwitness_verify.report import printable_path

from .options import add_identity, add_items, add_quarantine, add_vault
from .output import EXIT_DONE, EXIT_LOSSES, Output, human_size, plural
from .unlocking import Opened, deliveries_named, opened

EXAMPLES = """
  bearwitness restore out/ --vault vault --identity anna.key
  bearwitness restore out/ --vault vault --identity anna.key --item 5f3a9c… --item 77e0b1…
  bearwitness restore out/ --vault vault --identity anna.key --redacted 5f3a9c…
  bearwitness restore out/ --vault mirror --identity anna.key --not-recorded
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("destination", metavar="DEST", type=Path, help="where to; must not exist or be empty")
    add_vault(parser)
    add_identity(parser)
    add_items(parser, required=False)
    parser.add_argument("--delivery", metavar="ID", default="", help="only this delivery (or its beginning)")
    add_quarantine(parser)
    parser.add_argument(
        "--redacted", metavar="ITEM[@SHA256]", action="append", default=[],
        help="the redacted copy of this item, the last or the one of this hash, and no original",
    )  # fmt: skip
    parser.add_argument(
        "--unapproved", action="store_true",
        help="redacted copies whose plan two people have not approved yet, for them to see",
    )  # fmt: skip
    parser.add_argument(
        "--not-recorded", action="store_true",
        help="do not enter it in the log: for a mirror, when the vault itself is lost",
    )  # fmt: skip


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    if options.redacted:
        return _write_redacted(options, out)
    if options.unapproved:
        raise UsageError("--unapproved is for redacted copies", "name them with --redacted ITEM")
    with opened(options, out, writing=not options.not_recorded) as at:
        rows = _wanted(at, options)
        at.ledger.frozen.refuse([row.item for row in rows if options.item])
        with out.bar("restoring", sum(row.bytes or 0 for row in rows)) as progress:
            restorer = Restorer(options.destination, progress)
            if not options.not_recorded:  # before anything is in the clear
                ids: list[Json] = [row.item for row in rows] if options.item else ["all"]
                recipient = at.vault.source_recipient if options.quarantine else None
                at.vault.append({"kind": "restored", "items": ids}, recipient=recipient)
            held = [row for row in rows if row.item in at.ledger.frozen.items]
            restorer.result.problems += [f"{printable_path(row.path)}: it is frozen" for row in held]
            _restore(at, restorer, [row for row in rows if row not in held], whole=not options.item)
            result = restorer.finish()
    data = {
        "files": result.files,
        "bytes": result.bytes,
        "others": result.others,
        "not_restored": result.problems,
    }
    lines = [f" x  {text}" for text in result.problems]
    lines.append(
        f"restored {plural(result.files, 'file')}, {human_size(result.bytes)}, to {options.destination}"
    )
    out.result(data, "\n".join(lines))
    return EXIT_LOSSES if result.problems else EXIT_DONE


def _write_redacted(options: argparse.Namespace, out: Output) -> int:
    if options.item or options.delivery or options.quarantine or options.not_recorded:
        raise UsageError("--redacted writes redacted copies and nothing else", "run restore twice")
    with opened(options, out, writing=True) as at:
        chosen = []
        for text in options.redacted:
            item, _, digest = text.replace(":", "@").partition("@")  # as release writes it, too
            chosen.append(writing_out.choose(at.ledger, at.catalogue.find(item).item, digest.lower()))
        written = [
            writing_out.write_out(
                at.vault, at.ledger, copy, options.destination, unapproved=options.unapproved
            )
            for copy in chosen
        ]
    data = [
        {"item": copy.item, "sha256": copy.sha256, "plan_sha256": copy.plan, "path": str(path)}
        for copy, path in zip(chosen, written, strict=True)
    ]
    out.result({"written": data}, "\n".join(f"wrote {path}" for path in written))
    return EXIT_DONE


def _wanted(at: Opened, options: argparse.Namespace) -> list[ItemRow]:
    if options.item:
        return list({row.leaf: row for row in map(at.catalogue.find, options.item)}.values())
    chosen = set(deliveries_named(at, options.delivery))
    return [row for row in at.catalogue.items() if row.delivery in chosen]


def _restore(at: Opened, restorer: Restorer, rows: list[ItemRow], *, whole: bool) -> None:
    wanted: dict[str, set[bytes]] = {}
    for row in rows:
        wanted.setdefault(row.delivery, set()).add(row.leaf)
    by_leaf = {row.leaf: row for row in rows}
    for delivery, leaves in wanted.items():
        subfolder = delivery.encode() if len(wanted) > 1 else b""
        opened_delivery = at.ledger.open_delivery(delivery)
        records, folders = [], []
        for line in opened_delivery.all_lines():
            if isinstance(line, Folder) and whole:
                folders.append(line)
            elif isinstance(line, Record):
                leaf = commit(line.values, line.secret)
                if leaf in leaves:
                    records.append((by_leaf[leaf].item, line))
        restorer.restore(opened_delivery, records, subfolder)
        restorer.folders(folders, subfolder)
