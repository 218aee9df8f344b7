"""Hostile bytes as an ordinary binary file, for libraries that want more than reading and seeking."""

from __future__ import annotations

import io

from .opening import Bytes

_BUFFER_BYTES = 256 << 10


class _Raw(io.RawIOBase):
    def __init__(self, source: Bytes) -> None:
        self._source, self._at = source, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # only this is asked for
        length = min(len(buffer), max(0, self._source.size - self._at))
        data = self._source.pread(self._at, length) if length else b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def as_file(source: Bytes) -> io.BufferedReader:
    """Return `source` as a buffered binary file."""
    return io.BufferedReader(_Raw(source), _BUFFER_BYTES)
