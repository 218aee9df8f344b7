"""Seals one batch of names into one part of a delivery: content packs, manifest pack, key file.

Runs in a worker process. It knows the public key of the delivery and nothing that decrypts what other
parts hold; the identities of its own packs are forgotten once the key file is written.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from bearwitness.crypto import age
from bearwitness.crypto.derive import new_secret
from bearwitness.custody import items
from bearwitness.custody.items import Extent
from bearwitness.store.packs import PackWriter
from bearwitness.vault.delivery import encode_keys
from bearwitness_verify import canonical

from .intake import FileIntake, Sealed, state_values
from .reading import SourceGoneError
from .sources import Source
from .walk import FILE, FOLDER, NOT_WHOLE, TAG_BYTES, Found, reason_of


class Mark(NamedTuple):
    """What the journal keeps of an item: nothing that tells its name or content without the run's key."""

    tag: bytes
    leaf: bytes
    size: int
    lossy: bool  # worth another try when the run is resumed


_MARK: Final = struct.Struct(f">{TAG_BYTES}s32sQ?")
MARK_BYTES: Final = _MARK.size


def pack_mark(tag: bytes, leaf: bytes, size: int, *, lossy: bool) -> bytes:
    """Return the bytes of a :class:`Mark`."""
    return _MARK.pack(tag, leaf, size, lossy)


def mark_rows(data: bytes | bytearray) -> Iterator[tuple[bytes, bytes, int, bool]]:
    """Yield what :func:`unpack_marks` does as plain tuples: in a third of the time, for a million items."""
    return _MARK.iter_unpack(data)


def unpack_marks(data: bytes | bytearray) -> Iterator[Mark]:
    """Yield the marks packed in `data`."""
    return map(Mark._make, _MARK.iter_unpack(data))


class _ItemLine(NamedTuple):
    """A line of the manifest that waits for the names of the packs."""

    sealed: Sealed
    secret: bytes

    def encode(self, names: Sequence[str]) -> bytes:
        """Return the line, the packs having these `names`."""
        extents, index = _named(self.sealed.extents, names), _named(self.sealed.index_extents, names)
        return items.record_line(self.sealed.values, self.secret, extents, index)


class Lost(NamedTuple):
    """Something that could not be read, for the report."""

    path: bytes
    reason: str


@dataclass
class PartResult:
    """What a worker tells of a part it has sealed; everything it names is on the disk."""

    packs: list[str]
    manifest: str
    key_file: str  # name of the temporary file
    keys_digest: str
    marks: bytearray = field(default_factory=bytearray)  # packed marks
    items: int = 0
    size: int = 0
    lost: list[Lost] = field(default_factory=list)
    unread: list[Lost] = field(default_factory=list)  # sealed whole, but the container's index was not read
    inodes: list[tuple[tuple[int, int], bytes, bool]] = field(default_factory=list)  # inode, leaf, whole


@dataclass(frozen=True)
class PartSettings:
    """What all parts of a run have in common."""

    folder: Path
    delivery: str
    recipient: age.Recipient
    md5: bool = False


