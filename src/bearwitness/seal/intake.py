"""Takes one file into packs: read once, hash, encrypt; cut along its container's packets if it has any."""

from __future__ import annotations

import errno
import os
from array import array
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from bearwitness.crypto import age
from bearwitness.custody import items
from bearwitness.custody.content import ContentHasher, root_of_one
from bearwitness.store.packs import PACK_BYTES, PackWriter
from bearwitness.vault.indexblob import plain_lengths
from bearwitness_verify import canonical
from bearwitness_verify.leaves import SEGMENT_BYTES_MAX

from .reading import ChangedError, Loss, Reading
from .sources import Source
from .statx import FileState
from .walk import Found

ATTEMPTS: Final = 3  # a file that changes while it is read is read again so often
HOLE_BYTES_MIN: Final = 1 << 20  # smaller holes are stored like data
_STAT: Final = ("atime", "attributes", "btime", "ctime", "gid", "mode", "nlink", "uid")
_WHOLE: Final = '{"type":"file"}'
_ZEROS: Final = memoryview(bytes(1 << 20))

NumberedExtent = tuple[int, int, int]  # number of the pack in its part (-1: zeros), offset, length


class Sealed(NamedTuple):
    """A name as sealed: its fields, where its bytes and its index blob are, what was lost of it."""

    values: dict[str, str]
    extents: Sequence[NumberedExtent]
    index_extents: Sequence[NumberedExtent]
    size: int
    lost: str
    unread: str = ""  # why the container's index could not be read, for a file cut in plain blocks


class UnreadIndexError(Exception):
    """The container's index can not be read; its message is the reason."""


class Indexed(NamedTuple):
    """What a container's index gives: segment lengths, and what is committed and stored of the table."""

    lengths: array[int]
    table: Callable[[int, bytes], tuple[str, bytes]]  # first leaf, item secret -> `tracks` text, index blob


Indexer = Callable[[Reading, int, memoryview], Indexed | None]


class FileIntake:
    """Takes files one after the other into the packs of `writer`."""

    def __init__(
        self, writer: PackWriter, indexer: Indexer, progress: Callable[[int], None], *, md5: bool
    ) -> None:
        self._writer, self._index, self._progress, self._md5 = writer, indexer, progress, md5

    def take(self, source: Source, found: Found, secret: bytes) -> Sealed:
        """Seal the file; raises OSError if it can not be opened, or if the source is gone."""
        reading = source.open(found)
        try:
            for attempt in range(ATTEMPTS):
                try:
                    sealed = self._take_once(reading, found, secret, last=attempt == ATTEMPTS - 1)
                except ChangedError:
                    continue
                if sealed is not None:
                    return sealed
            raise OSError(0, "the file became shorter each time it was read")
        finally:
            reading.close()

    def _take_once(self, reading: Reading, found: Found, secret: bytes, *, last: bool) -> Sealed | None:
        """Return the sealed file, None if it changed meanwhile and this was not the `last` attempt."""
        reading.losses.clear()
        before = reading.state()
        if 0 < before.size <= SEGMENT_BYTES_MAX and not self._md5:
            sealed = self._take_small(reading, found, secret, before)
            if sealed is not None:
                return sealed
            reading.losses.clear()
        copy = _Copy(self._writer, reading, before, self._progress)
        head = copy.begin()
        indexed, unread = self._ask_index(reading, before.size, head)
        lengths = indexed.lengths if indexed else plain_lengths(before.size)
        hasher = ContentHasher(secret, lengths, md5=self._md5)
        copy.run(hasher)
        changed = not reading.is_still(before)
        if changed and not last:
            return None
        hashes = hasher.finish()
        fate = _fate(reading.losses, changed=changed)
        values = _values(found.path, before, hashes.sha256, hasher.tree.height, hashes.root, fate)
        if hashes.md5:
            values["md5"] = items.data(hashes.md5)
        _add_xattrs(values, reading)
        index: Sequence[NumberedExtent] = []
        if indexed:
            values["tracks"], blob = indexed.table(hasher.tree.first, secret)
            index = copy.store(blob)
        copy.end()
        lost = _lost(reading.losses, changed=changed)
        return Sealed(values, copy.extents, index, before.size, lost, unread)

    def _ask_index(self, reading: Reading, size: int, head: memoryview) -> tuple[Indexed | None, str]:
        """Return what the container's index gives, and why it gives nothing if it ought to."""
        try:
            return self._index(reading, size, head), ""
        except UnreadIndexError as error:
            return None, str(error)

    def _take_small(self, reading: Reading, found: Found, secret: bytes, before: FileState) -> Sealed | None:
        """Take a file of one segment without ado; None if anything about it is out of the ordinary."""
        size = before.size
        room = self._writer.room(size)[:size]
        reading.fill(room, 0)
        indexed, unread = self._ask_index(reading, size, room)
        if reading.losses or indexed is not None:
            return None
        digest, root = sha256(room).digest(), root_of_one(secret, room)
        if not reading.is_still(before):
            return None
        values = _values(found.path, before, digest, 0, root, _WHOLE)
        _add_xattrs(values, reading)
        extent = (len(self._writer.finished), self._writer.offset, size)
        self._writer.commit(size)
        if extent[1] + size >= PACK_BYTES:
            self._writer.close_pack()
        self._progress(size)
        return Sealed(values, [extent], [], size, "", unread)


