"""Look at everything in the vault, so that nobody must: what each file is, what it says of itself, what text
it holds. Every result is a derivative, encrypted like the file it is made of, and stands in the log. Run it
again to go on after an interruption; what was done is not done again.

Before the first triage of a delivery a short signed note is entered: for what purpose, what the danger is,
on what legal basis, who may see. Give it with --note-purpose and the others, or be asked.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from bearwitness.errors import UsageError
from bearwitness.machine import worker_count
from bearwitness.sandbox import status
from bearwitness.triage import early, registry

from .note import NOTE, NOTE_OPTIONS
from .options import add_identity, add_vault
from .output import Output

EXAMPLES = """
  bearwitness triage --vault vault --identity anna.key \\
      --note-purpose "who gave the orders in block 4" --note-danger "guards may recognise who filmed" \\
      --note-legal-basis "mandate of the families, 3 March" --note-who "Anna, Ben"
  bearwitness triage --vault vault --identity anna.key --only document --only metadata
"""
ENGINES: Final = ("local",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    add_vault(parser)
    add_identity(parser)
    kinds = ", ".join([*registry.ANALYSERS, *registry.OPTIONAL])
    parser.add_argument(
        "--only", metavar="KIND", action="append", default=[], help=f"only this (repeatable): {kinds}"
    )
    parser.add_argument("--delivery", metavar="ID", default="", help="only this delivery (or its beginning)")
    parser.add_argument("--engine", choices=ENGINES, default="local", help="where the work is done")
    parser.add_argument("--workers", metavar="N", type=int, default=worker_count(), help="worker processes")
    parser.add_argument(
        "--models",
        metavar="DIR",
        type=Path,
        help="a folder of models to use instead (default: VAULT/local/models)",
    )
    parser.add_argument(
        "--thorough",
        action="store_true",
        help="look at videos over a minute frame by frame as well, not only at their key frames: slow",
    )
    parser.add_argument("--again", action="store_true", help="also what failed before")
    for name, question in NOTE.items():
        parser.add_argument(
            f"--note-{NOTE_OPTIONS[name]}", metavar="TEXT", dest=name, default="", help=question
        )
    parser.add_argument(
        "--accept-weak-sandbox",
        action="store_true",
        help="go on although this machine lacks a layer of the sandbox",
    )


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    if options.workers < 1:
        raise UsageError("--workers must be at least 1")
    weak = options.accept_weak_sandbox
    lacking = status.require(accept_weak=weak).lacking
    for phrase in lacking:
        out.say(f"WARNING: WEAK SANDBOX: {phrase}")
    own = options.vault / "local" / "models"
    models = options.models or (own if own.is_dir() else None)
    with early.begin(options.only, brought=models is not None, accept_weak=weak) as begun:
        from .triaging import run_triage

        return run_triage(options, out, models, begun, lacking)
