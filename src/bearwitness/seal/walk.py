"""Walks a folder without following, opening or changing anything, in memory that does not grow.

:func:`walk` yields a :class:`Found` for every name below the source, each with its fate decided by type
alone. What can not be listed is yielded too.
"""

from __future__ import annotations

import hmac
import os
import stat
from collections.abc import Iterator
from typing import Final, NamedTuple

FILE: Final = "file"
FOLDER: Final = "folder"
NOT_WHOLE: Final = "its first name was not read whole"  # so it is worth another try as well
TAG_BYTES: Final = 16
_TYPES: Final = {
    stat.S_IFREG: FILE,
    stat.S_IFDIR: FOLDER,
    stat.S_IFLNK: "symlink",
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "character-device",
    stat.S_IFBLK: "block-device",
}


class Found(NamedTuple):
    """One name below the source: what it is, its path as bytes, and what tells it from a later state."""

    type: str
    path: bytes
    size: int
    tag: bytes
    inode: tuple[int, int] | None  # device and number where the file has several names
    reason: str = ""
    where: object = None  # what a source needs beside the path to open it (disk images)


def walk(root: bytes, run_key: bytes, exclude: frozenset[tuple[int, int]]) -> Iterator[Found]:
    """Yield everything below `root`; folders in `exclude` (device, inode) are not entered."""
    device = os.stat(root).st_dev
    pending = [b""]
    while pending:
        folder = pending.pop()
        try:
            for found in _list(root, folder, run_key, device, exclude):
                if found.type == FOLDER:
                    pending.append(found.path)
                yield found
        except OSError as error:
            yield unreadable("unreadable-folder", folder, error, run_key)


def _list(
    root: bytes, folder: bytes, run_key: bytes, device: int, exclude: frozenset[tuple[int, int]]
) -> Iterator[Found]:
    """Yield the names in one folder, whose access time stays as it is where the system allows."""
    descriptor = open_folder(os.path.join(root, folder) if folder else root, follow=not folder)
    try:
        with os.scandir(descriptor) as names:
            for entry in names:
                name = os.fsencode(entry.name)
                found = _look(entry, folder + b"/" + name if folder else name, run_key)
                yield _enter(entry, found, device, exclude) if found.type == FOLDER else found
    finally:
        os.close(descriptor)


def open_folder(path: bytes, *, follow: bool) -> int:
    """Open a folder to be listed, leaving its access time where the system allows; raise OSError."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        return os.open(path, flags | os.O_NOATIME)
    except PermissionError:  # O_NOATIME is for the owner alone
        return os.open(path, flags)


def _look(entry: os.DirEntry[str], path: bytes, run_key: bytes) -> Found:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        return unreadable("unreadable", path, error, run_key)
    kind = _TYPES.get(stat.S_IFMT(status.st_mode), "other")
    size = status.st_size if kind == FILE else 0
    several = kind == FILE and status.st_nlink > 1
    inode = (status.st_dev, status.st_ino) if several else None
    return Found(kind, path, size, tag_of(path, status, run_key), inode)


def _enter(entry: os.DirEntry[str], found: Found, device: int, exclude: frozenset[tuple[int, int]]) -> Found:
    """Return `found` as it is if the folder may be entered, else with its fate."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return found
    if (status.st_dev, status.st_ino) in exclude:
        return found._replace(type="excluded")
    if status.st_dev != device:
        return found._replace(type="other-filesystem")
    return found


def unreadable(kind: str, path: bytes, error: OSError, run_key: bytes) -> Found:
    """Return what is found where nothing could be read."""
    tag = hmac.digest(run_key, kind.encode() + b"\x00" + path, "sha256")[:TAG_BYTES]
    return Found(kind, path, 0, tag, None, reason_of(error))


def reason_of(error: OSError) -> str:
    """Return why, in the words of the operating system."""
    return error.strerror or error.__class__.__name__


def tag_of(path: bytes, status: os.stat_result, run_key: bytes) -> bytes:
    """Return the keyed tag by which a resumed run knows that this file, in this state, was sealed.

    Numbers of inodes and devices are left out, and rights: a drive that is plugged in again has others.
    """
    state = b"%d %d %d %d\x00" % (
        stat.S_IFMT(status.st_mode),
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
    return hmac.digest(run_key, state + path, "sha256")[:TAG_BYTES]
