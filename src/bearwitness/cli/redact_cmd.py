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
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bearwitness.errors import SourceError, UsageError
from bearwitness.redact import ends, operations, plan_text
from bearwitness.redact.attacker import Progress
from bearwitness.redact.changing import LABELS
from bearwitness.redact.eyes import Setting
from bearwitness.redact.footage import Footage
from bearwitness.redact.geometry import Box
from bearwitness.redact.outcome import AttackedError, Done, with_hits
from bearwitness.redact.plan import FILLS, SPEAK, WHISPER, Plan, Source, require_for
from bearwitness.redact.redaction import Workshop
from bearwitness.redact.residual import CHECKLIST, checklist, summary
from bearwitness.redact.sheet import draw, entries
from bearwitness.redact.stills import Stills
from bearwitness.redact.writing import STILLS, container_of
from bearwitness.vault.marks import Mark

from .files import read_plan, write_new
from .output import EXIT_DONE, Output, plural
from .redact_voices import refuse_voices, with_voices
from .redacting import (
    PICTURES,
    Deliver,
    add_mark,
    add_press,
    add_vault_options,
    how_to_approve,
    mark_for,
    opened_item,
    refuse_mixed,
    refuse_taken,
    require_readable,
    to_file,
    with_mark,
)

EXAMPLES = """
  bearwitness redact clip.mp4 -o clip-redacted.mp4
  bearwitness redact clip.mp4 --plan-only --save-plan clip.plan --sheet clip.jpg
  bearwitness redact clip.mp4 -o out.mp4 --plan clip.plan --keep 3 --add-box 10,20,200,40@0-12.5
  bearwitness redact clip.mp4 -o out.mp4 --voices keep --mute 12.5-14
  bearwitness redact 5f3a9c… --vault vault --identity anna.key --save-plan p.plan --sheet p.jpg
  bearwitness redact 5f3a9c… --vault vault --identity anna.key --plan p.plan --mark-for age1…
"""
_ROUNDS_MAX = 4
_MUTE = "mute"
# Of a plan: speech is muted or changed once it is found.
_VOICES = {"keep": "keep", _MUTE: "keep", "none": "mute", WHISPER: "keep", SPEAK: "keep"}
_NUMBER = r"\d{1,9}(?:\.\d{1,6})?"
_BOX = re.compile(rf"(\d+),(\d+),(\d+),(\d+)(?:@({_NUMBER})?-({_NUMBER})?)?\Z")
_RANGE = re.compile(rf"({_NUMBER})-({_NUMBER})\Z")
_SPLIT = re.compile(rf"(\d+)@({_NUMBER})\Z")
_BOX_SHOWN, _MUTE_SHOWN = ("--add-box", "10,20,200,40@0-12.5"), ("--mute", "12.5-14")
_SPLIT_SHOWN = ("--split", "3@12.5")


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


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
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
    _require_edits(options)
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
        plan = _edited(_plan(options, workshop, footage, source, out), options)
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
        out.result(_plan_data(plan), _plan_words(plan, options.save_plan))
    else:
        out.result(_data(done), _words(done))
    return EXIT_DONE


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


def _require_edits(options: argparse.Namespace) -> None:
    """Raise UsageError for edits that can not be read, before hours of work and not after them."""
    for pattern, texts, option, example in (
        (_SPLIT, options.split, *_SPLIT_SHOWN),
        (_BOX, options.add_box, *_BOX_SHOWN),
        (_RANGE, options.mute, *_MUTE_SHOWN),
    ):
        for text in texts:
            _matched(pattern, text, option, example)


