"""What a worker reads when an image is sealed: the disk as a whole, files in it, what we wrote about it."""

from __future__ import annotations

import errno
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from bearwitness.errors import SandboxError
from bearwitness.images.disk_image import DiskImage, ImageError
from bearwitness.images.model import HOLES, READ_BYTES_MAX, Entry, Hole
from bearwitness.images.ranges import Ranges
from bearwitness_verify.canonical import Json, b64

from .imaging_compare import DirectReading, Tagger
from .imaging_notes import Notes
from .imaging_target import Target
from .imaging_walk import DELETED, Seen
from .intake import UnreadIndexError
from .reading import FileReading, Loss, Reading
from .statx import FileState
from .walk import Found

MADE_BY: Final = "bearwitness"
_LOSSES_MAX: Final = 10_000  # told one by one of a file; beyond that it is told to be lost from there on
_BEYOND_COUNT: Final = "more unreadable ranges than are told one by one"


class Whole(NamedTuple):
    """Names one of the files that make up the image, by its number."""

    number: int


class Made(NamedTuple):
    """Names a file that we wrote: what it says, and when."""

    data: bytes
    time: int


@dataclass(frozen=True)
class FirstReading:
    """Where the first reading of a disk leaves its traces for the second; `key` is that of the run."""

    tags: Path
    notes: Notes
    key: bytes


class ImageSource:
    """The source of both deliveries of an image."""

    def __init__(
        self, target: Target, image: DiskImage | None, first: FirstReading | None, imaged: Notes | None
    ) -> None:
        self.how = target.how
        self._target, self._image, self._first, self._imaged = target, image, first, imaged

    def present(self) -> bool:
        """Say whether the device or image is still there."""
        return self._target.present()

    def open(self, found: Found) -> Reading:
        """Open what was found for reading; raise OSError."""
        where = found.where
        if isinstance(where, Whole):
            path = self._target.paths[where.number]
            return WholeReading(path, self._first) if self._first else FileReading(path)
        if isinstance(where, Made):
            return MadeReading(where)
        if isinstance(where, Seen) and where.entry is not None and self._image is not None:
            self._learn(self._image)
            return EntryReading(self._image, where.entry)
        raise OSError(errno.ENOENT, "it is not in the image")

    def _learn(self, image: DiskImage) -> None:
        """Take in what the two readings found, which was not known yet when this process was forked."""
        kept = self._imaged.read() if self._imaged else None
        if kept is not None:
            image.know(kept["unreadable"], [*kept["sectors"], *kept["chunks"]])
            self._imaged = None

    def lstat(self, found: Found) -> FileState:
        """Return what the file system in the image says of a name."""
        where = found.where
        if isinstance(where, Seen) and where.entry is not None:
            return state_of_entry(where.entry)
        raise OSError(errno.ENOENT, "it is not in the image")

    def link_target(self, found: Found) -> bytes:
        """Return where a symbolic link in the image points."""
        where = found.where
        if isinstance(where, Seen) and where.entry is not None and where.entry.target is not None:
            return where.entry.target
        raise OSError(errno.EINVAL, "it is no link")

    def origin(self, found: Found) -> dict[str, Json] | None:
        """Return where in the image it lies, or that we wrote it."""
        where = found.where
        if isinstance(where, Made):
            return {"made_by": MADE_BY}
        if not isinstance(where, Seen) or where.entry is None:
            return None
        return _origin(where, where.entry)


def _origin(seen: Seen, entry: Entry) -> dict[str, Json]:
    place = entry.place
    origin: dict[str, Json] = {"address": str(place.address), "volume": str(place.volume)}
    if place.stream is not None:
        origin["stream"] = f"{place.stream.type}-{place.stream.id}"
    if seen.renamed:
        origin["name"] = b64(entry.name)
    if seen.kind == DELETED:
        origin["deleted"] = True
    if entry.local:
        origin["times"] = "local"
    return origin


def state_of_entry(entry: Entry) -> FileState:
    """Return what the file system in the image says of an entry."""
    return FileState(
        entry.size, entry.mtime, entry.atime, entry.ctime, entry.btime, entry.mode, entry.uid, entry.gid,
        entry.nlink, entry.size // 512 + 1, entry.attributes,
    )  # fmt: skip


