"""The command ``bearwitness``: finds the verb, runs it, turns errors into sentences and exit codes."""

from __future__ import annotations

import argparse
import atexit
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Final, NoReturn

from bearwitness import __version__
from bearwitness.errors import BearwitnessError, UsageError, storage_error
from bearwitness.machine import keep_off_the_disk

from .output import EXIT_DONE, EXIT_FAILED, Output, show_error

atexit.register(gc.freeze)  # what is left at the end is not looked through for rubbish: it takes a while

VERBS: Final = {
    "init": "make a vault",
    "kit": "make a field kit, which seals and can not decrypt",
    "seal": "take in a drive, a folder, a file or a disk image",
    "import": "bring a field kit's deliveries into the vault",
    "list": "show deliveries and items, and what was unreadable",
    "log": "show the custody chain",
    "check": "check that nothing was altered, lost or put back",
    "rebuild": "build the catalogue anew from the log",
    "restore": "write sealed files out again",
    "redact": "hide faces, regions and voices in a file, and attack the result",
    "redo": "do a redaction again, for whoever has the original, and compare",
    "trace": "ask a file that leaked whose redacted copy it is",
    "release": "show chosen items to somebody, with proof",
    "still": "choose a frame, to be shown with proof, regions of it hidden",
    "triage": "look at everything, so that nobody must",
    "find": "find items by words, kind, faces, sensitivity, clock",
    "similar": "show which items are copies of which",
    "clocks": "put all recorders' clocks on one time, tell what contradicts",
    "repair": "make a playable copy of a video that lost its index",
    "view": "write out a copy made of an item, to look at",
    "faces": "show groups of faces that may be of one person, or destroy the prints",
    "freeze": "stop key for a suspected minor: nobody sees it any more",
    "thaw": "let frozen items be used again; two people are needed",
    "authorise": "allow faces to be grouped for a case; two people are needed",
    "destroy": "destroy items for good; two people are needed",
    "mirror": "copy the ciphertext to another place",
    "stamp": "have the log stamped by a time-stamping authority",
    "cosign": "have the log seen by somebody else, or be that one",
    "people": "register who signs approvals, consents and receipts",
    "request": "write down exactly what is to be released",
    "risk": "report what a release says about who supplied it",
    "approve": "approve a release request with your own key",
    "consent": "record what people on an item agreed to",
    "receipt": "sign or enter that a release was received",
    "export": "write a release in forms that others read",
    "keys": "make, wrap, split, combine and rotate keys",
}

_RESUMED: Final = frozenset({"seal", "triage", "mirror"})
_EXIT_CODES: Final = """\
exit codes: 0 done, 1 failed or refused, 2 called wrongly, 3 done with losses (all are listed)"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview())
        return EXIT_DONE if words else UsageError.exit_code
    if words[0] == "--version":
        print(f"bearwitness {__version__}")
        return EXIT_DONE
    keep_off_the_disk()
    try:
        return _run(words)
    except BearwitnessError as error:
        show_error(error)
        return error.exit_code
    except BrokenPipeError:
        raise
    except OSError as error:
        place = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else "a file"
        show_error(storage_error(error, place))
        return EXIT_FAILED
    except KeyboardInterrupt:
        again = "run the same command to go on" if words[0] in _RESUMED else "run the same command again"
        print(
            f"\nbearwitness: interrupted; nothing half done counts, what was acknowledged is safe: {again}",
            file=sys.stderr,
        )
        return EXIT_FAILED


def _run(words: list[str]) -> int:
    verb = words[0]
    if verb not in VERBS:
        import difflib  # not above: nobody else waits for it

        near = difflib.get_close_matches(verb, VERBS, 1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"there is no command {verb!r}", f"{meant}see: bearwitness --help")
    module = _module(verb)
    parser = Parser(
        prog=f"bearwitness {verb}",
        description=module.__doc__,
        epilog=f"examples:\n{module.EXAMPLES.rstrip()}\n\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    options = parser.parse_args(words[1:])
    return int(module.run(options, Output(as_json=options.json)))


def _module(verb: str) -> ModuleType:
    try:
        return importlib.import_module(f"bearwitness.cli.{verb}_cmd")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("bearwitness"):
            raise
        raise BearwitnessError(
            f"{verb} needs the package {error.name.partition('.')[0]}, which is not installed",
            "install what triage needs: pip install 'bearwitness[media]'",
        ) from None


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are ours."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of leaving the program."""
        raise UsageError(message, f"see: {self.prog} --help")


def _overview() -> str:
    width = max(map(len, VERBS))
    lines = [f"  {verb:<{width}}  {what}" for verb, what in VERBS.items()]
    return "\n".join(
        [
            "bearwitness: seal a drive of leaked footage, release part of it, let anyone verify it",
            "",
            "usage: bearwitness COMMAND …        (bearwitness COMMAND --help tells more, with examples)",
            "",
            *lines,
            "",
            "A release is checked with the separate command bearwitness-verify.",
            _EXIT_CODES,
        ]
    )


def entry() -> None:
    """Run as a program."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stderr.close()
        os._exit(EXIT_FAILED)
    sys.stderr.flush()
    # Nothing is left to be written, and taking a catalogue or a journal of many items apart takes a second.
    os._exit(code)


if __name__ == "__main__":
    entry()
