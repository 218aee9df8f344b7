"""Do a redaction again, for whoever was given the original: does the copy follow from it by the plan?

ORIGINAL is the sealed file, or with --vault an item's id. The plan is carried out anew and the copy compared:
the same bytes, the same pictures, or, where another build of the tool made it, alike to within what two
encodings of one picture differ by. Anything else is named with its place, and the exit code is 1.

With --escrow plan and copy are those in the decrypted escrow of a release, which is verified first.

The digest of the plan that is printed must be the one that bearwitness-verify printed for the release, and
the SHA-256 of the copy that of its exhibit: only then is it the derivation that the log binds.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import av

from bearwitness import __version__
from bearwitness.errors import RefusedError, UsageError
from bearwitness.media.source import Source as Bytes
from bearwitness.media.source import held_in_memory
from bearwitness.redact import plan_text
from bearwitness.redact.copying import TASKS
from bearwitness.redact.items import open_item
from bearwitness.redact.plan import Plan, Source, source_of
from bearwitness.redact.redoing import OTHER, Redone, redo
from bearwitness.redact.writing import container_of
from bearwitness.sandbox.client import Sandbox
from bearwitness.vault.redactions import PLAN, Redaction, read_copy, read_file, redactions_of

from .escrowed import escrowed
from .files import open_source, read_plan, write_new
from .options import path_text
from .output import EXIT_DONE, EXIT_FAILED, Output, plural
from .unlocking import opened

EXAMPLES = """
  bearwitness redo sealed.mp4 --plan clip.plan --copy release/exhibits/01.mp4
  bearwitness redo sealed.mp4 --escrow opened.zip
  bearwitness redo 5f3a9c… --vault vault --identity anna.key
