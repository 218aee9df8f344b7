"""Writes the packs of a part again under new identities: for destroying, and for setting items apart."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from bearwitness.crypto import age
from bearwitness.crypto.padding import padded_length
from bearwitness.custody import items as commitments
from bearwitness.custody.items import Extent
from bearwitness.store.directfile import DiskWriter
from bearwitness.store.packs import PACK_BYTES, PackWriter, pack_path
from bearwitness.vault.change import Change
from bearwitness.vault.delivery import (
    ZERO,
    Folder,
    OpenDelivery,
    Part,
    Record,
    Tombstone,
    encode_keys,
)
from bearwitness.vault.ledger import DeliveryRecord
from bearwitness.vault.vault import digest_of
from bearwitness_verify import canonical

Line = Record | Folder | Tombstone


def leaf_of(record: Record) -> bytes:
    """Return the leaf hash of an item."""
    return commitments.commit(record.values, record.secret)


def earlier_attempts(
    opened: OpenDelivery, record: DeliveryRecord, leaves: Collection[bytes]
) -> dict[bytes, bytes]:
    """Return earlier attempts at the names of `leaves`, dropped at closing: attempt's leaf to item's leaf."""
    if not record.dropped:
        return {}
    records = [line for line in opened.all_lines() if isinstance(line, Record)]
    paths = {line.path: leaf for line in records if (leaf := leaf_of(line)) in leaves}
    return {
        leaf: paths[line.path]
        for line in records
        if line.path in paths and (leaf := leaf_of(line)) in record.dropped
    }


class PartRewriter:
    """Writes the packs of one part again: without what is to go, or with items in packs of their own."""

    def __init__(self, opened: OpenDelivery, number: int, change: Change) -> None:
        self._opened, self._number, self._change = opened, number, change
        self._writer = PackWriter(change.pack_folder(), DiskWriter())
        self.count = 0

    def rewrite(self, lines: Iterable[Line], doomed: set[bytes], tombs: set[bytes]) -> Part:
        """Return the part as it is to be; old packs and keys go with the change."""
        keep: list[Line] = []
        gone_packs: set[str] = set()
        for line in lines:
            if isinstance(line, Record) and (leaf := leaf_of(line)) in doomed:
                gone_packs |= {name for name, _, _ in (*line.extents, *line.index) if name != ZERO}
                if leaf in tombs:
                    keep.append(Tombstone(leaf))
            else:
                keep.append(line)
        old = self._opened.descriptor.parts[self._number]
        stale = [name for name in old.packs if name in gone_packs or self._has_remains(name, keep)]
        moved = self._move(stale, keep)
        return self._finish_with(old, stale, keep, moved)

    def set_apart(self, lines: Iterable[Line], apart: set[bytes]) -> tuple[Part, dict[bytes, list[str]]]:
        """Give each item of `apart` packs that hold nothing else; return the part and those packs by leaf."""
        keep = list(lines)
        old = self._opened.descriptor.parts[self._number]
        alone = [line for line in keep if isinstance(line, Record) and leaf_of(line) in apart]
        rest = [line for line in keep if not (isinstance(line, Record) and leaf_of(line) in apart)]
        touched = {name for line in alone for name, _, _ in (*line.extents, *line.index) if name != ZERO}
        stale = [name for name in old.packs if name in touched]
        moved = self._move(stale, rest)
        for line in alone:
            moved |= self._move(stale, [line], moved)
        part = self._finish_with(old, stale, keep, moved)
        packs = {}
        for line in alone:
            extents = (*_relocate(line.extents, moved), *_relocate(line.index, moved))
            packs[leaf_of(line)] = sorted({name for name, _, _ in extents if name != ZERO})
        return part, packs

    def _finish_with(
        self, old: Part, stale: list[str], keep: Sequence[Line], moved: dict[tuple[str, int], list[Extent]]
    ) -> Part:
        self.count += len(stale)
        kept = [name for name in old.packs if name not in stale]
        manifest_lines = b"".join(_encode(line, moved) for line in keep)
        return self._finish(old, kept, stale, manifest_lines)

    def _has_remains(self, name: str, keep: Sequence[Line]) -> bool:
        """Say whether a pack holds bytes no line speaks of (an attempt at a file that changed)."""
        used = sum(length for _, length in _ranges(name, keep))
        return padded_length(used) != self._opened.pack(self._number, name).plaintext_bytes

    def _move(
        self,
        stale: Sequence[str],
        keep: Sequence[Line],
        done: Collection[tuple[str, int]] = (),
    ) -> dict[tuple[str, int], list[Extent]]:
        """Copy the ranges `keep` uses of the packs `stale` into new packs, but for those that are `done`.

        Returns where each went; the last of the new packs is closed.
        """
        moved: dict[tuple[str, int], list[tuple[int, int, int]]] = {}
        for name in stale:
            reader = self._opened.pack(self._number, name)
            for offset, length in _ranges(name, keep):
                if (name, offset) not in done:
                    moved[name, offset] = self._copy(reader, offset, length)
            if self._writer.offset >= PACK_BYTES:
                self._writer.close_pack()
        self._writer.close_pack()
        names = [pack.name for pack in self._writer.finished]
        return {key: [(names[pack], at, size) for pack, at, size in runs] for key, runs in moved.items()}

    def _copy(self, reader: age.Reader, offset: int, length: int) -> list[tuple[int, int, int]]:
        runs: list[tuple[int, int, int]] = []
        while length:
            room = self._writer.room()[:length]
            room[:] = reader.read(offset, len(room))
            pack, at = len(self._writer.finished), self._writer.offset
            if runs and runs[-1][0] == pack:
                runs[-1] = (pack, runs[-1][1], runs[-1][2] + len(room))
            else:
                runs.append((pack, at, len(room)))
            self._writer.commit(len(room))
            offset, length = offset + len(room), length - len(room)
        return runs

    def _finish(self, old: Part, kept: list[str], stale: list[str], lines: bytes) -> Part:
        """Write manifest and key file; move the new packs into the vault; doom the old ones."""
        head = {"delivery": self._opened.descriptor.delivery, "type": "manifest", "v": "1"}
        self._put(canonical.dumps(dict(head)) + b"\n" + lines)
        self._writer.close_pack()
        new = self._writer.settle()
        identities = {pack.name: pack.identity for pack in new}
        identities |= {name: self._opened.keys(self._number)[name] for name in kept}
        keys = age.encrypt(encode_keys(identities), self._opened.identity.recipient)
        self._change.put(self._opened.descriptor.key_path(self._number), keys, bound=False)
        for pack in new:
            self._change.add_pack(pack.name)
        for name in (*stale, old.manifest):
            self._change.remove(pack_path(name))
        names = tuple(kept + [pack.name for pack in new[:-1]])
        return Part(names, new[-1].name, digest_of(keys))

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            room = self._writer.room()[: len(view)]
            room[:] = view[: len(room)]
            self._writer.commit(len(room))
            view = view[len(room) :]


def _ranges(pack: str, lines: Iterable[Line]) -> list[tuple[int, int]]:
    """Return offset and length of what `lines` use of `pack`, each range once, in order."""
    found = {
        (at, size)
        for line in lines
        if isinstance(line, Record)
        for name, at, size in (*line.extents, *line.index)
        if name == pack
    }
    return sorted(found)


def _encode(line: Line, moved: dict[tuple[str, int], list[Extent]]) -> bytes:
    if isinstance(line, Tombstone):
        return canonical.dumps({"leaf": line.leaf.hex(), "type": "tombstone"}) + b"\n"
    if isinstance(line, Folder):
        return commitments.folder_line(line.path, line.mode, line.mtime)
    return commitments.record_line(
        line.values, line.secret, _relocate(line.extents, moved), _relocate(line.index, moved)
    )


def _relocate(extents: Iterable[Extent], moved: dict[tuple[str, int], list[Extent]]) -> list[Extent]:
    out: list[Extent] = []
    for name, at, size in extents:
        out += moved.get((name, at), [(name, at, size)])
    return out