def _edited(plan: Plan, options: argparse.Namespace) -> Plan:
    for text in options.split:
        number, seconds = _matched(_SPLIT, text, *_SPLIT_SHOWN)
        plan = operations.split(plan, int(number), float(seconds))
    if options.overlays is not None:
        plan = operations.set_overlays(plan, cover=options.overlays == "cover")
    if options.only:
        plan = operations.hide_only(plan, options.only)
    for number in options.keep:
        plan = operations.keep(plan, number)
    for number in options.hide:
        plan = operations.hide(plan, number)
    for text in options.add_box:
        x, y, w, h, begin, end = _matched(_BOX, text, *_BOX_SHOWN)
        plan = operations.add_box(
            plan, Box(int(x), int(y), max(1, int(w)), max(1, int(h))), _seconds(begin), _seconds(end)
        )
    ranges = [_matched(_RANGE, text, *_MUTE_SHOWN) for text in options.mute]
    plan = operations.set_policy(
        plan, fill=options.fill, voices=_VOICES.get(options.voices), inverted=options.all_but
    )
    return operations.mute(plan, [(_milli(a), _milli(b)) for a, b in ranges]) if ranges else plan


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


def _data(done: Done) -> dict[str, Any]:
    return {
        "out": None if done.out is None else str(done.out),
        "sha256": done.sha256,
        "plan_sha256": plan_text.digest(done.plan),
        **_plan_data(done.plan),
        "copied_packets": [list(pair) for pair in done.rendered.copied] if done.rendered else [],
        "packets": len(done.rendered.track.packets) if done.rendered else 0,
        "encoded_whole_because": done.rendered.why_not_copied if done.rendered else "",
        "sound": list(done.sounds.notes),
        "checked": done.report.looked_at,
        "warnings": done.report.warnings,
        "checklist": list(CHECKLIST),
    }


def _words(done: Done) -> str:
    rendered = done.rendered
    reason = f": {rendered.why_not_copied}" if rendered and rendered.why_not_copied else ""
    copied = (
        f"{rendered.share_copied:.0%} of the pictures are the original's, bit for bit"
        if rendered and rendered.copied
        else f"all pictures were encoded anew{reason}"
    )
    return "\n".join(
        [
            f"wrote {done.out}" if done.out else how_to_approve(plan_text.digest(done.plan)),
            copied,
            *done.sounds.notes,
            summary(done.plan, done.report),
            "Before it is published, someone who knows the place should answer:",
            *(f"  - {question}" for question in CHECKLIST),
        ]
    )


def _plan_data(plan: Plan) -> dict[str, Any]:
    return {
        "frames": len(plan.times),
        "tracks": [
            {
                "number": t.number, "kind": t.kind, "hide": t.hide, "by": t.by,
                "from": plan.seconds(t.first), "to": plan.seconds(t.last), "says": t.says,
            }
            for t in plan.tracks
        ],
        "doubts": [{"at": plan.seconds(d.time), "reason": d.reason} for d in plan.doubts],
        "muted": [[begin / 1000, end / 1000] for begin, end in plan.muted],
        "changed_voices": [[one.begin / 1000, one.end / 1000, one.how] for one in plan.changed],
    }  # fmt: skip


def _plan_words(plan: Plan, saved: Path | None) -> str:
    lines = [f"{plural(len(plan.times), 'frame')}, {plural(len(plan.tracks), 'track')}"]
    for t in plan.tracks:
        state = "hidden" if t.hide else "SHOWN"
        span = f"{plan.seconds(t.first):9.3f} – {plan.seconds(t.last):.3f} s"
        lines.append(
            f"  track {t.number:>3}  {t.kind:<7} {state:<6} {span}{f'  {t.says!r}' if t.says else ''}"
        )
    lines += [f"  look at {plan.seconds(d.time):9.3f} s: {d.reason}" for d in plan.doubts]
    return "\n".join([*lines, f"saved as {saved}" if saved else "not saved: give --save-plan"])


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


def _matched(pattern: re.Pattern[str], text: str, option: str, example: str) -> tuple[str, ...]:
    match = pattern.match(text)
    if match is None:
        raise UsageError(f"{text!r} is not what {option} takes", f"for example: {option} {example}")
    return match.groups()


def _seconds(text: str | None) -> float | None:
    return float(text) if text else None


def _milli(text: str) -> int:
    return round(float(text) * 1000)
