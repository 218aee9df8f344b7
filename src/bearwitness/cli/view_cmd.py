"""Write out one file that was made of an item, to look at: the veiled copy (grey, blurred, without sound),
the clear one, or the reconstructed one of a video without an index. This is an act of its own: who looked at
what goes into the log, before anything is in the clear. The original comes with: bearwitness restore.

Begin with the veiled one. The file lies in the clear where you put it: delete it when you have seen it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bearwitness.errors import RefusedError, storage_error
from bearwitness.store.local import write_new
from bearwitness.triage.viewing import LEVELS, viewable
from bearwitness_verify.canonical import Json

from .options import add_identity, add_vault
from .output import EXIT_DONE, Output, human_size
from .unlocking import opened

EXAMPLES = """
  bearwitness view seen.mp4 --item 5f3a9c… --vault vault --identity anna.key
  bearwitness view seen.mp4 --item 5f3a9c… --level clear --by Anna --vault vault --identity anna.key
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("destination", metavar="DEST", type=Path, help="the file to write; must not exist")
    add_vault(parser)
    add_identity(parser)
    parser.add_argument("--item", metavar="ID", required=True, help="the item")
    parser.add_argument("--level", choices=LEVELS, default="veiled", help="which copy (usual: veiled)")
    parser.add_argument("--by", metavar="NAME", default="", help="who looks at it")


def run(options: argparse.Namespace, out: Output) -> int:
    """Run the verb; return its exit code."""
    if options.destination.exists():
        raise RefusedError(f"{options.destination} is there already", "choose another name")
    with opened(options, out, writing=True) as at:
        row = at.catalogue.find(options.item)
        found = viewable(at.ledger, at.catalogue, row, options.level)
        fields: dict[str, Json] = {
            "kind": "viewed", "items": [row.item], "level": options.level, "sha256": found.sha256,
        }  # fmt: skip
        if options.by:
            fields["by"] = options.by
        at.vault.append(fields)  # before anything is in the clear
        _write(options.destination, found.data)
    data = {
        "item": row.item, "level": options.level, "file": str(options.destination),
        "bytes": len(found.data), "sha256": found.sha256, "kind": found.suffix[1:],
    }  # fmt: skip
    size = human_size(len(found.data))
    text = f"{options.level} copy of item {row.item}, {size}, in the clear at {options.destination}"
    out.result(data, text)
    return EXIT_DONE


def _write(place: Path, data: bytes) -> None:
    """Write a file that was not there; raise StorageError, and then nothing of it is left in the clear."""
    try:
        write_new(place, data)
    except OSError as error:
        raise storage_error(error, str(place)) from error
