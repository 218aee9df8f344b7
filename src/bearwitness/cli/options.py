"""Options that several verbs share, and asking people for secrets."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from bearwitness.errors import KeyUnlockError, UsageError

VAULT_HELP = "the vault (a folder)"
IDENTITY_HELP = "an identity file, a file with a share, or - to be asked; repeat it where several are needed"


def add_vault(parser: argparse.ArgumentParser, *, help_text: str = VAULT_HELP) -> None:
    """Add --vault."""
    parser.add_argument("--vault", metavar="VAULT", required=True, type=Path, help=help_text)


def add_identity(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add --identity."""
    parser.add_argument(
        "--identity", metavar="KEY", action="append", required=required, default=[], help=IDENTITY_HELP
    )


def add_items(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Add --item."""
    parser.add_argument(
        "--item", metavar="ID", action="append", required=required, default=[],
        help="an item's id or its beginning, as shown by: bearwitness list (repeatable)",
    )  # fmt: skip


def add_quarantine(parser: argparse.ArgumentParser) -> None:
    """Add --quarantine."""
    parser.add_argument(
        "--quarantine",
        action="store_true",
        help="what is kept apart for source keepers, instead of the evidence",
    )


def require_package(path: Path) -> None:
    """Raise UsageError for what can be no release: it is not there, or still encrypted."""
    from bearwitness_verify.archive import mistaken  # not above: most commands take no release

    wrong = mistaken(path)
    if wrong:
        raise UsageError(wrong)


def ask(prompt: str) -> str:
    """Ask a person for something secret; without a terminal, read a line of standard input."""
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        if not line:
            raise KeyUnlockError("there is nobody to ask, and nothing came on standard input")
        return line.rstrip("\n")
    return getpass.getpass(prompt)


def ask_openly(question: str) -> str:
    """Ask a person at the terminal for something that is no secret."""
    print(f"{question} ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def path_text(path: bytes) -> str:
    """Return a path for JSON: undecodable bytes as lone surrogates, as Python writes them."""
    return os.fsdecode(path)
