"""Show chosen items to somebody, with proof that they were sealed in this vault, saying nothing of the
others.

DEST is a folder, or one file if it ends in .zip. Of each item its bytes, size, SHA-256 and fate are
shown; more only if --reveal names it: path, mtime, stat, md5, xattrs, origin, tracks of items;
delivery.items (how many there are), delivery.time, delivery.bytes, delivery.note and so on of the
delivery. The files in a release are in the clear.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bearwitness.disclose.release import choose, release
from bearwitness.errors import UsageError
from bearwitness_verify import note
from bearwitness_verify.checkpoint import Checkpoint

from .options import add_identity, add_items, add_vault
from .output import EXIT_DONE, Output, plural
from .unlocking import Opened, opened

EXAMPLES = """
  bearwitness release for-the-court/ --vault vault --identity anna.key --item 5f3a9c… --reveal path,mtime
  bearwitness release press.zip --vault vault --identity anna.key --item 5f3a9c… --reveal delivery.items
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("destination", metavar="DEST", type=Path, help="a new folder, or a new .zip")
    add_vault(parser)
    add_identity(parser)
    add_items(parser, required=True)
    parser.add_argument(
        "--reveal", metavar="FIELDS", action="append", default=[], help="fields, with commas between"
    )
    parser.add_argument(
        "--checkpoint", metavar="FILE", type=Path, action="append", default=[],
        help="prove it in this checkpoint as well, which the recipient holds already",
    )  # fmt: skip


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    names = [name.strip() for text in options.reveal for name in text.split(",") if name.strip()]
    chosen = choose(names)
    with opened(options, out, writing=True) as at:
        known = [_known(at, path) for path in options.checkpoint]
        done = release(at.ledger, at.catalogue, options.destination, options.item, chosen, known, out.say)
    data = {
        "release": str(done.path),
        "release_sha256": done.statement_sha256,
        "items": done.items,
        "revealed": done.revealed,
        "vault_key": at.vault.config.key,
        "vault_fingerprint": at.vault.fingerprint,
    }
    out.result(
        data,
        f"released {plural(len(done.items), 'item')} to {done.path}\n"
        f"check it with: bearwitness-verify {done.path} --vault-key {at.vault.fingerprint}",
    )
    return EXIT_DONE


def _known(at: Opened, path: Path) -> Checkpoint:
    """Return a checkpoint of the vault's log, or of a kit's that was imported."""
    try:
        signed = note.parse(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} can not be read: {error.strerror}") from None
    checkpoint = Checkpoint.parse(signed.text)
    for log in (at.vault.log, *at.ledger.device_logs()):
        known = log.key.name == checkpoint.origin and checkpoint.size in log.note_sizes()
        if known and note.parse(log.note_bytes(checkpoint.size)).text == signed.text:
            return checkpoint
    raise UsageError(f"{path} is not a checkpoint of this vault's log, nor of a kit's")
