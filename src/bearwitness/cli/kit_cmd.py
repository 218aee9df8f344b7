"""Make a field kit: a folder to seal with, away from the vault. It holds the vault's public key and a
signing key of its own, and nothing that decrypts. What it sealed is brought home with: bearwitness
import.

With --revoke, declare a kit lost: what its log grows beyond the last import is refused from then
on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bearwitness.errors import UsageError
from bearwitness.vault.founding import make_kit
from bearwitness.vault.opening import open_vault_proper

from .options import add_identity, add_vault
from .output import EXIT_DONE, Output

EXAMPLES = """
  bearwitness kit /media/stick/kit --vault vault --label "Anna's laptop"
  bearwitness kit --revoke bearwitness/3f…/0a1b2c3d --vault vault --identity anna.key --ground "stolen"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("kit", metavar="KIT", type=Path, nargs="?", help="where to make it")
    add_vault(parser)
    parser.add_argument(
        "--label", metavar="TEXT", default="", help="whose or what it is, encrypted in the log"
    )
    parser.add_argument(
        "--revoke", metavar="NAME", default="", help="revoke the kit with this log name instead"
    )
    parser.add_argument("--ground", metavar="TEXT", default="", help="why it is revoked")
    add_identity(parser, required=False)


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    vault = open_vault_proper(options.vault)
    if options.revoke:
        return _revoke(options, out)
    if options.kit is None:
        raise UsageError("say where to make the kit")
    kit = make_kit(options.kit, vault, options.label)
    data = {
        "kit": str(options.kit),
        "device": kit.config.key,
        "origin": kit.config.origin,
        "vault_fingerprint": vault.fingerprint,
    }
    out.result(
        data,
        f"kit          {options.kit}\nname         {kit.config.origin}\n"
        f"fingerprint  {vault.fingerprint}  (of the vault; compare it when you seal)",
    )
    return EXIT_DONE


def _revoke(options: argparse.Namespace, out: Output) -> int:
    from bearwitness.keep.revoking import revoke

    from .unlocking import unlock

    vault = open_vault_proper(options.vault)
    unlocked = unlock(vault, options.identity)
    with vault.writing():
        size = revoke(vault, unlocked, options.revoke, options.ground)
    out.result(
        {"revoked": options.revoke, "accepted_entries": size},
        f"{options.revoke} is revoked; its first {size} entries stay accepted, later ones are refused",
    )
    return EXIT_DONE