class WholeReading(DirectReading):
    """The first reading of a device or a raw image."""

    def __init__(self, path: bytes, first: FirstReading) -> None:
        super().__init__(path)
        self._first = first
        self._tagger: Tagger | None = None
        status = os.fstat(self._file)
        self._is_device = stat.S_ISBLK(status.st_mode)
        self._size = os.lseek(self._file, 0, os.SEEK_END)
        self._begun = time.time_ns()

    def state(self) -> FileState:
        """Return size and times: of a device's image, when it was begun."""
        if not self._is_device:
            return super().state()
        blocks = self._size // 512 + 1
        return FileState(self._size, self._begun, None, None, None, None, None, None, None, blocks)

    def fill(self, view: memoryview, offset: int) -> None:
        """Fill all of `view` from `offset`; keep the tags of what was read."""
        super().fill(view, offset)
        if self._tagger is None or offset < self._tagger.at:
            self._restart()
        if self._tagger is not None:
            self._tagger.feed(view, offset)

    def _restart(self) -> None:
        if self._tagger is not None:
            self._tagger.close()
        self._tagger = Tagger(self._first.tags, self._first.key)

    def is_still(self, state: FileState) -> bool:
        """Say whether it is what it was; the first reading ends with this."""
        if not (self._is_device or super().is_still(state)):
            return False
        if self._tagger is None:
            self._restart()
        if self._tagger is not None:
            digest = self._tagger.finish(state.size)
            unreadable = [[loss.offset, loss.length] for loss in self.losses]
            self._first.notes.write({"sha256": digest, "size": state.size, "unreadable": unreadable})
            self._tagger = None
        return True


class MadeReading:
    """A file that we wrote."""

    def __init__(self, made: Made) -> None:
        self._made = made
        self.losses: list[Loss] = []

    def state(self) -> FileState:
        """Return its size and when we wrote it."""
        size = len(self._made.data)
        return FileState(size, self._made.time, None, None, None, None, None, None, None, size)

    def is_still(self, state: FileState) -> bool:
        """Say that it is what it was."""
        return True

    def descriptor(self) -> None:
        """Return None: it is in memory."""

    def fill(self, view: memoryview, offset: int) -> None:
        """Fill `view`."""
        view[:] = self._made.data[offset : offset + len(view)]

    def xattrs(self) -> dict[str, bytes]:
        """Return none."""
        return {}

    def untrusted_index(self) -> bytes | None:
        """Return none: it is no film."""
        return None

    def close(self) -> None:
        """Do nothing."""


class EntryReading:
    """A file in the image, read in the sandbox."""

    def __init__(self, image: DiskImage, entry: Entry) -> None:
        self._image, self._entry = image, entry
        self.losses: list[Loss] = []
        self._unstable = Ranges()
        self._room = memoryview(bytearray(min(entry.size, READ_BYTES_MAX)))
        self._ahead, self._begin = self._room[:0], 0

    def state(self) -> FileState:
        """Return what the file system says of it."""
        return state_of_entry(self._entry)

    def is_still(self, state: FileState) -> bool:
        """Say whether all its sectors gave the same bytes when they were read again."""
        return not self._unstable

    def descriptor(self) -> None:
        """Return None: it is read through the sandbox."""

    def fill(self, view: memoryview, offset: int) -> None:
        """Fill `view`; what can not be read is zero and noted. Raise OSError where nothing can be read."""
        while view:
            at = offset - self._begin
            if not 0 <= at < len(self._ahead):
                self._fetch(offset)
                at = 0
            piece = self._ahead[at : at + len(view)]
            view[: len(piece)] = piece
            view, offset = view[len(piece) :], offset + len(piece)

    def _fetch(self, offset: int) -> None:
        """Ask for as much as one answer gives."""
        self._ahead, self._begin = self._room[: self._entry.size - offset], offset
        try:
            holes = self._image.fill(self._entry.place, self._ahead, offset)
        except ImageError as error:
            raise OSError(errno.EIO, str(error)) from None
        for hole in holes:
            self._note(hole)

    def _note(self, hole: Hole) -> None:
        if hole.reason == "unstable":
            self._unstable.add(hole.offset, hole.length)
            return
        begin = hole.offset - self._begin
        self._ahead[begin : begin + hole.length] = bytes(hole.length)
        reason, last = HOLES[hole.reason], self.losses[-1] if self.losses else None
        if last and last.offset + last.length >= hole.offset and last.reason in (reason, _BEYOND_COUNT):
            last.length = max(last.length, hole.offset + hole.length - last.offset)
        elif len(self.losses) < _LOSSES_MAX:
            self.losses.append(Loss(hole.offset, hole.length, reason))
        elif last:
            last.length, last.reason = hole.offset + hole.length - last.offset, _BEYOND_COUNT

    def xattrs(self) -> dict[str, bytes]:
        """Return none: those of ext and HFS are not read."""
        return {}

    def untrusted_index(self) -> bytes | None:
        """Return what a child of its own says of the file's container; raise UnreadIndexError."""
        try:
            return self._image.untrusted_index(self._entry.place, self._entry.size)
        except SandboxError as error:
            raise UnreadIndexError(str(error)) from None

    def close(self) -> None:
        """Do nothing: the child keeps only the file asked for last."""
