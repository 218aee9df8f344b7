"""Hide faces, burned-in texts, chosen regions and voices, take out metadata, attack the result, hand it over.

A plan is made, carried out, and the finished file is decoded afresh and searched for what was to be hidden;
if anything is found, nothing is handed over. The plan is a text file that people can read and edit: look at
the contact sheet (obscured) for the numbers of tracks and doubtful frames. What is checked is faces, texts
that stand still, voices, metadata and covered regions; the rest that identifies people is asked of you at
the end.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bearwitness.errors import SourceError, UsageError
from bearwitness.redact import ends, plan_text
from bearwitness.redact.attacker import Progress
from bearwitness.redact.eyes import Setting
from bearwitness.redact.footage import Footage
from bearwitness.redact.outcome import AttackedError, Done, with_hits
from bearwitness.redact.plan import Plan, Source, require_for
from bearwitness.redact.redaction import Workshop
from bearwitness.redact.residual import checklist
from bearwitness.redact.sheet import draw, entries
from bearwitness.redact.stills import Stills
from bearwitness.redact.writing import STILLS, container_of
from bearwitness.vault.marks import Mark

from .files import read_plan, write_new
from .output import EXIT_DONE, Output, plural
from .redact_arguments import add_arguments
from .redact_edits import edited, require_edits
from .redact_told import copy_data, copy_words, plan_data, plan_words
from .redact_voices import refuse_voices, with_voices
from .redacting import (
    PICTURES,
    Deliver,
    mark_for,
    opened_item,
    refuse_mixed,
    refuse_taken,
    require_readable,
    to_file,
    with_mark,
)

__all__ = ["EXAMPLES", "add_arguments", "run"]

EXAMPLES = """
  bearwitness redact clip.mp4 -o clip-redacted.mp4
  bearwitness redact clip.mp4 --plan-only --save-plan clip.plan --sheet clip.jpg
  bearwitness redact clip.mp4 -o out.mp4 --plan clip.plan --keep 3 --add-box 10,20,200,40@0-12.5
  bearwitness redact clip.mp4 -o out.mp4 --voices keep --mute 12.5-14
  bearwitness redact 5f3a9c… --vault vault --identity anna.key --save-plan p.plan --sheet p.jpg
  bearwitness redact 5f3a9c… --vault vault --identity anna.key --plan p.plan --mark-for age1…
