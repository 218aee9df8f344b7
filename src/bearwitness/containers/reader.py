"""Reading a hostile file a little at a time: every byte asked for is counted.

:class:`Reader` wraps a :class:`ByteSource`. Short reads come out of a window, so that walking
headers costs one system call a window; what is skipped is never read.
"""

from __future__ import annotations

import os
from typing import Final, Protocol

from .model import ContainerError, TooLargeError

WINDOW_BYTES: Final = 4_096


class ByteSource(Protocol):
    """A file that can be read anywhere."""

    @property
    def size(self) -> int:
        """How many bytes it has."""

    def pread(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer only at the end of the file."""


class FileSource:
    """An open file or device; its position is moved to the end, which is all the sandbox lets it ask."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.size = os.lseek(fd, 0, os.SEEK_END)

    def pread(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer only at the end of the file."""
        parts, data = [], os.pread(self._fd, length, offset)
        while data and len(data) < length:  # a signal, or more than the kernel gives in one call
            parts.append(data)
            offset, length = offset + len(data), length - len(data)
            data = os.pread(self._fd, length, offset)
        return b"".join([*parts, data]) if parts else data


class BytesSource:
    """A file in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def pread(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer only at the end of the data."""
        return self._data[offset : offset + length]


class Reader:
    """Reads a source through a window; at most `budget` bytes altogether."""

    def __init__(self, source: ByteSource, budget: int) -> None:
        self.size = source.size
        self._source = source
        self._left = budget
        self._window = b""
        self._window_at = 0

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes from `offset`; raise ContainerError where the file ends before."""
        data = self.some(offset, length)
        if len(data) < length:
            raise ContainerError("the file ends inside its index")
        return data

    def some(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer at the end of the file."""
        begin = offset - self._window_at
        if begin >= 0 and begin + length <= len(self._window):
            return self._window[begin : begin + length]
        if length > WINDOW_BYTES:
            return self._fetch(offset, length)
        self._window, self._window_at = self._fetch(offset, WINDOW_BYTES), offset
        return self._window[:length]

    def _fetch(self, offset: int, length: int) -> bytes:
        length = min(length, self.size - offset)
        if offset < 0 or length <= 0:
            return b""
        self._left -= length
        if self._left < 0:
            raise TooLargeError("reading the index takes more than is read of any")
        return self._source.pread(offset, length)
