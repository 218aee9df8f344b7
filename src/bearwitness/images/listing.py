"""The names in one folder of a volume, a page at a time (locked child).

Structures that The Sleuth Kit shows as if they were files ($MFT, $FAT1, the label of a volume) are left out:
they are the file system, which the image holds, and some of them keep the names of deleted files.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import pytsk3

from .content import touches
from .facts import Facts, OpenVolume
from .facts_ntfs import DATA
from .fat import FatVolume
from .fat_names import read_folder
from .model import FILE, FOLDER, UNREADABLE, UNREADABLE_FOLDER, Entry, Page, Place, Stream
from .volumes import Disk

_NTFS_SYSTEM_FILES: Final = 24  # records below this are the file system's own
_STREAMS_MAX: Final = 1_000  # of one file
_VIRTUAL: Final = (int(pytsk3.TSK_FS_META_TYPE_VIRT), int(pytsk3.TSK_FS_META_TYPE_VIRT_DIR))
_HFS_RESOURCE: Final = int(pytsk3.TSK_FS_ATTR_TYPE_HFS_RSRC)
_ALLOCATED_NAME: Final = int(pytsk3.TSK_FS_NAME_FLAG_ALLOC)
_ALLOCATED: Final = int(pytsk3.TSK_FS_META_FLAG_ALLOC)
_SPARSE: Final = int(pytsk3.TSK_FS_ATTR_SPARSE) | int(pytsk3.TSK_FS_ATTR_COMP)
_DOTS: Final = (b".", b"..")


class Listing:
    """Lists folders; goes on in the one it listed last without beginning anew."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._at: tuple[int, int, bool, int] | None = None  # volume, folder, deleted, names given
        self._rest: Iterator[list[Entry]] = iter(())

    def page(self, number: int, address: int, skip: int, count: int, *, deleted: bool) -> Page:
        """Return the entries that `count` names of a folder give, after the first `skip`; raise OSError.

        A name may give no entry, or several: one for each of a file's streams.
        """
        volume = self._disk.open(number)
        fat = self._disk.fat(volume)
        if fat is not None and not fat.is_live_folder(address):
            fat = None
        if self._at != (number, address, deleted, skip):
            self._rest = self._names(volume, fat, address, deleted=deleted)
            for _ in islice(self._rest, skip):
                pass
        self._at = None  # if this fails the next page begins anew
        names = list(islice(self._rest, count))
        self._at = (number, address, deleted, skip + len(names))
        damaged = not skip and self._is_damaged(volume, fat, address)
        return Page([entry for entries in names for entry in entries], len(names) == count, damaged)

    def _is_damaged(self, volume: OpenVolume, fat: FatVolume | None, address: int) -> bool:
        if fat is not None:
            return fat.folder_is_damaged(address)
        return touches(volume, volume.fs.open_meta(address))

    def _names(
        self, volume: OpenVolume, fat: FatVolume | None, address: int, *, deleted: bool
    ) -> Iterator[list[Entry]]:
        """Yield for each name in a folder its entries; `fat` reads the live ones if it is given."""
        if fat is not None:
            for named in read_folder(fat, address):
                place = Place(volume.number, named.address)
                yield [_main_entry(place, named.name, named.facts, deleted=False, sparse=False)]
        if fat is None or deleted:
            for file in volume.fs.open_dir(inode=address):
                live = bool(int(file.info.name.flags) & _ALLOCATED_NAME)
                if (fat is None and live) or (deleted and not live):
                    yield list(self._entries(volume, file, live=live))

    def _entries(self, volume: OpenVolume, found: Any, *, live: bool) -> Iterator[Entry]:
        name = found.info.name
        file = found if live else _deleted_file(volume, found)
        meta = file.info.meta
        virtual = meta is not None and int(meta.type) in _VIRTUAL
        if virtual or _is_dots(name) or _is_system(volume, name):
            return
        if meta is None:
            yield _nameless(volume, name, "record" if live else "name-only", deleted=not live)
            return
        facts = self._disk.facts(volume).read(file, name)
        if facts.no_file:
            return
        if live and not int(meta.flags) & _ALLOCATED:
            facts.reason = "free"
        yield from _streams(volume, file, bytes(name.name), facts, deleted=not live)


