"""Walks the volumes of an image: every name with its fate, in memory that does not grow with the files.

Structures may be hostile: a folder that leads back to one listed already is not entered again, names are made
safe to stand in a path, sizes no disk of this length can hold are refused.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import Final, NamedTuple

from bearwitness.images.disk_image import DiskImage, ImageError, Trouble
from bearwitness.images.model import (
    FILE,
    FOLDER,
    REASONS,
    UNREADABLE,
    UNREADABLE_FOLDER,
    Entry,
    Place,
    Volume,
)

from .imaging_traces import HOMES, Traces
from .walk import TAG_BYTES, Found

LIVE: Final = "live"
TRACE: Final = "trace"
DELETED: Final = "deleted"

_PATH_BYTES_MAX: Final = 32_768  # more than any system lets a path have
_FOLDERS_MAX: Final = 20_000_000  # of one volume; their addresses are kept to notice loops
# A sparse file may be longer than its disk, not without end: every zero of it is hashed.
_SPARSE_FACTOR: Final = 8
_SLASH: Final = "∕".encode()  # U+2215 stands for a / within a name
_ORPHANS: Final = b"$OrphanFiles"


class Seen(NamedTuple):
    """A name in an image and what becomes of it: evidence, a trace of an operating system, deleted."""

    kind: str
    path: bytes
    type: str
    entry: Entry | None
    reason: str = ""
    renamed: bool = False  # the path does not hold the name's own bytes


def walk(image: DiskImage, *, deleted: bool, traces: bool) -> Iterator[Seen]:
    """Yield what is in the image; deleted files and what lies in traces of operating systems if asked for."""
    layout = image.layout()
    several = len(layout.volumes) > 1
    for volume in layout.volumes:
        prefix = b"%d" % volume.number if several else b""
        if volume.file_system:
            yield from _Walk(image, volume, layout.size, deleted=deleted, traces=traces).run(prefix)
        else:
            yield Seen(LIVE, prefix, UNREADABLE_FOLDER, None, "it holds no file system that can be read")


class _Folder(NamedTuple):
    address: int
    path: bytes
    kind: str


class _Walk:
    """The walk through one volume."""

    def __init__(self, image: DiskImage, volume: Volume, size: int, *, deleted: bool, traces: bool) -> None:
        self._image, self._volume, self._size = image, volume, size
        self._deleted, self._traces = deleted, traces
        self._rules = Traces(())
        self._known: set[int] = set()
        self._known_deleted: set[int] = set()

    def run(self, prefix: bytes) -> Iterator[Seen]:
        """Yield what is in the volume, its paths below `prefix`."""
        root = self._volume.root
        self._rules = Traces(self._names(root))
        pending = [_Folder(root, prefix, LIVE)]
        if self._deleted and self._volume.orphans:
            pending.insert(0, _Folder(self._volume.orphans, _join(prefix, _ORPHANS), DELETED))
        self._known.update(folder.address for folder in pending)
        while pending:
            folder = pending.pop()
            for found in self._image.entries(self._volume.number, folder.address, deleted=self._deleted):
                if isinstance(found, Trouble):
                    yield Seen(folder.kind, folder.path, UNREADABLE_FOLDER, None, found.reason)
                    continue
                seen = self._look(found, folder)
                if seen.kind == TRACE and not self._traces:
                    continue
                yield seen
                if seen.type == FOLDER:
                    pending.append(_Folder(found.place.address, seen.path, seen.kind))

    def _names(self, address: int) -> Iterator[bytes]:
        for entry in self._image.entries(self._volume.number, address):
            if isinstance(entry, Entry):
                yield entry.name

    def _look(self, entry: Entry, folder: _Folder) -> Seen:
        """Return what becomes of one entry of `folder`."""
        name = safe_name(entry.name)
        kind = folder.kind
        at_root = folder.address == self._volume.root
        if entry.deleted:
            kind = DELETED
        elif kind == LIVE and self._rules.is_trace(entry.name, at_root=at_root):
            kind = TRACE
        path = _join(folder.path, name)
        reason = self._trouble(entry, path, kind)
        if entry.type == FOLDER and not reason:
            (self._known_deleted if kind == DELETED else self._known).add(entry.place.address)
        shown = entry.type
        if reason:
            shown = UNREADABLE_FOLDER if entry.type in (FOLDER, UNREADABLE_FOLDER) else UNREADABLE
        return Seen(kind, path[:_PATH_BYTES_MAX], shown, entry, reason, name != entry.name)

    def _trouble(self, entry: Entry, path: bytes, kind: str) -> str:
        """Return why an entry can not be taken in, empty if it can."""
        if entry.reason:
            return REASONS[entry.reason]
        if len(path) > _PATH_BYTES_MAX:
            return "its path is longer than any system allows"
        if entry.type == FOLDER:
            address = entry.place.address
            # A renamed folder still has its old name somewhere, and must not count as listed by that.
            if address in self._known or (kind == DELETED and address in self._known_deleted):
                return "it leads to a folder that is listed already"
            if len(self._known) + len(self._known_deleted) >= _FOLDERS_MAX:
                return "there are more folders than are entered"
        most = self._size * _SPARSE_FACTOR if entry.sparse else self._size
        if entry.type == FILE and entry.size > most:
            return f"it claims to have {entry.size} bytes, on a disk of {self._size}"
        return ""


def owners(image: DiskImage, volume: Volume) -> Iterator[tuple[Entry, list[bytes]]]:
    """Yield the traces at the root of a volume, with the names in folders that are named after people."""
    found = [e for e in image.entries(volume.number, volume.root) if isinstance(e, Entry)]
    rules = Traces(entry.name for entry in found)
    for entry in found:
        if entry.place.stream is None and rules.is_trace(entry.name, at_root=True):
            people: list[bytes] = []
            if entry.type == FOLDER and entry.name.lower() in HOMES:
                below = image.entries(volume.number, entry.place.address)
                people = [e.name for e in below if isinstance(e, Entry)]
            yield entry, people


def safe_name(name: bytes) -> bytes:
    """Return a name that can be one part of a path."""
    if name in (b".", b".."):
        return _SLASH + name
    return name.replace(b"/", _SLASH)


def found_of(seen: Seen, prefix: bytes, run_key: bytes) -> Found:
    """Return what the workers are handed; its path stands below `prefix`."""
    entry, path = seen.entry, _join(prefix, seen.path)
    inode = None
    if entry is not None and entry.several and seen.type == FILE and not entry.deleted:
        inode = (entry.place.volume, entry.place.address)
    size = entry.size if entry is not None and seen.type == FILE else 0
    return Found(seen.type, path, size, _tag(seen, path, run_key), inode, seen.reason, seen)


def _tag(seen: Seen, path: bytes, run_key: bytes) -> bytes:
    entry = seen.entry or Entry(Place(0, 0), b"-", "other", 0)
    state = (entry.place, entry.size, entry.mtime, entry.ctime, entry.btime, seen.type, seen.reason)
    return hmac.digest(run_key, f"image {state}".encode() + b"\x00" + path, "sha256")[:TAG_BYTES]


def _join(folder: bytes, name: bytes) -> bytes:
    return folder + b"/" + name if folder and name else folder or name


__all__ = ["DELETED", "LIVE", "TRACE", "ImageError", "Seen", "found_of", "owners", "safe_name", "walk"]
