"""Gathers what the walk finds into batches, each of which becomes one part of the delivery."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from bearwitness.store.packs import PACK_BYTES

from .journal import Run
from .serving import Batch
from .walk import FILE, FOLDER, NOT_WHOLE, Found

NAMES_MAX: Final = 1024  # of a batch: keeps a part's manifest small and its acknowledgement near


class Batcher:
    """Turns found names into batches; keeps hard links back until their first name is sealed."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._first: dict[tuple[int, int], str | None] = {}
        self._broken: set[tuple[int, int]] = set()  # whose first name was not read whole
        self._links: list[Found] = []
        self.skipped = 0  # sealed by an earlier session of this run

    def batches(self, found: Iterable[Found]) -> Iterator[Batch]:
        """Yield batches of what is not sealed yet; a large file is a batch of its own."""
        batch: Batch = []
        size = 0
        for name in found:
            if name.type == "excluded" or not self._wanted(name):
                continue
            if name.size >= PACK_BYTES:
                yield [(name, None)]
                continue
            batch.append((name, None))
            size += name.size
            if size >= PACK_BYTES or len(batch) >= NAMES_MAX:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _wanted(self, name: Found) -> bool:
        if name.inode is not None and name.type == FILE:
            if name.inode in self._first:
                self._links.append(name)
                return False
            self._first[name.inode] = None
        if name.type != FOLDER and self._run.is_done(name.tag):
            if name.inode is not None:
                self._first[name.inode] = self._run.item_of(name.tag)
            self.skipped += 1
            return False
        return True

    def sealed(
        self, inodes: Iterable[tuple[tuple[int, int], bytes, bool]], item_id: Callable[[bytes], str]
    ) -> None:
        """Learn the items of files that have several names."""
        for inode, leaf, whole in inodes:
            self._first[inode] = item_id(leaf)
            if not whole:
                self._broken.add(inode)

    def link_batches(self) -> Iterator[Batch]:
        """Yield the further names of files, once all first names are sealed."""
        links: Batch = []
        for name in self._links:
            if name.inode is None or self._run.is_done(name.tag):
                continue
            broken = name.inode in self._broken
            links.append((name._replace(reason=NOT_WHOLE) if broken else name, self._first[name.inode]))
            if len(links) >= NAMES_MAX:
                yield links
                links = []
        if links:
            yield links
