"""Looks at all of an image at once, as no product code does."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bearwitness.images.disk_image import RAW, DiskImage, Medium, Trouble
from bearwitness.images.model import FOLDER, Entry, Hole
from bearwitness.sandbox.client import Sandbox
from bearwitness.sandbox.limits import Limits

# Small, so that a file that hangs the parser does not hang the test for long.
LIMITS = Limits(cpu_seconds=10, wall_seconds=60.0, memory_bytes=512 << 20, answer_bytes_max=64 << 20)
FOLDERS_MAX = 10_000


@dataclass
class Found:
    """All entries of an image by path, with the number of the volume before it, and what was not listed."""

    entries: dict[bytes, Entry] = field(default_factory=dict)
    troubles: list[tuple[bytes, str]] = field(default_factory=list)


@contextlib.contextmanager
def opened(sandbox: Sandbox, *paths: Path, form: str = RAW) -> Iterator[DiskImage]:
    """Give the image in the files at `paths`."""
    files = [os.open(path, os.O_RDONLY) for path in paths]
    try:
        with DiskImage(sandbox, Medium(files, form), LIMITS) as image:
            yield image
    finally:
        for file in files:
            os.close(file)


def everything(image: DiskImage, *, deleted: bool = False) -> Found:
    """Return all that is in an image; folders are entered once."""
    found = Found()
    for volume in image.layout().volumes:
        if not volume.file_system:
            continue
        pending, seen = [(b"%d/" % volume.number, volume.root)], {volume.root}
        while pending and len(seen) < FOLDERS_MAX:
            path, address = pending.pop()
            for entry in image.entries(volume.number, address, deleted=deleted):
                if isinstance(entry, Trouble):
                    found.troubles.append((path, entry.reason))
                    continue
                full = path + entry.name
                assert full not in found.entries, f"{full!r} is listed twice"
                found.entries[full] = entry
                if entry.type == FOLDER and entry.place.address not in seen:
                    seen.add(entry.place.address)
                    pending.append((full + b"/", entry.place.address))
    return found


def content(image: DiskImage, entry: Entry) -> bytes:
    """Return the bytes of a file, which must be whole."""
    data, holes = content_and_holes(image, entry)
    assert holes == []
    return data


def content_and_holes(image: DiskImage, entry: Entry) -> tuple[bytes, list[Hole]]:
    """Return the bytes of a file and what is wrong with them."""
    data = bytearray(entry.size)
    holes = image.fill(entry.place, memoryview(data), 0)
    return bytes(data), holes
