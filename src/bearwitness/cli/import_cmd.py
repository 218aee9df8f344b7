"""Bring a field kit's deliveries and log into the vault. Every byte is checked on the way; the kit
stays as it is, so wipe it yourself once the vault is checked and mirrored.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bearwitness.keep.checking import total_bytes
from bearwitness.keep.importing import import_kit
from bearwitness.vault import keyring
from bearwitness.vault.opening import open_vault, open_vault_proper

from .options import add_identity, add_vault
from .output import EXIT_DONE, Output, plural
from .unlocking import unlock

EXAMPLES = """
  bearwitness import /media/stick/kit --vault vault --identity anna.key
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("kit", metavar="KIT", type=Path, help="the field kit")
    add_vault(parser)
    add_identity(parser)


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    vault, kit = open_vault_proper(options.vault), open_vault(options.kit)
    unlocked = unlock(vault, options.identity)
    keyring.require_vault(unlocked)
    with vault.writing(), out.bar("importing", total_bytes(kit)) as progress:
        imported = import_kit(vault, kit, unlocked, progress)
    unfinished = [key.parent.name for key in (kit.root / "runs").glob("[0-9a-f]*/key")]
    for run_id in unfinished:
        out.say(
            f"the kit holds an unfinished seal ({run_id}): finish it on the kit, then import again, "
            "or close it as it is with: bearwitness seal --finish --vault KIT"
        )
    if imported is None:
        out.result({"deliveries": [], "unfinished": unfinished}, "there is nothing new in this kit")
        return EXIT_DONE
    data = {
        "device": imported.device,
        "deliveries": imported.deliveries,
        "entries": imported.entries,
        "checkpoint": vault.log.note_bytes(vault.log.size).decode(),
        "unfinished": unfinished,
    }
    names = "".join(f"\ndelivery     {name}" for name in imported.deliveries)
    out.result(
        data,
        f"imported {len(imported.deliveries)} of the kit's deliveries and "
        f"{plural(imported.entries, 'entry').replace('entrys', 'entries')} of its log{names}",
    )
    return EXIT_DONE
