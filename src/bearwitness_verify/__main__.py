"""The command ``bearwitness-verify``: every finding, then one verdict. Offline, reads only."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__, anchors
from .archive import mistaken
from .errors import BearwitnessError
from .escrow import check_escrow
from .report import Report, Verdict, printable
from .verify import verify

_EPILOG = """\
examples:
  bearwitness-verify release/
      is the package consistent in itself? (exit 4: nobody vouches for the vault)
  bearwitness-verify release.zip --vault-key bearwitness/3f…+0a1b2c3d+AQ…
      was it sealed in the vault whose key I was given elsewhere?
  bearwitness-verify release/ --vault-key vault.key --cosigner cosigner.key --tsa-root roots.pem

exit codes: 0 verified against what you gave, 1 refused, 2 called wrongly, 4 consistent only
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    for given in (options.package, options.escrow):
        wrong = None if given is None else mistaken(Path(given))
        if wrong:
            print(printable(f"bearwitness-verify: {wrong}", sys.maxsize), file=sys.stderr)
            return 2
    try:
        known = anchors.load(options.vault_key, options.cosigner, options.checkpoint, options.tsa_root)
        report = verify(Path(options.package), known)
        if options.escrow is not None:
            check_escrow(Path(options.package), options.escrow, known, report)
    except BearwitnessError as error:
        print(printable(f"bearwitness-verify: {error.message}", sys.maxsize), file=sys.stderr)
        return error.exit_code
    print(_as_json(report) if options.json else _as_text(report))
    return int(report.verdict)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bearwitness-verify",
        description="Check a Bearwitness release, offline, trusting nobody but whom you choose.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("package", metavar="PACKAGE", help="a release: a folder or a .zip")
    parser.add_argument(
        "--vault-key", metavar="K", action="append", default=[],
        help="the vault's key or fingerprint, or a file that holds it, got from a place you trust",
    )  # fmt: skip
    parser.add_argument(
        "--cosigner", metavar="K", action="append", default=[],
        help="the key of a cosigner you trust (repeatable; all must have cosigned)",
    )  # fmt: skip
    parser.add_argument(
        "--checkpoint", metavar="FILE", action="append", default=[],
        help="a checkpoint of the vault that you got elsewhere (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--tsa-root", metavar="PEM", action="append", default=[],
        help="root certificates of time-stamping authorities you trust (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--escrow", metavar="FILE", type=Path,
        help="the decrypted escrow of this release (a .zip): is it the one named, and does it hold?",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument("--version", action="version", version=f"bearwitness-verify {__version__}")
    return parser


def _as_text(report: Report) -> str:
    lines = [finding.line() for finding in report.findings]
    return "\n".join([*lines, "", report.verdict_text])


def _as_json(report: Report) -> str:
    return json.dumps(
        {
            "findings": [finding.__dict__ for finding in report.findings],
            "verdict": Verdict(report.verdict).name.lower().replace("_", " "),
        },
        indent=2,
    )


def entry() -> None:
    """Run as a program."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # what its encoding lacks must not end us with 1, "refused"
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        sys.exit(main())
    except BrokenPipeError:
        sys.exit(1)


if __name__ == "__main__":
    entry()
