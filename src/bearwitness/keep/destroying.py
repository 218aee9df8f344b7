"""Destroys items so that with every key that still exists their bytes can not be had (docs/format.md, 10).

Packs that hold bytes of an item are written again without them under new identities, manifest and key
file likewise; a tombstone stays, and every other proof holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from bearwitness.catalogue.catalogue import Catalogue, ItemRow
from bearwitness.crypto import age
from bearwitness.crypto.padding import padded_length
from bearwitness.custody import items as commitments
from bearwitness.custody.items import Extent
from bearwitness.errors import RefusedError
from bearwitness.store.directfile import DiskWriter
from bearwitness.store.packs import PACK_BYTES, PackWriter, pack_path
from bearwitness.vault.change import Change, erase_leftovers
from bearwitness.vault.delivery import (
    ZERO,
    Folder,
    OpenDelivery,
    Part,
    Record,
    Tombstone,
    encode_keys,
)
from bearwitness.vault.ledger import DeliveryRecord, Ledger
from bearwitness.vault.vault import digest_of
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json
from bearwitness_verify.leaves import item_id

Line = Record | Folder | Tombstone


@dataclass
class Destroyed:
    """What was destroyed."""

    items: list[str] = field(default_factory=list)
    packs_rewritten: int = 0


def refuse_survivors(catalogue: Catalogue, rows: Sequence[ItemRow]) -> None:
    """Refuse to call destroyed what the vault would still hold under another item."""
    going = {row.item for row in rows}
    for row in rows:
        others = catalogue.links_to(row.item)
        if row.sha256 is not None:
            others += catalogue.with_bytes(row.sha256)
        left = sorted({other.item for other in others} - going)
        if left:
            raise RefusedError(
                f"the same bytes as in item {row.item} are in {', '.join(left)} too",
                "name those as well, or say --leave-copies if they shall stay",
            )


def destroy(
    ledger: Ledger, rows: Sequence[ItemRow], fields: dict[str, Json], progress: Callable[[str], None]
) -> Destroyed:
    """Destroy the items; committed by the entry `destroyed`. That two agree the caller has checked."""
    done = Destroyed()
    erase_leftovers(ledger.vault.store)
    change = Change(ledger.vault)
    for record in ledger.deliveries():
        leaves = {row.leaf for row in rows if row.delivery == record.delivery}
        if leaves:
            progress(f"rewriting delivery {record.delivery} without what is destroyed")
            done.packs_rewritten += _rewrite(ledger, record, leaves, change)
            done.items += [item_id(leaf) for leaf in leaves]
    done.items.sort()
    change.commit({"kind": "destroyed", "items": list(done.items), **fields})
    return done


def _rewrite(ledger: Ledger, record: DeliveryRecord, leaves: set[bytes], change: Change) -> int:
    opened = ledger.open_delivery(record.delivery)
    doomed = leaves | _earlier_attempts(opened, record, leaves)
    parts, count = list(opened.descriptor.parts), 0
    for number in range(len(parts)):
        lines = list(opened.lines(number))
        if any(isinstance(line, Record) and _leaf(line) in doomed for line in lines):
            rewriter = _PartRewriter(opened, number, change)
            parts[number] = rewriter.rewrite(lines, doomed, leaves)
            count += rewriter.count
    descriptor = replace(opened.descriptor, parts=tuple(parts))
    change.put(descriptor.path, descriptor.encode())
    return count


def _leaf(record: Record) -> bytes:
    return commitments.commit(record.values, record.secret)


def _earlier_attempts(opened: OpenDelivery, record: DeliveryRecord, leaves: set[bytes]) -> set[bytes]:
    """Return leaves, dropped at closing, of earlier attempts at the names that are to go."""
    if not record.dropped:
        return set()
    records = [line for line in opened.all_lines() if isinstance(line, Record)]
    paths = {line.path for line in records if _leaf(line) in leaves}
    return {leaf for line in records if line.path in paths and (leaf := _leaf(line)) in record.dropped}


class _PartRewriter:
    """Writes the packs of one part again without what is to go."""

    def __init__(self, opened: OpenDelivery, number: int, change: Change) -> None:
        self._opened, self._number, self._change = opened, number, change
        self._writer = PackWriter(change.pack_folder(), DiskWriter())
        self.count = 0

    def rewrite(self, lines: Iterable[Line], doomed: set[bytes], tombs: set[bytes]) -> Part:
        """Return the part as it is to be; old packs and keys go with the change."""
        keep: list[Line] = []
        gone_packs: set[str] = set()
        for line in lines:
            if isinstance(line, Record) and (leaf := _leaf(line)) in doomed:
                gone_packs |= {name for name, _, _ in (*line.extents, *line.index) if name != ZERO}
                if leaf in tombs:
                    keep.append(Tombstone(leaf))
            else:
                keep.append(line)
        old = self._opened.descriptor.parts[self._number]
        stale = [name for name in old.packs if name in gone_packs or self._has_remains(name, keep)]
        moved = self._move(stale, keep)
        kept = [name for name in old.packs if name not in stale]
        manifest_lines = b"".join(_encode(line, moved) for line in keep)
        return self._finish(old, kept, stale, manifest_lines)

    def _has_remains(self, name: str, keep: Sequence[Line]) -> bool:
        """Say whether a pack holds bytes no line speaks of (an attempt at a file that changed)."""
        used = sum(length for _, length in _ranges(name, keep))
        return padded_length(used) != self._opened.pack(self._number, name).plaintext_bytes

    def _move(self, stale: Sequence[str], keep: Sequence[Line]) -> dict[tuple[str, int], list[Extent]]:
        """Copy the ranges still used of the packs `stale` into new packs; return where each went."""
        moved: dict[tuple[str, int], list[tuple[int, int, int]]] = {}
        for name in stale:
            reader = self._opened.pack(self._number, name)
            for offset, length in _ranges(name, keep):
                moved[name, offset] = self._copy(reader, offset, length)
            if self._writer.offset >= PACK_BYTES:
                self._writer.close_pack()
        self._writer.close_pack()
        names = [pack.name for pack in self._writer.finished]
        self.count += len(stale)
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
