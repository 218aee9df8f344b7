"""What a disk image holds, as values; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from bearwitness_verify.canonical import Json

READ_BYTES_MAX: Final = 1 << 20  # of one answer
SECTOR_BYTES: Final = 512  # the smallest piece a disk gives
VOLUMES_MAX: Final = 256  # a GPT has 128 entries; chains of extended partitions can be endless

FILE: Final = "file"
FOLDER: Final = "folder"
SYMLINK: Final = "symlink"
UNREADABLE: Final = "unreadable"
UNREADABLE_FOLDER: Final = "unreadable-folder"
TYPES: Final = (
    FILE, FOLDER, SYMLINK, UNREADABLE, UNREADABLE_FOLDER,
    "fifo", "character-device", "block-device", "socket", "other",
)  # fmt: skip

# Why an entry can not be read, as the child may say it: codes, so that it writes no sentences of its own.
REASONS: Final = {
    "record": "its record in the file system can not be read",
    "free": "the file system counts its record as free",
    "elsewhere": "its content is kept in a way only the system that wrote it can read",
    "name-only": "only the name is left",
}
# What is wrong with a range of a file.
HOLES: Final = {
    "sector": "unreadable sectors of the disk",
    "structure": "the file system's structures lead nowhere",
    "unstable": "sectors that gave different bytes when read again",
}


class Stream(NamedTuple):
    """Which of a file's streams: type and id of the attribute that holds it."""

    type: int
    id: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file lies: the number of its volume, its meta address, its stream (None: the main one)."""

    volume: int
    address: int
    stream: Stream | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder of an image. What the file system does not keep is None; times in nanoseconds."""

    place: Place
    name: bytes
    type: str
    size: int
    deleted: bool = False
    mtime: int | None = None
    atime: int | None = None
    ctime: int | None = None
    btime: int | None = None
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    nlink: int | None = None
    attributes: int | None = None  # of DOS and Windows
    target: bytes | None = None
    sparse: bool = False
    several: bool = False  # names
    local: bool = False  # its times are those of a clock on a wall, the zone unknown
    reason: str = ""  # a code of REASONS


class Page(NamedTuple):
    """Some entries of a folder."""

    entries: list[Entry]
    more: bool
    damaged: bool  # the folder itself lies on sectors that can not be read


class Hole(NamedTuple):
    """A range of a file that is zero in what was read, or not to be trusted, and why (a code of HOLES)."""

    offset: int
    length: int
    reason: str


@dataclass(frozen=True, slots=True)
class Volume:
    """A partition, or the whole medium where it has none."""

    number: int
    offset: int
    length: int
    kind: str  # what the partition table calls it
    file_system: str  # empty where none can be read
    root: int
    orphans: int  # address of the virtual folder of lost deleted files, 0 if there is none
    trouble: str  # why it can not be read
    ids: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Layout:
    """What is on a medium. `ids` tell this disk from all others."""

    size: int
    table: str
    volumes: tuple[Volume, ...]
    ids: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Acquisition:
    """What an EWF image says of how it was made; `hashes` by name, in hexadecimal."""

    hashes: Mapping[str, str]
    facts: Mapping[str, Json]
