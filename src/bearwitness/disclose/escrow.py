"""The exact proofs of what a release shows in a form that tells less: made beside it, encrypted to a court.

They are a release of their own: of every item that is shown all fields, and of every redacted copy the
packets of the original in it and the plan by which it was made, so that a court with the original can do it
again. Nothing in it is clear that is not in the redacted copies. The release that goes out names its SHA-256
(docs/format.md, 11.7), so that it can be matched later.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from bearwitness_verify import archive

from .selection import Selection

REVEALED: Final = (
    "path", "size", "mtime", "stat", "sha256", "content", "tracks", "origin",
    "delivery.items", "delivery.time", "delivery.bytes",
)  # fmt: skip


@dataclass(frozen=True)
class Escrow:
    """Where the exact proofs go, and to which age recipients they are encrypted."""

    path: Path
    recipients: tuple[str, ...]


def exact_of(selection: Selection) -> Selection:
    """Return what goes into the escrow of `selection`."""
    items = [*selection.items, *selection.fields]
    items += [clip.item for clip in selection.clips]
    items += [said.item for said in selection.statements]
    items += [copy.item for copy in selection.copies]
    return Selection(fields=tuple(dict.fromkeys(items)), copies=selection.copies)


class _Hashing:
    """Takes the bytes of a file and keeps their hash alone."""

    def __init__(self) -> None:
        self.hash = sha256()

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        return len(data)


def digest_of(folder: Path) -> str:
    """Return the SHA-256 of the one archive that the release in `folder` can be."""
    sink = _Hashing()
    archive.write_zip(archive.FolderPackage(folder), sink)
    return sink.hash.hexdigest()