class _Copy:
    """The way of one file's bytes into packs."""

    def __init__(
        self, writer: PackWriter, reading: Reading, state: FileState, progress: Callable[[int], None]
    ) -> None:
        self._writer, self._reading, self._size, self._progress = writer, reading, state.size, progress
        self._holes = _holes(reading, state)
        self.extents: list[NumberedExtent] = []
        self._at = 0
        self._head: memoryview | None = None
        if self._size >= PACK_BYTES:
            writer.close_pack()  # a large file has packs of its own

    def begin(self) -> memoryview:
        """Read the first piece and return it: it tells what kind of file this is."""
        if self._size and not self._hole_here():
            self._head = self._read_piece()
        return self._head or memoryview(b"")

    def run(self, hasher: ContentHasher) -> None:
        """Read, hash and store all of the file."""
        while self._at < self._size:
            hole = self._hole_here()
            if hole:
                self._skip(hole, hasher)
                continue
            piece, self._head = self._head or self._read_piece(), None
            hasher.feed(piece)
            self._note(self.extents, len(self._writer.finished), self._writer.offset, len(piece))
            self._writer.commit(len(piece))
            self._at += len(piece)
            self._progress(len(piece))

    def _hole_here(self) -> int:
        """Return how many bytes of a hole begin where we are."""
        while self._holes and self._holes[0][1] <= self._at:
            self._holes.pop(0)
        if self._holes and self._holes[0][0] <= self._at:
            return self._holes[0][1] - self._at
        return 0

    def _read_piece(self) -> memoryview:
        if self._writer.offset >= PACK_BYTES and self._size - self._at >= PACK_BYTES:
            self._writer.close_pack()
        end = self._holes[0][0] if self._holes else self._size
        wanted = end - self._at
        room = self._writer.room(min(wanted, age.CHUNK_BYTES))[:wanted]
        self._reading.fill(room, self._at)
        return room

    def _skip(self, length: int, hasher: ContentHasher) -> None:
        """Hash a hole without reading or storing it."""
        self._note(self.extents, -1, 0, length)
        self._at += length
        while length:
            piece = _ZEROS[:length]
            hasher.feed(piece)
            self._progress(len(piece))
            length -= len(piece)

    def store(self, blob: bytes) -> list[NumberedExtent]:
        """Store the index blob behind the content; return where it is."""
        extents: list[NumberedExtent] = []
        view = memoryview(blob)
        while view:
            room = self._writer.room()[: len(view)]
            room[:] = view[: len(room)]
            self._note(extents, len(self._writer.finished), self._writer.offset, len(room))
            self._writer.commit(len(room))
            view = view[len(room) :]
        return extents

    def end(self) -> None:
        """Close the pack if it is full or this file's own."""
        if self._size >= PACK_BYTES or self._writer.offset >= PACK_BYTES:
            self._writer.close_pack()

    @staticmethod
    def _note(extents: list[NumberedExtent], pack: int, offset: int, length: int) -> None:
        """Add a stretch to `extents`, joined to the last one where it continues it."""
        if extents and extents[-1][0] == pack:
            _, last_offset, last_length = extents[-1]
            if pack < 0 or last_offset + last_length == offset:
                extents[-1] = (pack, last_offset, last_length + length)
                return
        extents.append((pack, offset, length))


