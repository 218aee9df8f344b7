"""The stop key for a suspected minor: from now on nobody sees, copies or hands out the item or anything made
of it, by any way of this program. One person is enough. All items with the same bytes are frozen with it.

A task opens for the lawyer: what to preserve, report, surrender, by the rules of a jurisdiction. The rules
that come with the program were never checked by a lawyer and say so; edit a copy in
VAULT/local/jurisdictions.toml. Copies that were already made (releases, restored files) are not reached.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any, Final

from bearwitness.catalogue.search import with_fact
from bearwitness.errors import UsageError
from bearwitness.keep import jurisdictions
from bearwitness.keep.freezing import freeze, with_copies
from bearwitness.vault.opening import settle
from bearwitness_verify.canonical import Json
from bearwitness_verify.report import printable_path

from .options import add_identity, add_items, add_vault, path_text
from .output import EXIT_DONE, Output, plural
from .unlocking import Opened, opened

EXAMPLES = """
  bearwitness freeze --vault vault --identity anna.key --item 5f3a9c… --ground "may be a minor"
  bearwitness freeze --vault vault --identity anna.key --tasks
"""
_PATIENCE_SECONDS: Final = 120.0  # a running triage holds the vault for moments only


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    add_vault(parser)
    add_identity(parser)
    add_items(parser, required=False)
    parser.add_argument("--ground", metavar="TEXT", default="suspected minor", help="why")
    parser.add_argument("--by", metavar="NAME", default="", help="who presses the stop key")
    parser.add_argument(
        "--jurisdiction", metavar="NAME", default="elsewhere", help="whose rules the lawyer's task follows"
    )
    parser.add_argument("--rules", metavar="TOML", type=Path, help="a file with rules of jurisdictions")
    parser.add_argument(
        "--suggested", action="store_true",
        help="show what a brought model takes for a minor (scores and times, no picture), and freeze nothing",
    )  # fmt: skip
    parser.add_argument("--tasks", action="store_true", help="show what is frozen, with the lawyer's tasks")


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    if options.tasks + options.suggested + bool(options.item) != 1:
        raise UsageError("give one of --item, to freeze, --tasks, to see what is frozen, and --suggested")
    with opened(options, out) as at:
        if options.suggested:
            found = suggestions(at)
            out.result({"suggested": found}, _suggestions_text(found))
            return EXIT_DONE
        if options.tasks:
            tasks = open_tasks(at)
            out.result({"tasks": tasks}, _tasks_text(tasks))
            return EXIT_DONE
        rules = jurisdictions.load(at.vault, options.jurisdiction, options.rules)
        fields: dict[str, Json] = {"ground": options.ground, "task": rules.task()}
        if options.by:
            fields["by"] = options.by
        with at.vault.writing(_PATIENCE_SECONDS):
            settle(at.vault)
            at.catalogue.refresh(at.fresh_ledger())
            rows = with_copies(at.catalogue, [at.catalogue.find(item) for item in options.item])
            done = freeze(at.ledger, rows, fields)
        at.catalogue.refresh(at.fresh_ledger())
    if rules.checked == jurisdictions.NEVER:
        out.say(f"the rules for {rules.jurisdiction} were never checked by a lawyer: have it done now")
    data = {
        "frozen": done.items,
        "packs": done.packs,
        "derivatives_locked": done.derivatives,
        "task": rules.task(),
    }
    lines = [
        f"frozen: {', '.join(done.items)}",
        f"locked with it: {plural(done.derivatives, 'set')} of derivatives",
    ]
    lines.append("mirrors hold it until they are brought up to date: bearwitness mirror")
    out.result(data, "\n".join(lines))
    return EXIT_DONE


def suggestions(at: Opened) -> list[dict[str, Any]]:
    """Return what a brought model takes for a minor and is not frozen, the surest first."""
    found = []
    for hit in with_fact(at.catalogue, "minor.suggested"):
        told = {"score": hit.value, "from": hit.start, "to": hit.end}
        found.append({"item": hit.row.item, "path": path_text(hit.row.path), **told})
    return sorted(found, key=lambda each: (-each["score"], each["item"]))


def _suggestions_text(found: list[dict[str, Any]]) -> str:
    lines = [
        f"{each['score']:.2f}  {each['item']}  {printable_path(os.fsencode(each['path']))}" for each in found
    ]
    what = plural(len(found), "item")
    lines.append(f"{what} that may show a minor, by a model; none is frozen by that: freeze --item ITEM")
    return "\n".join(lines)


def open_tasks(at: Opened) -> list[dict[str, Any]]:
    """Return the tasks of what is frozen now, in the order in which they were opened."""
    frozen, tasks = at.ledger.frozen.items, []
    for act in at.ledger.acts(derived=False):
        if act.body is None or act.body.kind != "frozen":
            continue
        items = act.body.fields["items"]
        still = [item for item in items if item in frozen] if isinstance(items, list) else []
        if still:
            told = {name: act.body.fields.get(name) for name in ("ground", "task", "time", "by")}
            tasks.append({"items": still, "entry": act.index, **told})
    return tasks


def _tasks_text(tasks: list[dict[str, Any]]) -> str:
    lines = []
    for task in tasks:
        rules = task["task"] or {}
        lines.append(f"frozen since {task['time']['utc']}: {', '.join(task['items'])}")
        lines.append(f"  ground: {task['ground']}")
        lines += [
            f"  {name}: {rules[name]}"
            for name in ("rules", "checked", "preserve", "report", "surrender")
            if rules
        ]
        lines.append("")
    return "\n".join(lines).rstrip() or "nothing is frozen"