"""
_ROUNDS_MAX = 4


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    _require_sense(options)
    setting = Setting(
        heads=options.heads, bodies=options.bodies, accept_reversible=options.accept_reversible or ""
    )
    mark = mark_for(options)
    with Workshop(setting=setting) as workshop, _opened(workshop, options, out, mark) as opened:
        footage, source, deliver = opened
        if options.press and isinstance(footage, Stills):
            raise UsageError(
                f"{footage.name} is a picture or document: --press leaves out the ends of footage",
                "do without --press: a copy of this is written anew anyway, and may go to the press",
            )
        plan = edited(_plan(options, workshop, footage, source, out), options)
        if isinstance(footage, Footage):
            plan = with_voices(workshop, footage, plan, options, out)
        if options.press and plan.ends is None:
            plan = ends.draw(plan, round(options.press_ends * 1000))
        plan = with_mark(plan, mark)
        try:
            done = (
                None
                if options.plan_only
                else _carry_out(workshop, footage, source, plan, options, out, deliver, mark)
            )
            plan = done.plan if done else plan
        except AttackedError as attacked:
            _keep(options, footage, attacked.plan, out, attacked)
            raise
        _keep(options, footage, plan, out, None)
        if done is not None and options.checklist is not None:
            write_new(options.checklist, checklist(done.plan, done.report).encode())
    if done is None:
        out.result(plan_data(plan), plan_words(plan, options.save_plan))
    else:
        out.result(copy_data(done), copy_words(done))
    return EXIT_DONE


def _require_sense(options: argparse.Namespace) -> None:
    """Raise UsageError or SourceError for what can not be done, before hours of work and not after them."""
    refuse_mixed(options)
    if options.plan is not None and (options.heads or options.bodies):
        raise UsageError(
            "a plan that is there already says what is hidden: --heads and --bodies are for making one",
            "leave --plan out, and the footage is looked at again",
        )
    refuse_voices(options)
    if options.out is not None:
        container_of(options.out)
    refuse_taken(options)
    if options.vault is None and not os.path.lexists(options.file):
        raise SourceError(
            f"{options.file} can not be read: {os.strerror(errno.ENOENT)}",
            "check the path; an item of a vault is named with --vault and --identity",
        )
    require_edits(options)


@contextlib.contextmanager
def _opened(
    workshop: Workshop, options: argparse.Namespace, out: Output, mark: Mark | None
) -> Iterator[tuple[Footage | Stills, Source, Deliver]]:
    """Open the file as pictures where pictures are to be written, or by its name where nothing is.

    With it comes what delivers a finished derivative: to a file, or into the vault.
    """
    if options.vault is not None:
        with opened_item(options, workshop, out, mark) as item:
            yield item
        return
    deliver = partial(to_file, options.out)
    name = (options.out or options.file).suffix.lower()
    pictures = name in STILLS or (options.out is None and name in PICTURES)
    if pictures:
        with workshop.open_stills(options.file) as (pages, source):
            yield pages, source, deliver
    else:
        with workshop.open(options.file) as (footage, source):
            require_readable(footage)
            yield footage, source, deliver


def _plan(
    options: argparse.Namespace, workshop: Workshop, footage: Footage | Stills, source: Source, out: Output
) -> Plan:
    if options.plan is not None:
        plan = read_plan(options.plan)
        require_for(plan, source, footage.name)
        return plan
    with _bars(out) as progress:
        return workshop.plan(footage, source, progress)


def _carry_out(
    workshop: Workshop,
    footage: Footage | Stills,
    source: Source,
    plan: Plan,
    options: argparse.Namespace,
    out: Output,
    deliver: Deliver,
    mark: Mark | None,
) -> Done:
    target = options.out or Path(f"copy.{options.kind}")
    name = f"the copy of {footage.name}" if options.out is None else target.name
    for left in range(_ROUNDS_MAX - 1, -1, -1):
        try:
            with _bars(out) as progress:
                made = workshop.make(
                    footage, source, plan, container_of(target), name, progress,
                    options.out.parent if options.out is not None else None,
                    None if mark is None else mark.seed(source.sha256),
                )  # fmt: skip
                with made as finished:
                    return deliver(finished)
        except AttackedError as attacked:
            more = with_hits(plan, attacked.report.hits)
            if not options.add_hits or not left or more == plan:
                raise
            out.say(f"the attack found {plural(len(attacked.report.hits), 'thing')}; added to the plan")
            plan = more
    raise AssertionError


def _keep(
    options: argparse.Namespace,
    footage: Footage | Stills,
    plan: Plan,
    out: Output,
    attacked: AttackedError | None,
) -> None:
    """Write plan and sheet if they were asked for."""
    if options.save_plan is not None:
        write_new(options.save_plan, plan_text.write(plan).encode())
    if options.sheet is not None:
        wanted = entries(plan, attacked.report.hits if attacked else ())
        write_new(options.sheet, draw(footage, plan, wanted, clear=options.clear_sheet))
        if options.clear_sheet:
            out.say(f"{options.sheet} shows people as they are: keep it as you keep the footage")


@contextlib.contextmanager
def _bars(out: Output) -> Iterator[Progress]:
    """Give a function that shows one bar after the other, for whatever is being done."""
    with contextlib.ExitStack() as stack:
        at: dict[str, int] = {}
        step: Callable[[int], None] = lambda done: None  # noqa: E731 - replaced by that of each bar

        def count(what: str, done: int, total: int) -> None:
            nonlocal step
            if what not in at:
                stack.close()
                at.clear()
                at[what] = 0
                step = stack.enter_context(out.bar(what, total or None, "frame"))
            step(done - at[what])
            at[what] = done

        yield count