def _holes(reading: Reading, state: FileState) -> list[tuple[int, int]]:
    """Return begin and end of the large holes of a sparse file."""
    file = reading.descriptor()
    if file is None or state.blocks * 512 >= state.size - HOLE_BYTES_MIN:
        return []
    holes: list[tuple[int, int]] = []
    at = 0
    while at < state.size:
        try:
            begin = os.lseek(file, at, os.SEEK_HOLE)
            at = os.lseek(file, begin, os.SEEK_DATA) if begin < state.size else state.size
        except OSError as error:
            if error.errno != errno.ENXIO:  # ENXIO: no data after the hole
                return holes
            at = state.size
        if at - begin >= HOLE_BYTES_MIN:
            holes.append((begin, at))
    return holes


def _values(
    path: bytes, state: FileState, digest: bytes, height: int, root: bytes, fate: str
) -> dict[str, str]:
    return {
        "path": items.data(path),
        "size": items.number(state.size),
        "sha256": items.data(digest),
        "content": items.tree_text("segment", height, root),
        "fate": fate,
        **state_values(state),
    }


def _add_xattrs(values: dict[str, str], reading: Reading) -> None:
    attributes = reading.xattrs()
    if attributes:
        values["xattrs"] = items.value_text({n: canonical.b64(v) for n, v in attributes.items()})


def state_values(state: FileState) -> dict[str, str]:
    """Return the canonical JSON texts of an item's `mtime` and `stat`, as far as they are kept."""
    if None not in state[1:4] and None not in state[5:9] and state.attributes is None:
        return {"mtime": items.number(state.mtime or 0), "stat": _whole_stat(state)}
    numbers = {name: getattr(state, name) for name in _STAT}
    kept: dict[str, canonical.Json] = {n: str(value) for n, value in numbers.items() if value is not None}
    values = {"stat": items.value_text(kept)} if kept else {}
    if state.mtime is not None:
        values["mtime"] = items.number(state.mtime)
    return values


def _whole_stat(state: FileState) -> str:
    """Return the text of `stat` where nothing is missing: as fast as can be, for it is every file's."""
    btime = "" if state.btime is None else f'"btime":"{state.btime}",'
    return (
        f'{{"atime":"{state.atime}",{btime}"ctime":"{state.ctime}","gid":"{state.gid}",'
        f'"mode":"{state.mode}","nlink":"{state.nlink}","uid":"{state.uid}"}}'
    )


def _fate(losses: Sequence[Loss], *, changed: bool) -> str:
    """Return the canonical JSON text of the `fate` of a file that was read."""
    if not changed and not losses:
        return _WHOLE
    fate: dict[str, canonical.Json] = {"type": "file"}
    if changed:
        fate["changed"] = True
    if losses:
        fate["losses"] = [
            {"length": str(loss.length), "offset": str(loss.offset), "reason": loss.reason} for loss in losses
        ]
    return items.value_text(fate)


def _lost(losses: Sequence[Loss], *, changed: bool) -> str:
    """Return in words what is missing of a file, empty if nothing."""
    words = []
    if changed:
        words.append("it changed each time it was read")
    if losses:
        count = sum(loss.length for loss in losses)
        words.append(f"{count} bytes can not be read ({losses[0].reason}) and are zero in the copy")
    return "; ".join(words)
