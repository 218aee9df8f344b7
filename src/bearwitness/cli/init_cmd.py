"""Make a vault: a folder that takes in sealed deliveries, and a log that nobody can rewrite unnoticed.

Whoever holds one of the identities behind --recipient can open everything; with --threshold K, only
K of them together. Make identities with: bearwitness keys new. Source keepers alone can open the
quarantine, where a drive's traces of the person who carried it go; name people who know the source
anyway.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bearwitness.vault.founding import Keepers, found

from .output import EXIT_DONE, Output

EXAMPLES = """
  bearwitness init /media/usb/vault --recipient age1q… --recipient age1x…
  bearwitness init vault --recipient age1a… --recipient age1b… --recipient age1c… --threshold 2
  bearwitness init vault --recipient age1q… --source-keeper age1s…
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument(
        "vault", metavar="VAULT", type=Path, help="where to make it; must not exist or be empty"
    )
    parser.add_argument(
        "--recipient", metavar="age1…", action="append", default=[], required=True,
        help="a keeper's public key (repeatable); age and SSH keys are understood",
    )  # fmt: skip
    parser.add_argument(
        "--threshold",
        metavar="K",
        type=int,
        default=1,
        help="how many keepers must open it together (default: 1)",
    )
    parser.add_argument(
        "--source-keeper", metavar="age1…", action="append", default=[],
        help="who can open the quarantine (default: the keepers)",
    )  # fmt: skip
    parser.add_argument(
        "--origin", metavar="NAME", default="",
        help="public name of the log (default: random; it is seen by everyone who gets a release)",
    )  # fmt: skip
    parser.add_argument("--note", metavar="TEXT", default="", help="a note for the log, encrypted")


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    keepers = Keepers(options.recipient, options.threshold, options.source_keeper)
    vault = found(options.vault, keepers, options.origin, options.note)
    if not options.source_keeper:
        out.say(
            "no --source-keeper was named: what a drive betrays of its source will be open to all keepers"
        )
    if len(set(options.recipient)) == 1:
        out.say(
            "there is one keeper only: a lost key loses all, and destroying, which needs two, is not possible"
        )
    data = {
        "vault": str(options.vault),
        "vault_key": vault.config.key,
        "vault_fingerprint": vault.fingerprint,
        "recipient": vault.config.recipient,
        "checkpoint": vault.log.note_bytes(1).decode(),
    }
    out.result(
        data,
        f"vault        {options.vault}\n"
        f"key          {vault.config.key}\n"
        f"fingerprint  {vault.fingerprint}\n\n"
        "Write the fingerprint down and publish it where others can find it without you: whoever gets a\n"
        "release checks it against that.",
    )
    return EXIT_DONE
