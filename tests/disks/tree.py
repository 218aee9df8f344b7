"""What is put on a disk: files with content and times, folders, deleted files."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

MOMENT = datetime(2024, 3, 17, 22, 41, 58, tzinfo=UTC)
SECOND = 1_000_000_000
SEED = 20_240_317


def ns(moment: datetime, nanoseconds: int = 0) -> int:
    """Return a time in nanoseconds."""
    return int(moment.timestamp()) * SECOND + nanoseconds


@dataclass
class Node:
    """A file (with content) or a folder (with children)."""

    name: str
    content: bytes | None = None
    children: list[Node] = field(default_factory=list)
    deleted: bool = False
    short: bytes | None = None  # FAT: eleven bytes of short name, without a long one
    modified: datetime = MOMENT
    zone_minutes: int | None = None  # exFAT: the zone its times were written with
    valid: int | None = None  # exFAT: bytes after these were never written
    scattered: bool = False  # its clusters do not follow one another
    attributes: int = 0x20

    @property
    def is_folder(self) -> bool:
        return self.content is None


def each_file(nodes: list[Node], folder: str = "") -> Iterator[tuple[str, Node]]:
    """Yield all files that are not deleted, with their paths."""
    for node in nodes:
        path = f"{folder}/{node.name}" if folder else node.name
        if node.deleted:
            continue
        if node.is_folder:
            yield from each_file(node.children, path)
        else:
            yield path, node


def noise(size: int, seed: int = SEED) -> bytes:
    """Return bytes that compress to nothing smaller and occur nowhere else."""
    return random.Random(seed).randbytes(size)


def odd_names(corpus: Path, *, forbidden: str = "", longest: int = 255) -> list[str]:
    """Return the odd names of the corpus that a file system can hold."""
    listed = json.loads((corpus / "damaged/odd-names.json").read_text("utf-8"))["names"]
    names = [entry["name"] for entry in listed if "name" in entry]
    return [
        name
        for name in names
        if not any(letter in forbidden or ord(letter) < 32 for letter in name)
        and len(name.encode("utf-16-le")) // 2 <= longest
        and name == name.rstrip(" .")
    ]
