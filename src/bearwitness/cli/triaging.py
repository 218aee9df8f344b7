"""What ``bearwitness triage`` does once the sandbox and the worker with networks load beside it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bearwitness.catalogue.search import footage_seconds, with_fact
from bearwitness.errors import UsageError
from bearwitness.jobs.queue import Counts
from bearwitness.keep.freezing import freeze, late_copies
from bearwitness.triage import planning, registry
from bearwitness.triage.early import Early
from bearwitness.triage.models import FILE as MODEL_FILE
from bearwitness.triage.running import Report, Triage, local_executor
from bearwitness.vault.derivatives import FAILED
from bearwitness.vault.permissions import noted
from bearwitness_verify.canonical import Json
from bearwitness_verify.report import printable, printable_path

from .note import NOTE, NOTE_OPTIONS
from .options import ask_openly, path_text
from .output import EXIT_DONE, EXIT_LOSSES, Output, human_size, plural
from .unlocking import Opened, deliveries_named, opened


def run_triage(
    options: argparse.Namespace, out: Output, models: Path | None, begun: Early, lacking: Sequence[str]
) -> int:
    """Triage what the options say; `lacking`: layers of the sandbox this machine has not."""
    if options.models is not None and not any(options.models.glob(f"*/{MODEL_FILE}")):
        raise UsageError(
            f"there is no model in {options.models}", f"each model is a folder in it that has a {MODEL_FILE}"
        )
    analysers = registry.load(options.only, models, thorough=options.thorough)
    not_done = [analyser.lacking for analyser in analysers if analyser.lacking]
    for sentence in not_done:
        out.say(f"NOTE: {sentence}")
    with opened(options, out) as at:
        at.vault.signer()
        chosen = deliveries_named(at, options.delivery)
        if not chosen:
            out.say("there is no delivery to look at: seal one, or import a kit")
        _note(at, chosen, options, out)
        late = _freeze_late_copies(at, out)
        plan = planning.plan(at.ledger, at.catalogue, analysers, chosen, again=options.again)
        out.say(
            f"{plural(len(plan.jobs), 'job')} on {plural(len(plan.places), 'file')}, "
            f"{human_size(plan.bytes)}; {plan.already:,} done before, "
            f"{plural(plan.frozen, 'frozen item')} left alone"
        )
        triage = Triage(at.vault, at.unlocked, at.catalogue, plan)
        with _view(len(plan.jobs), plan.bytes) as progress:
            report = triage.run(
                local_executor(options.workers), accept_weak=bool(lacking), early=begun, progress=progress
            )
        suggested = len(with_fact(at.catalogue, "minor.suggested"))
        seconds = round(footage_seconds(at.catalogue), 3)
        paths = {item: _path(at, item) for item, _, _ in report.failures}
    counts = {"already": plan.already, "frozen": plan.frozen, "late": late, "files": len(plan.places)}
    data = _data(
        report,
        paths,
        **counts,
        footage_seconds=seconds,
        lacking=list(lacking),
        not_done=not_done,
        suggested=suggested,
    )
    out.result(data, _text(data))
    return EXIT_LOSSES if report.failures else EXIT_DONE


def _note(at: Opened, chosen: list[str], options: argparse.Namespace, out: Output) -> None:
    """Enter the note for deliveries that have none yet; refuse to go on without it."""
    missing: list[Json] = [*sorted(set(chosen) - noted(at.ledger))]
    if not missing:
        return
    answers: dict[str, Json] = {}
    for name, question in NOTE.items():
        text = getattr(options, name).strip()
        if not text and sys.stdin.isatty():
            text = ask_openly(question)
        if not text:
            raise UsageError(
                f"delivery {missing[0]} was never looked at: a short note is signed first",
                f"give --note-{NOTE_OPTIONS[name]} TEXT ({question})",
            )
        answers[name] = text
    with at.vault.writing():
        at.vault.append({"kind": "triage-noted", "deliveries": missing, **answers})
    at.catalogue.refresh(at.fresh_ledger())
    out.say("the note is signed and stands in the log")


def _freeze_late_copies(at: Opened, out: Output) -> int:
    """Freeze items that came in later and hold the bytes of a frozen one."""
    rows = late_copies(at.catalogue)
    if rows:
        with at.vault.writing():
            freeze(at.fresh_ledger(), rows, {"ground": "the same bytes as an item that is frozen"})
        at.catalogue.refresh(at.fresh_ledger())
        out.say(f"{plural(len(rows), 'item')} with the bytes of a frozen one: frozen, too")
    return len(rows)


@contextmanager
def _view(jobs: int, size: int) -> Iterator[Callable[[Counts, Report], None]]:
    """Give what shows how far it is: jobs done, bytes left, failures, and how long it may yet take."""
    if not sys.stderr.isatty():
        yield lambda counts, report: None
        return
    from tqdm import tqdm

    tqdm.monitor_interval = 0
    started = time.monotonic()
    with tqdm(total=jobs, desc="triage", unit=" jobs", delay=2, leave=False, file=sys.stderr) as bar:

        def show(counts: Counts, report: Report) -> None:
            entered = sum(report.entered.values())
            bar.update(entered - bar.n)
            left = human_size(counts.weight_left)
            eta = ""
            if entered:
                rest = counts.waiting + counts.leased
                eta = f", about {(time.monotonic() - started) / entered * rest / 60:.0f} min"
            bar.set_postfix_str(f"{left} left{eta}, {plural(len(report.failures), 'failure')}")

        yield show


def _path(at: Opened, item: str) -> str:
    row = at.catalogue.get(item)
    return path_text(row.path) if row else item


def _data(report: Report, paths: dict[str, str], **more: Any) -> dict[str, Any]:
    return {
        "entered": report.entered,
        "dropped": report.dropped,
        "failures": [
            {"item": item, "kind": kind, "path": paths[item], "reason": reason}
            for item, kind, reason in report.failures
        ],
        **more,
    }


def _failed(failures: list[dict[str, Any]]) -> list[str]:
    """Return a line for each file and reason, however many kinds failed for it."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for failure in failures:
        reason = failure["reason"].replace(f"item {failure['item']}", "it")
        kinds.setdefault((failure["path"], reason), []).append(failure["kind"])
    return [
        f" x  {printable_path(path.encode('utf-8', 'surrogateescape'))}: {printable(reason, 200)} "
        f"({', '.join(sorted(names))})"
        for (path, reason), names in kinds.items()
    ]


def _text(data: dict[str, Any]) -> str:
    lines = _failed(data["failures"])
    done = {name: number for name, number in data["entered"].items() if name != FAILED}
    told = ", ".join(f"{number:,} {name}" for name, number in sorted(done.items())) or "nothing new"
    lines.append(f"entered in the log: {told}; {plural(len(data['failures']), 'failure')}")
    hours, minutes = divmod(round(data["footage_seconds"] / 60), 60)
    length = f"{hours:,} h {minutes} min" if hours or minutes else f"{data['footage_seconds']:.0f} s"
    lines.append(f"footage and sound looked at so far: {length}")
    if data["suggested"]:
        lines.append(
            f"{plural(data['suggested'], 'item')} may show a minor, by the model you brought; nothing is "
            "frozen by that: bearwitness freeze --suggested"
        )
    if data["dropped"]:
        lines.append(f"{data['dropped']} results not entered: their items were frozen or destroyed meanwhile")
    return "\n".join(lines)
