"""Take in a source: read it once, encrypt it, commit to every file, enter it in the log. Needs no key
that decrypts.

SOURCE is a folder (a mounted drive: a logical copy), a file, a block device or a disk image (raw,
E01). It is never written to. A device or image is read twice and compared; its image goes to the
source keepers' quarantine, its live files become the evidence. Interrupted at any moment, the same
command goes on where it stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bearwitness.errors import UsageError
from bearwitness.seal.early import begin_index_sandbox

from .options import add_vault
from .output import Output

EXAMPLES = """
  bearwitness seal /media/drive --vault vault
  bearwitness seal /media/drive --vault kit --by Anna --bag 0417 --note "handed over in Lyon" --card card.html
  bearwitness seal /dev/sdb --vault kit --write-blocker "Tableau T8u, serial 01D2"
  bearwitness seal drive.E01 --vault vault --instalment 2/3 --late "copied by a relative in March"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("source", metavar="SOURCE", type=Path, nargs="?", help="what to take in")
    add_vault(parser, help_text="the vault or field kit to seal into")
    form = parser.add_argument_group("the custody form (all encrypted)")
    form.add_argument("--by", metavar="NAME", default="", help="who seals")
    form.add_argument("--note", metavar="TEXT", default="", help="anything to remember")
    form.add_argument(
        "--late", metavar="TEXT", default="", help="who handled it before it was sealed, and how"
    )
    form.add_argument("--bag", metavar="NUMBER", default="", help="number of the evidence bag")
    form.add_argument(
        "--photograph", metavar="TEXT", action="append", default=[], help="a photograph taken of it"
    )
    form.add_argument("--handler", metavar="TEXT", action="append", default=[], help="who had it before")
    form.add_argument(
        "--transfer", metavar="TEXT", action="append", default=[], help="from whom to whom, when"
    )
    form.add_argument("--storage", metavar="TEXT", default="", help="where the drive is kept")
    form.add_argument("--instalment", metavar="N/M", default="", help="this is part N of M (M may be ?)")
    form.add_argument("--card", metavar="FILE", type=Path, help="write a custody card (HTML) to print")
    parser.add_argument(
        "--md5", action="store_true", help="also compute MD5, for registries that know no other"
    )
    parser.add_argument(
        "--as", dest="kind", choices=["file", "image"], help="take a file as it is, or as a disk image"
    )
    parser.add_argument(
        "--write-blocker", metavar="TEXT", default="", help="the write blocker used with a device"
    )
    parser.add_argument(
        "--recover-deleted", action="store_true",
        help="a source keeper asks for it: recover deleted files too, into the quarantine",
    )  # fmt: skip
    parser.add_argument(
        "--finish", action="store_true", help="close an unfinished seal as it is, without the source"
    )
    parser.add_argument(
        "--accept-weak-sandbox", action="store_true", help="go on where the kernel can not lock parsers"
    )


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    if (options.source is None) != options.finish:
        raise UsageError("say what to seal" if options.source is None else "--finish takes no SOURCE")
    with begin_index_sandbox(accept_weak=options.accept_weak_sandbox) as sandbox:
        from .sealing import run_seal

        return run_seal(options, out, sandbox)
