"""Writes an export: whole or not at all, and never over something that is there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from bearwitness.errors import RefusedError, UsageError
from bearwitness_verify import archive

from .shown import Shown


@contextmanager
def fresh(destination: Path) -> Iterator[Path]:
    """Give a folder to write into; what is named like `destination` in it goes there in the end.

    Raises UsageError if `destination` is there already, or has no folder to stand in.
    """
    if os.path.lexists(destination):
        raise UsageError(f"{destination} is there already", "name a destination that does not exist yet")
    parent = destination.absolute().parent
    if not parent.is_dir():
        raise UsageError(f"there is no folder {parent}", "make it, or name another destination")
    with tempfile.TemporaryDirectory(prefix=".export-", dir=parent) as temporary:
        yield Path(temporary)
        made = Path(temporary) / destination.name
        if os.path.lexists(destination):
            raise UsageError(f"{destination} came to be meanwhile", "name another destination")
        made.rename(destination)


def copy_release(package: Path, shown: Shown, folder: Path) -> None:
    """Copy the release at `package` into `folder`; raise RefusedError unless it is what was verified."""
    folder.mkdir(parents=True)
    with archive.open_package(package) as opened:
        for file in shown.files:
            target = folder / file.name
            target.parent.mkdir(exist_ok=True)
            digest = sha256()
            with target.open("xb") as out:
                for piece in opened.pieces(file.name):
                    digest.update(piece)
                    out.write(piece)
                out.flush()
                os.fsync(out.fileno())
            if digest.hexdigest() != file.sha256:
                raise RefusedError(f"{file.name} changed while it was copied; nothing was written")


def write(path: Path, data: str | bytes) -> None:
    """Write a new file and see it onto the disk."""
    with path.open("xb") as out:
        out.write(data.encode("utf-8") if isinstance(data, str) else data)
        out.flush()
        os.fsync(out.fileno())
