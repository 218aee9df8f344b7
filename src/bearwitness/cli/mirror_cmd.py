"""Copy the vault's ciphertext to another place: resumable, every file checked. Run it again to bring
the copy up to date; what was destroyed in the vault is destroyed there too. The signing key of this
machine is not copied.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bearwitness.keep.checking import total_bytes
from bearwitness.keep.mirroring import mirror
from bearwitness.vault.opening import open_vault_proper

from .options import add_vault
from .output import EXIT_DONE, Output, human_size, plural

EXAMPLES = """
  bearwitness mirror /media/usb/mirror --vault vault
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument(
        "destination", metavar="DEST", type=Path, help="the mirror: a new folder, or one made before"
    )
    add_vault(parser)


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    vault = open_vault_proper(options.vault)
    with vault.writing(), out.bar("mirroring", total_bytes(vault)) as progress:
        done = mirror(vault, options.destination, progress)
    data = {
        "mirror": done.mirror,
        "copied": done.copied,
        "bytes": done.copied_bytes,
        "removed": done.removed,
        "checkpoint": vault.log.note_bytes(vault.log.size).decode(),
    }
    gone = f", removed {plural(done.removed, 'destroyed pack')}" if done.removed else ""
    out.result(
        data,
        f"mirror {done.mirror} is up to date: copied {plural(done.copied, 'file')}, "
        f"{human_size(done.copied_bytes)}{gone}",
    )
    return EXIT_DONE
