"""What `redact` does with an item of a vault: opens it in memory, enters the copy encrypted."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bearwitness import __version__
from bearwitness.errors import RefusedError, UsageError
from bearwitness.media.model import MediaError
from bearwitness.media.source import Source as Bytes
from bearwitness.redact import plan_text
from bearwitness.redact.ends import MOST_MS
from bearwitness.redact.footage import Footage
from bearwitness.redact.items import derivation, enter, open_item
from bearwitness.redact.outcome import Done, Finished
from bearwitness.redact.plan import MARK, Plan, Source
from bearwitness.redact.redaction import Workshop
from bearwitness.redact.stills import Stills
from bearwitness.redact.writing import STILLS, VIDEO, container_of, hand_over
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.marks import Mark, new_mark
from bearwitness.vault.redactions import APPROVAL, APPROVALS_MIN
from bearwitness.vault.signed import read as read_signed

from .files import read_plan
from .output import Output
from .unlocking import opened

Deliver = Callable[[Finished], Done]
PICTURES = (".heic", ".heif", ".webp", ".gif", ".bmp")
KINDS = tuple(sorted(suffix.removeprefix(".") for suffix in (*VIDEO, *STILLS)))


def add_vault_options(parser: argparse.ArgumentParser) -> None:
    """Add --vault, --identity and --as, which make FILE an item of a vault."""
    group = parser.add_argument_group("an item of a vault")
    group.add_argument("--vault", metavar="VAULT", type=Path, help="FILE is an item's id in this vault")
    group.add_argument(
        "--identity",
        metavar="KEY",
        action="append",
        default=[],
        help="an identity file or a share (repeatable)",
    )
    group.add_argument(
        "--approved", action="store_true",
        help="refuse unless two people approved exactly the plan that --plan gives",
    )  # fmt: skip
    group.add_argument(
        "--as",
        dest="kind",
        choices=KINDS,
        help="what the copy in the vault is (default: by the item's name, mp4 for footage)",
    )


def add_mark(parser: argparse.ArgumentParser) -> None:
    """Add --mark-for."""
    parser.add_argument(
        "--mark-for", metavar="RECIPIENT", action="append", default=[],
        help="of an item in a vault: a copy for this one age recipient, with a faint mark in all pictures by "
        "which a file that leaked can be asked whose copy it is (bearwitness trace)",
    )  # fmt: skip


def mark_for(options: argparse.Namespace) -> Mark | None:
    """Return the mark that the options ask for, None for none; raise UsageError for several, or no vault."""
    if not options.mark_for:
        return None
    if len(options.mark_for) > 1:
        raise UsageError(
            "a copy carries the mark of one recipient, and several are named",
            "make a copy for each, with one plan: bearwitness redact ITEM --plan PLAN --mark-for age1…",
        )
    if options.vault is None:
        raise UsageError(
            "a mark is kept in a vault, or nobody could find it again: --mark-for is for items of one",
            "give --vault",
        )
    return new_mark(options.mark_for[0])


def with_mark(plan: Plan, mark: Mark | None) -> Plan:
    """Return the plan that also puts in a mark, if there is one."""
    return plan if mark is None else replace(plan, mark=MARK)


def add_press(parser: argparse.ArgumentParser) -> None:
    """Add --press and --press-ends."""
    group = parser.add_argument_group("for the press")
    group.add_argument(
        "--press", action="store_true",
        help="a copy that no list of lengths or bytes leads back to: encoded anew as a whole, without a "
        "random number of its first and last frames, with a clock of its own",
    )  # fmt: skip
    group.add_argument(
        "--press-ends", metavar="SECONDS", type=float, default=MOST_MS / 1000,
        help="leave out up to so much at either end, and never more than a tenth (default: %(default)s)",
    )  # fmt: skip


def refuse_mixed(options: argparse.Namespace) -> None:
    """Raise UsageError unless the options are those of a plain file, or those of an item."""
    if options.approved and (options.vault is None or options.plan is None):
        raise UsageError("--approved is for items of a vault and a plan", "give --vault and --plan")
    if options.vault is not None and options.out is not None:
        raise UsageError(
            "a copy of an item stays in the vault, encrypted: -o writes plain files only",
            "leave -o away; --as says what the copy is",
        )
    if options.vault is None and not options.plan_only and options.out is None:
        raise UsageError("say where the derivative goes with -o OUT, or use --plan-only")


def refuse_taken(options: argparse.Namespace) -> None:
    """Raise UsageError or RefusedError, before the work, if what is to be written is there or can not be."""
    for path in (options.out, options.save_plan, options.sheet, options.checklist, options.write_down):
        if path is None:
            continue
        if not path.parent.is_dir():
            raise UsageError(f"{path.parent}, where {path.name} was to go, is no folder", "make it first")
        if os.path.lexists(path):
            raise RefusedError(f"{path} exists already and is not overwritten", "choose another name")


def to_file(path: Path, made: Finished) -> Done:
    """Write a finished file to `path`."""
    hand_over(made.descriptor, path)
    return Done(path, made.sha256, made.plan, made.rendered, made.sounds, made.report)


@contextmanager
def opened_item(
    options: argparse.Namespace, workshop: Workshop, out: Output, mark: Mark | None = None
) -> Iterator[tuple[Footage | Stills, Source, Deliver]]:
    """Give an item as footage or pages, which file it is, and what enters a finished copy of it.

    A copy with a `mark` is entered with it.
    """
    with opened(options, out) as at:
        at.vault.signer()  # before hours of work, not after
        row = at.catalogue.find(str(options.file))
        options.kind = options.kind or kind_of(row.path)
        container = container_of(Path(f"copy.{options.kind}"))
        if options.approved and options.plan is not None:
            refuse_unapproved(at.ledger, plan_text.digest(read_plan(options.plan)))

        def deliver(made: Finished) -> Done:
            """Enter a finished copy."""
            if options.approved:  # an edit on the way, or a hit that was added, made it another plan
                refuse_unapproved(at.ledger, plan_text.digest(made.plan))
            enter(at.vault, at.unlocked, row, derivation(row.item, made, container, __version__, mark))
            return Done(None, made.sha256, made.plan, made.rendered, made.sounds, made.report)

        with open_item(at.ledger, row) as (item, source):
            yield _of_item(workshop, item, container), source, deliver


def _of_item(workshop: Workshop, item: Bytes, container: str) -> Footage | Stills:
    opened = workshop.of_item(item, stills=container in STILLS.values())
    if isinstance(opened, Footage):
        require_readable(opened, " and seal that, or say it in words: bearwitness release --statement")
    return opened


def require_readable(footage: Footage, instead: str = "") -> None:
    """Raise MediaError for what is no footage or sound, with what can be done `instead`."""
    try:
        _ = footage.facts
    except MediaError as error:
        hint = f"footage, pictures and PDF are redacted; print a text to PDF{instead}"
        raise MediaError(error.message, hint) from None


def refuse_unapproved(ledger: Ledger, digest: str) -> None:
    """Raise RefusedError unless two people approved the plan of this digest."""
    people = len(read_signed(ledger).approvers(digest, APPROVAL))
    if people < APPROVALS_MIN:
        raise RefusedError(
            f"the plan {digest} is approved by {people} people instead of {APPROVALS_MIN}: not carried out",
            f'bearwitness approve --subject {digest} --purpose "{APPROVAL}" …',
        )


def kind_of(path: bytes) -> str:
    """Return as what an item of this name is copied: pictures and documents as such, all else as footage."""
    suffix = os.fsdecode(path).lower().rpartition(".")[2]
    if f".{suffix}" in STILLS:
        return suffix
    return "jpg" if f".{suffix}" in PICTURES else "mp4"


def how_to_approve(digest: str) -> str:
    """Return what two people have to do before the copy may be shown."""
    return (
        "entered in the vault, encrypted; it may be shown once two people have seen and approved its plan:\n"
        f'  bearwitness approve --subject {digest} --purpose "{APPROVAL}" …'
    )
