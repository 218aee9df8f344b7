"""What a file system keeps of a file, exactly: names as bytes, times to the last unit, attributes.

The Sleuth Kit rounds and replaces: control characters in a link's target become `^`, halves of surrogate
pairs in a name too, times before 1970 or after 2037 are lost. The readers beside this module
(:mod:`.facts_ext`, :mod:`.facts_ntfs`, :mod:`.fat_names`) take these from the raw records instead. Runs in
the locked child.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import Any, Final, Protocol

import pytsk3

from .medium import Medium
from .model import FILE, FOLDER, SYMLINK

TYPES: Final = {
    int(pytsk3.TSK_FS_META_TYPE_REG): FILE,
    int(pytsk3.TSK_FS_META_TYPE_DIR): FOLDER,
    int(pytsk3.TSK_FS_META_TYPE_LNK): SYMLINK,
    int(pytsk3.TSK_FS_META_TYPE_FIFO): "fifo",
    int(pytsk3.TSK_FS_META_TYPE_CHR): "character-device",
    int(pytsk3.TSK_FS_META_TYPE_BLK): "block-device",
    int(pytsk3.TSK_FS_META_TYPE_SOCK): "socket",
}
_MODES: Final = {
    FILE: stat.S_IFREG,
    FOLDER: stat.S_IFDIR,
    SYMLINK: stat.S_IFLNK,
    "fifo": stat.S_IFIFO,
    "character-device": stat.S_IFCHR,
    "block-device": stat.S_IFBLK,
    "socket": stat.S_IFSOCK,
}
READ_ONLY: Final = 1  # of the attributes of DOS
TARGET_BYTES_MAX: Final = 65_536


@dataclass
class Facts:
    """What is known of one file; None: not kept. `name` is there where that of the listing is not exact."""

    type: str
    size: int
    mtime: int | None = None
    atime: int | None = None
    ctime: int | None = None
    btime: int | None = None
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    nlink: int | None = None
    attributes: int | None = None
    target: bytes | None = None
    name: bytes | None = None
    local: bool = False  # the times are those of a clock on a wall, its zone unknown
    no_file: bool = False  # a structure of the file system that the listing shows as if it were a file
    reason: str = ""


@dataclass(frozen=True)
class OpenVolume:
    """A volume whose file system is open."""

    number: int
    offset: int
    length: int
    medium: Medium
    fs: Any
    file_system: str

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes of the volume; zeros beyond its end."""
        return self.medium.read(self.offset + offset, length)


class FactsReader(Protocol):
    """Finds out what one kind of file system keeps of a file."""

    def read(self, file: Any, name: Any) -> Facts:
        """Return the facts of a file of The Sleuth Kit that has a record, found under `name`."""


class SleuthFacts:
    """What The Sleuth Kit itself says: for file systems without a reader of their own."""

    def __init__(self, volume: OpenVolume) -> None:
        self._volume = volume

    def read(self, file: Any, name: Any) -> Facts:
        """Return the facts of `file`."""
        facts = basic_facts(file)
        meta = file.info.meta
        facts.mode = mode_of(facts.type, int(meta.mode))
        facts.uid, facts.gid, facts.nlink = int(meta.uid), int(meta.gid), int(meta.nlink)
        facts.mtime = _time(meta.mtime, meta.mtime_nano)
        facts.atime = _time(meta.atime, meta.atime_nano)
        facts.ctime = _time(meta.ctime, meta.ctime_nano)
        facts.btime = _time(meta.crtime, meta.crtime_nano)
        if facts.type == SYMLINK:
            facts.target = link_target(file)
        return facts


def basic_facts(file: Any) -> Facts:
    """Return type and size of `file`."""
    meta = file.info.meta
    return Facts(TYPES.get(int(meta.type), "other"), max(0, int(meta.size)))


def mode_of(kind: str, permissions: int) -> int:
    """Return what `stat` would call the mode of a file of this kind."""
    return _MODES.get(kind, 0) | permissions & 0o7777


def mode_without_owner(kind: str, attributes: int) -> int:
    """Return a mode for a file on a file system that knows no owners, only whether it may be written."""
    permissions = 0o755 if kind == FOLDER else 0o644
    return mode_of(kind, permissions & ~0o222 if attributes & READ_ONLY else permissions)


def link_target(file: Any) -> bytes:
    """Return where a symbolic link points: its content, or what the listing says."""
    size = min(int(file.info.meta.size), TARGET_BYTES_MAX)
    said = file.info.meta.link
    if said is not None:
        return bytes(said)
    try:
        return bytes(file.read_random(0, size)) if size else b""
    except OSError:
        return b""


def _time(seconds: int, nanoseconds: int) -> int | None:
    """Return a time; The Sleuth Kit writes zero where there is none."""
    if not seconds and not nanoseconds:
        return None
    return int(seconds) * 1_000_000_000 + int(nanoseconds)