class PartSealer:
    """Turns batches of names into parts, one after the other."""

    def __init__(
        self, settings: PartSettings, source: Source, writer: PackWriter, intake: FileIntake
    ) -> None:
        self._settings, self._source, self._writer, self._intake = settings, source, writer, intake

    def seal(self, batch: Sequence[tuple[Found, str | None]]) -> Callable[[], PartResult]:
        """Seal `batch`, names and for hard links the item they are another name of.

        Returns what makes the part durable and then gives its result; another thread may call it while the
        next part is sealed. Both raise OSError if the disk refuses, this also SourceGoneError.
        """
        result = PartResult([], "", "", "")
        lines: list[bytes | _ItemLine] = []
        for found, same_as in batch:
            if found.type == FOLDER:
                lines.append(self._folder_line(found))
            else:
                lines.append(self._item_line(found, result, same_as))
        self._writer.close_pack()
        names = [pack.name for pack in self._writer.finished]
        self._write_manifest(b"".join([x if isinstance(x, bytes) else x.encode(names) for x in lines]))
        packs, wait = self._writer.take()
        result.packs, result.manifest = names, packs[-1].name
        keys = encode_keys({pack.name: pack.identity for pack in packs})
        sealed_keys = age.encrypt(keys, self._settings.recipient)

        def finish() -> PartResult:
            wait()
            self._write_keys(sealed_keys, result)
            return result

        return finish

    def _folder_line(self, found: Found) -> bytes:
        try:
            state = self._source.lstat(found)
            mode = 0o700 if state.mode is None else stat.S_IMODE(state.mode)
            return items.folder_line(found.path, mode, state.mtime or 0)
        except OSError:
            return items.folder_line(found.path, 0o700, 0)

    def _item_line(self, found: Found, result: PartResult, same_as: str | None) -> _ItemLine:
        secret = new_secret()
        if same_as is not None:
            sealed = self._nameless(found, {"same_as": same_as, "type": FILE})
        elif found.type == FILE:
            sealed = self._file(found, secret)
        else:
            sealed = self._special(found)
        origin = self._source.origin(found)
        if origin is not None:
            sealed.values["origin"] = items.value_text(origin)
        leaf = items.commit(sealed.values, secret)
        lossy = bool(sealed.lost) or (same_as is not None and found.reason == NOT_WHOLE)
        result.marks += pack_mark(found.tag, leaf, sealed.size, lossy=lossy)
        result.items += 1
        result.size += sealed.size
        if sealed.lost:
            result.lost.append(Lost(found.path, sealed.lost))
        if sealed.unread:
            result.unread.append(Lost(found.path, sealed.unread))
        if found.inode and same_as is None:
            result.inodes.append((found.inode, leaf, not sealed.lost))
        return _ItemLine(sealed, secret)

    def _file(self, found: Found, secret: bytes) -> Sealed:
        try:
            sealed = self._intake.take(self._source, found, secret)
        except SourceGoneError:
            raise
        except OSError as error:
            self._must_be_present(error)
            return _unreadable(found, reason_of(error))
        if sealed.lost:
            self._must_be_present(OSError(errno.EIO, sealed.lost))
        return sealed

    def _must_be_present(self, error: OSError) -> None:
        if not self._source.present():
            raise SourceGoneError(error.errno, error.strerror)

    def _special(self, found: Found) -> Sealed:
        """Return what is sealed of a name that is not a file: that it was there, and what it was."""
        if found.reason:
            self._must_be_present(OSError(errno.EIO, found.reason))
            return _unreadable(found, found.reason)
        fate: dict[str, canonical.Json] = {"type": found.type}
        if found.type == "symlink":
            try:
                fate["target"] = canonical.b64(self._source.link_target(found))
            except OSError as error:
                return _unreadable(found, reason_of(error))
        sealed = self._nameless(found, fate)
        if found.type in ("other-filesystem", "excluded"):
            sealed = sealed._replace(lost="another file system is mounted there; seal it by itself")
        return sealed

    def _nameless(self, found: Found, fate: dict[str, canonical.Json]) -> Sealed:
        """Return a name without content of its own."""
        try:
            state = self._source.lstat(found)
        except OSError as error:
            return _unreadable(found, reason_of(error))
        values = {
            "path": items.data(found.path),
            "fate": items.value_text(fate),
            **state_values(state),
        }
        return Sealed(values, [], [], 0, "")

    def _write_manifest(self, lines: bytes) -> None:
        head = {"delivery": self._settings.delivery, "type": "manifest", "v": "1"}
        write_plaintext(self._writer, canonical.dumps(dict(head)) + b"\n" + lines)
        self._writer.close_pack()

    def _write_keys(self, data: bytes, result: PartResult) -> None:
        result.key_file = f"{result.manifest}.keys"
        result.keys_digest = sha256(data).hexdigest()
        descriptor = os.open(
            self._settings.folder / result.key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600
        )
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def write_plaintext(writer: PackWriter, data: bytes) -> None:
    """Put `data` into the writer's present pack."""
    view = memoryview(data)
    while view:
        room = writer.room()[: len(view)]
        room[:] = view[: len(room)]
        writer.commit(len(room))
        view = view[len(room) :]


def _unreadable(found: Found, reason: str) -> Sealed:
    kind = found.type if found.type.startswith("unreadable") else "unreadable"
    fate = items.value_text({"reason": reason, "type": kind})
    return Sealed({"path": items.data(found.path), "fate": fate}, [], [], 0, reason)


def _named(extents: Sequence[tuple[int, int, int]], names: Sequence[str]) -> list[Extent]:
    """Return extents with the names of packs in place of their numbers (-1: zeros)."""
    return [("zero" if pack < 0 else names[pack], at, size) for pack, at, size in extents]
