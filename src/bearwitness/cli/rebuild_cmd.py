"""Throw the catalogue away and build it anew from the log and the manifests."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bearwitness.catalogue.catalogue import discard
from bearwitness.vault.opening import open_vault_proper

from .options import add_identity, add_vault
from .output import EXIT_DONE, Output, plural
from .unlocking import opened, unlock

EXAMPLES = """
  bearwitness rebuild --vault vault --identity anna.key
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    add_vault(parser)
    add_identity(parser)


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    vault = open_vault_proper(options.vault)
    unlock(vault, options.identity)
    with _replaced(vault.local / "catalogue.db"), opened(options, out) as at:
        items = sum(1 for _ in at.catalogue.items())
        deliveries, gone = len(at.catalogue.deliveries()), len(at.catalogue.tombstones())
    data = {"deliveries": deliveries, "items": items, "tombstones": gone}
    out.result(
        data, f"rebuilt: {deliveries} deliveries, {plural(items, 'item')}, {plural(gone, 'tombstone')}"
    )
    return EXIT_DONE


@contextmanager
def _replaced(path: Path) -> Iterator[None]:
    """Have no catalogue at `path`, unless no new one comes: where packs are lost, the old one shows the rest.

    It is kept in memory meanwhile, so that a crash leaves nothing of it that a destruction would not find.
    """
    old = path.read_bytes() if path.exists() else b""
    discard(path)
    try:
        yield
    except BaseException:
        if old:
            discard(path)
            path.write_bytes(old)
        raise