def _deleted_file(volume: OpenVolume, found: Any) -> Any:
    """Return a deleted file with its record, which NTFS counts as one use older than its name."""
    name = found.info.name
    if (
        volume.file_system != "ntfs"
        or found.info.meta is not None
        or int(name.meta_addr) < _NTFS_SYSTEM_FILES
    ):
        return found
    try:
        file = volume.fs.open_meta(int(name.meta_addr))
    except OSError:
        return found
    meta = file.info.meta
    unused = not int(meta.flags) & _ALLOCATED and int(meta.seq) == int(name.meta_seq) + 1
    return file if unused else found


def _is_dots(name: Any) -> bool:
    """Say whether this is a folder's entry for itself or for the one above."""
    folder = int(pytsk3.TSK_FS_NAME_TYPE_DIR)
    return bytes(name.name) in _DOTS and int(name.type) in (folder, int(pytsk3.TSK_FS_NAME_TYPE_UNDEF))


def _is_system(volume: OpenVolume, name: Any) -> bool:
    return volume.file_system == "ntfs" and int(name.meta_addr) < _NTFS_SYSTEM_FILES


def _nameless(volume: OpenVolume, name: Any, reason: str, *, deleted: bool) -> Entry:
    """Return an entry of which there is only the name."""
    folder = int(name.type) == int(pytsk3.TSK_FS_NAME_TYPE_DIR)
    place = Place(volume.number, max(0, int(name.meta_addr)))
    kind = UNREADABLE_FOLDER if folder else UNREADABLE
    return Entry(place, bytes(name.name), kind, 0, deleted=deleted, reason=reason)


def _streams(volume: OpenVolume, file: Any, shown: bytes, facts: Facts, *, deleted: bool) -> Iterator[Entry]:
    """Yield the entry of a file, then those of its further streams."""
    place = Place(volume.number, int(file.info.meta.addr))
    name = shown if facts.name is None else facts.name
    attributes = list(islice(file, _STREAMS_MAX)) if facts.type in (FILE, FOLDER) else []
    main = [a for a in attributes if not _further(volume, a)]
    sparse = any(int(a.info.flags) & _SPARSE for a in main) or volume.file_system.startswith("ext")
    yield _main_entry(place, name, facts, deleted=deleted, sparse=sparse)
    for attribute in attributes:
        if _further(volume, attribute):
            info = attribute.info
            further = Place(place.volume, place.address, Stream(int(info.type), int(info.id)))
            full = name + b":" + bytes(info.name or b"rsrc")
            is_sparse = bool(int(info.flags) & _SPARSE)
            yield _entry(further, full, FILE, int(info.size), facts, deleted=deleted, sparse=is_sparse)


def _main_entry(place: Place, name: bytes, facts: Facts, *, deleted: bool, sparse: bool) -> Entry:
    """Return the entry of a file or folder itself."""
    kind = facts.type
    if facts.reason:
        kind = UNREADABLE_FOLDER if kind == FOLDER else UNREADABLE
    size = facts.size if kind == FILE else 0
    return _entry(place, name, kind, size, facts, deleted=deleted, sparse=sparse)


def _further(volume: OpenVolume, attribute: Any) -> bool:
    """Say whether an attribute is a stream beside the main one."""
    kind = int(attribute.info.type)
    if volume.file_system == "ntfs":
        return kind == DATA and bool(attribute.info.name)
    return volume.file_system == "hfs" and kind == _HFS_RESOURCE and int(attribute.info.size) > 0


def _entry(
    place: Place, name: bytes, kind: str, size: int, facts: Facts, *, deleted: bool, sparse: bool
) -> Entry:
    return Entry(
        place, name, kind, size, deleted, facts.mtime, facts.atime, facts.ctime, facts.btime, facts.mode,
        facts.uid, facts.gid, facts.nlink, facts.attributes, facts.target, sparse,
        place.stream is None and kind == FILE and (facts.nlink or 0) > 1, facts.local, facts.reason,
    )  # fmt: skip