"""
_PIECE = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("original", metavar="ORIGINAL", help="the sealed file, or with --vault an item's id")
    parser.add_argument("--plan", metavar="PLAN", type=Path, help="the plan as text (in a vault: the copy's)")
    parser.add_argument("--copy", metavar="COPY", type=Path, help="the released copy (in a vault: the last)")
    parser.add_argument(
        "--escrow", metavar="PACKAGE", type=Path,
        help="plan and copy are in this decrypted escrow (a .zip or a folder)",
    )  # fmt: skip
    parser.add_argument("--vault", metavar="VAULT", type=Path, help="ORIGINAL is an item's id in this vault")
    parser.add_argument(
        "--identity", metavar="KEY", action="append", default=[], help="an identity file or a share"
    )
    parser.add_argument(
        "--save-plan", metavar="PLAN", type=Path, help="write a vault's plan there, for a court"
    )


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    if options.escrow is not None and (options.vault is not None or options.plan is not None):
        raise UsageError("the plan is in the escrow: --vault and --plan are for other cases")
    if options.vault is options.escrow is None and (options.plan is None or options.copy is None):
        raise UsageError(
            "without a vault or an escrow the plan and the copy are files", "give --plan and --copy"
        )
    if options.save_plan is not None and options.vault is options.escrow is None:
        raise UsageError("--save-plan writes the plan of a copy in a vault or an escrow", "give --vault")
    if options.escrow is not None:
        given = _of_escrow(options)
        out.say(
            "the escrow is looked at by itself alone: whether it is the one that a release names, and "
            "of whose vault, says bearwitness-verify RELEASE --escrow PACKAGE --vault-key K"
        )
    else:
        given = _of_vault(options, out) if options.vault is not None else _of_files(options)
    with given as (original, source, plan, copy, container, build), Sandbox(TASKS) as sandbox:
        out.say("carrying out the plan again and comparing: about as long as redacting took")
        done = redo(sandbox, original, source, plan, container, copy)
        digest = _sha256(copy)
    data = {
        "verdict": done.verdict, "pictures": done.pictures, "worst": round(done.worst, 2),
        "worst_at": round(done.worst_at, 3), "why": list(done.why), "not_compared": list(done.left_out),
        "original_sha256": source.sha256, "plan_sha256": plan_text.digest(plan), "copy_sha256": digest,
        "made_by": build, "redone_by": __version__, "libraries": _libraries(),
    }  # fmt: skip
    out.result(data, _words(done, source, plan, digest, build))
    return EXIT_FAILED if done.verdict == OTHER else EXIT_DONE


Given = tuple[Bytes, Source, Plan, Bytes, str, str]


@contextlib.contextmanager
def _of_files(options: argparse.Namespace) -> Iterator[Given]:
    with contextlib.ExitStack() as stack:
        original = stack.enter_context(open_source(Path(options.original)))
        copy = stack.enter_context(open_source(options.copy))
        whole = source_of(_pieces(original))
        yield original, whole, read_plan(options.plan), copy, container_of(options.copy), ""


@contextlib.contextmanager
def _of_escrow(options: argparse.Namespace) -> Iterator[Given]:
    """Give the original as a file, and plan and copy out of an escrow that holds."""
    with contextlib.ExitStack() as stack:
        original = stack.enter_context(open_source(Path(options.original)))
        source = source_of(_pieces(original))
        wanted = None
        if options.copy is not None:
            with open_source(options.copy) as file:
                wanted = _sha256(file)
        one = stack.enter_context(escrowed(options.escrow, source, wanted))
        if options.save_plan is not None:
            write_new(options.save_plan, one.plan_bytes)
        yield original, source, one.plan, one.copy, container_of(Path(one.copy.name)), one.build


@contextlib.contextmanager
def _of_vault(options: argparse.Namespace, out: Output) -> Iterator[Given]:
    with opened(options, out) as at, contextlib.ExitStack() as stack:
        row = at.catalogue.find(options.original)
        at.ledger.frozen.refuse([row.item])
        wanted = None
        if options.copy is not None:
            with open_source(options.copy) as given:
                wanted = _sha256(given)
        found = [one for one in redactions_of(at.ledger, [row.item]) if wanted in (None, one.sha256)]
        if not found:
            raise RefusedError(
                f"the vault knows no such redacted copy of item {row.item} ({path_text(row.path)})"
            )
        one = found[-1]
        text = read_file(at.ledger, one, PLAN)
        if options.save_plan is not None:
            write_new(options.save_plan, text)
        plan = plan_text.read(text) if options.plan is None else read_plan(options.plan)
        copy = stack.enter_context(held_in_memory(read_copy(at.ledger, one), f"the copy of item {row.item}"))
        original, source = stack.enter_context(open_item(at.ledger, row))
        yield original, source, plan, copy, one.container, _build(one)


def _build(one: Redaction) -> str:
    return f"version {one.version} of the redaction"


def _pieces(source: Bytes) -> Iterator[bytes]:
    for at in range(0, source.size, _PIECE):
        wanted = min(_PIECE, source.size - at)
        yield os.pread(source.handed()[0][0], wanted, at) if source.read is None else source.read(at, wanted)


def _sha256(source: Bytes) -> str:
    whole = sha256()
    for piece in _pieces(source):
        whole.update(piece)
    return whole.hexdigest()


def _libraries() -> str:
    versions = av.library_versions
    return ", ".join(f"{name} {'.'.join(map(str, versions[name]))}" for name in sorted(versions))


def _words(done: Redone, source: Source, plan: Plan, copy: str, build: str) -> str:
    said = {
        "same bytes": "SAME BYTES: the plan, carried out on the original, gives this copy, byte for byte",
        "same pictures and sound": "SAME: the plan gives these pictures and this sound, in other bytes",
        "alike": "ALIKE: the plan gives this copy but for what two encodings of one picture differ by",
        "other": "OTHER: this copy does not follow from the original by this plan",
    }[done.verdict]
    lines = [said, *(f"  {reason}" for reason in done.why)]
    if done.pictures:
        lines.append(
            f"{plural(done.pictures, 'picture')} compared; they differ by {done.worst:.1f} of 255 at most, "
            f"in a square of 16 pixels, at {done.worst_at:.3f} s"
        )
    lines += [f"not compared: {what}" for what in done.left_out]
    lines += [
        f"original  {source.sha256}", f"plan      {plan_text.digest(plan)}", f"copy      {copy}",
        f"redone by bearwitness {__version__} ({_libraries()})"
        + (f"; made by {build}" if build else "; which build made it, bearwitness-verify says"),
    ]  # fmt: skip
    return "\n".join(lines)
