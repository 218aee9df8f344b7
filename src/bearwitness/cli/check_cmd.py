"""Check that nothing in a vault was altered, lost, exchanged or put back to an older state.

Without --identity: log, checkpoints, stamps, and that every file and pack is the one the log speaks
of. With it also that everything opens and that every byte of every item is the one that was sealed.
--since takes a checkpoint that you kept elsewhere (log/vault/checkpoint at the time) and notices
when the whole vault was put back.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bearwitness.errors import UsageError
from bearwitness.keep.checking import CheckOptions, check, total_bytes
from bearwitness.vault.opening import open_vault

from .options import add_identity, add_vault
from .output import EXIT_DONE, EXIT_FAILED, Output
from .unlocking import unlock

EXAMPLES = """
  bearwitness check --vault vault
  bearwitness check --vault vault --identity anna.key --since checkpoint-of-march.txt
  bearwitness check --vault vault --identity anna.key --deep
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    add_vault(parser, help_text="the vault, a mirror of it, or a field kit")
    add_identity(parser, required=False)
    parser.add_argument(
        "--since", metavar="CHECKPOINT", type=Path, help="a checkpoint that the log must continue"
    )
    parser.add_argument(
        "--tsa-root", metavar="PEM", action="append", default=[],
        help="roots of time-stamping authorities: all stamps must be by one below them",
    )  # fmt: skip
    parser.add_argument(
        "--deep",
        action="store_true",
        help="also compute SHA-256 and MD5 of every file again (needs --identity)",
    )


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    if options.deep and not options.identity:
        raise UsageError("--deep needs --identity")
    vault = open_vault(options.vault)
    unlocked = unlock(vault, options.identity) if options.identity else None
    settings = CheckOptions(deep=options.deep)
    if options.tsa_root:
        from bearwitness_verify import anchors

        settings.roots = anchors.load((), (), (), options.tsa_root).roots
    if options.since:
        try:
            settings.since = options.since.read_bytes()
        except OSError as error:
            raise UsageError(f"{options.since} can not be read: {error.strerror}") from None
    with out.bar("checking", total_bytes(vault)) as progress:
        findings = check(vault, unlocked, settings, progress)
    data = {
        "ok": not findings.problems,
        "problems": findings.problems,
        "notes": findings.notes,
        "checked": findings.checked,
        "vault_fingerprint": vault.fingerprint,
    }
    counts = ", ".join(f"{number:,} {kind}" for kind, number in findings.checked.items())
    lines = [f" x  {text}" for text in findings.problems] + [f" -  {text}" for text in findings.notes]
    verdict = (
        "NOT AS IT MUST BE: see the lines marked with an x" if findings.problems else "all is as it must be"
    )
    lines += [f"checked: {counts}", verdict]
    if unlocked is None:
        lines.append("(without --identity: that it opens, and what is in it, was not checked)")
    out.result(data, "\n".join(lines))
    return EXIT_FAILED if findings.problems else EXIT_DONE
