"""Reads a file of the source without changing it, through bad sectors if need be.

A range that can not be read is tried again, then in ever smaller steps; what remains is zero in the copy
and listed with offset, length and reason.
"""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass
from typing import Final, Protocol

from . import statx
from .statx import FileState
from .walk import reason_of

RETRIES: Final = 2
READ_AHEAD_BYTES: Final = 4 << 20
SLOW_READ_SECONDS: Final = 0.001  # a piece of 1 MiB comes from memory in a tenth of that
STEPS: Final = (65_536, 4096, 512)  # 512: the smallest sector a disk reads
_GONE: Final = frozenset({errno.ENODEV, errno.ENXIO, errno.ENOMEDIUM, errno.ESHUTDOWN, errno.ENOTCONN})


class SourceGoneError(OSError):
    """The source was pulled away: what is left is not unreadable, it is absent."""


class ChangedError(Exception):
    """The file changed while it was read."""


@dataclass
class Loss:
    """A range that could not be read."""

    offset: int
    length: int
    reason: str


class Reading(Protocol):
    """An open file of some source."""

    losses: list[Loss]

    def state(self) -> FileState:
        """Return what the file system says of it now."""

    def is_still(self, state: FileState) -> bool:
        """Say whether size and times are those of `state`."""

    def descriptor(self) -> int | None:
        """Return a file descriptor to read it with, None if there is none."""

    def fill(self, view: memoryview, offset: int) -> None:
        """Fill all of `view` from `offset`; raise ChangedError if the file ends before."""

    def xattrs(self) -> dict[str, bytes]:
        """Return extended attributes by base64url name."""

    def untrusted_index(self) -> bytes | None:
        """Return a child's answer about the file's container, for a file without a descriptor."""

    def close(self) -> None:
        """Close it."""


class FileReading:
    """A file of a mounted file system."""

    def __init__(self, path: bytes) -> None:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            self._file = os.open(path, flags | os.O_NOATIME)
        except PermissionError:  # O_NOATIME is for the owner alone
            self._file = os.open(path, flags)
        self.losses: list[Loss] = []

    def state(self) -> FileState:
        """Return what the file system says of it now."""
        return statx.state_of_open(self._file)

    def is_still(self, state: FileState) -> bool:
        """Say whether size and times are those of `state`."""
        s = os.fstat(self._file)
        return (s.st_size, s.st_mtime_ns, s.st_ctime_ns) == (state.size, state.mtime, state.ctime)

    def descriptor(self) -> int | None:
        """Return the file descriptor."""
        return self._file

    def xattrs(self) -> dict[str, bytes]:
        """Return extended attributes by base64url name."""
        return statx.extended_attributes(self._file)

    def untrusted_index(self) -> bytes | None:
        """Return nothing: the file has a descriptor with which a child reads it itself."""
        return None

    def close(self) -> None:
        """Close it."""
        os.close(self._file)

    def fill(self, view: memoryview, offset: int) -> None:
        """Fill all of `view` from `offset`; ranges that can not be read become zero and are listed."""
        begin = time.monotonic() if offset else 0.0
        end = offset + len(view)
        while view:
            try:
                got = self._get(view, offset)
            except OSError as error:
                got = self._salvage(view, offset, error)
            if got == 0:
                raise ChangedError
            view, offset = view[got:], offset + got
        if begin and time.monotonic() - begin > SLOW_READ_SECONDS:  # it came from the disk: read ahead
            os.posix_fadvise(self._file, end, READ_AHEAD_BYTES, os.POSIX_FADV_WILLNEED)

    def _get(self, view: memoryview, offset: int) -> int:
        """Read into `view` what one call gives; return how many bytes."""
        return os.preadv(self._file, [view], offset)

    def _salvage(self, view: memoryview, offset: int, error: OSError) -> int:
        """Read what can be read at the start of `view`; return how many bytes are dealt with."""
        if error.errno in _GONE:
            raise SourceGoneError(error.errno, error.strerror) from error
        step = next((s for s in STEPS if s < len(view)), min(len(view), STEPS[-1]))
        piece = view[: step - offset % step]
        for _ in range(RETRIES if len(piece) <= STEPS[-1] else 1):
            try:
                return self._get(piece, offset)
            except OSError as again:
                error = again
        if len(piece) > STEPS[-1]:
            return self._salvage(piece, offset, error)
        piece[:] = bytes(len(piece))
        self._note_loss(offset, len(piece), reason_of(error))
        return len(piece)

    def _note_loss(self, offset: int, length: int, reason: str) -> None:
        last = self.losses[-1] if self.losses else None
        if last and last.offset + last.length == offset and last.reason == reason:
            last.length += length
        else:
            self.losses.append(Loss(offset, length, reason))
