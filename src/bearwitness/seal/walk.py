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
            with os.scandir(os.path.join(root, folder) if folder else root) as names:
                for entry in names:
                    path = folder + b"/" + entry.name if folder else entry.name
                    found = _look(entry, path, run_key)
                    if found.type == FOLDER:
                        found = _enter(entry, found, device, exclude)
                        if found.type == FOLDER:
                            pending.append(path)
                    yield found
        except OSError as error:
            yield unreadable("unreadable-folder", folder, error, run_key)


def _look(entry: os.DirEntry[bytes], path: bytes, run_key: bytes) -> Found:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        return unreadable("unreadable", path, error, run_key)
    kind = _TYPES.get(stat.S_IFMT(status.st_mode), "other")
    size = status.st_size if kind == FILE else 0
    several = kind == FILE and status.st_nlink > 1
    inode = (status.st_dev, status.st_ino) if several else None
    return Found(kind, path, size, tag_of(path, status, run_key), inode)


def _enter(
    entry: os.DirEntry[bytes], found: Found, device: int, exclude: frozenset[tuple[int, int]]
) -> Found:
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
    """Return the keyed tag by which a resumed run knows that this file, in this state, was sealed."""
    state = b"%d %d %d %d %d %d\x00" % (
        status.st_mode,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
        status.st_dev,
    )
    return hmac.digest(run_key, state + path, "sha256")[:TAG_BYTES]
