"""The two readings of a device: tags of what the first one read, and the second that is compared with them.

A failing drive can give other bytes each time without any error. Of the first reading a keyed tag of each MiB
is kept; the second reads past the page cache, else it would read the machine's memory and could not differ.
Where it does, the MiB is read again and again and narrowed down to the sectors that change.
"""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Final

from bearwitness.images.model import SECTOR_BYTES
from bearwitness.images.ranges import Ranges

from .reading import FileReading

CHUNK_BYTES: Final = 1 << 20
TAG_BYTES: Final = 16
_READINGS_MORE: Final = 3  # of a MiB that differed
_ALIGNMENT: Final = 4096  # what reading past the page cache wants of offsets, lengths and memory


class Tagger:
    """Takes the bytes of the first reading in order; writes a tag of each MiB and hashes them all."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._file = path.open("wb")
        self._key = key
        self._chunk = self._new()
        self._whole = sha256()
        self._zeros = bytes(65_536)
        self.at = 0

    def feed(self, data: memoryview, offset: int) -> None:
        """Take the bytes from `offset`; what lies between is a hole and reads as zeros."""
        while self.at < offset:
            self._take(memoryview(self._zeros)[: offset - self.at])
        self._take(data)

    def _take(self, data: memoryview) -> None:
        self._whole.update(data)
        while data:
            room = CHUNK_BYTES - self.at % CHUNK_BYTES
            self._chunk.update(data[:room])
            self.at += len(data[:room])
            data = data[room:]
            if not self.at % CHUNK_BYTES:
                self._end_chunk()

    def _end_chunk(self) -> None:
        self._file.write(self._chunk.digest())
        self._chunk = self._new()

    def _new(self) -> blake2b:
        return blake2b(key=self._key, digest_size=TAG_BYTES)

    def finish(self, size: int) -> str:
        """Take the hole up to `size` at the end; return SHA-256 of all. The tags are durable then."""
        self.feed(memoryview(b""), size)
        if self.at % CHUNK_BYTES:
            self._end_chunk()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._whole.hexdigest()

    def close(self) -> None:
        """Give up."""
        self._file.close()


class DirectReading(FileReading):
    """Reads a device or image; the pieces of a range that fails, past the page cache.

    The cache reads whole pages of 4,096 bytes, so that one sector that fails would take seven others with it.
    """

    def __init__(self, path: bytes) -> None:
        super().__init__(path)
        self._buffer = memoryview(mmap.mmap(-1, CHUNK_BYTES + _ALIGNMENT))
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECT
        try:
            self._direct = os.open(f"/proc/self/fd/{self._file}", flags)
        except OSError:  # not on this file system
            self._direct = -1

    def _get(self, view: memoryview, offset: int) -> int:
        if len(view) > _ALIGNMENT:
            return super()._get(view, offset)
        got = min(self._get_direct(offset, -(-len(view) // SECTOR_BYTES) * SECTOR_BYTES), len(view))
        if not got:
            return super()._get(view, offset)
        view[:got] = self._buffer[:got]
        return got

    def _get_direct(self, offset: int, length: int) -> int:
        """Read into the buffer; return how many bytes, 0 where the device or file can not be read so."""
        if self._direct < 0:
            return 0
        try:
            return os.preadv(self._direct, [self._buffer[:length]], offset)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return 0

    def close(self) -> None:
        """Close it."""
        if self._direct >= 0:
            os.close(self._direct)
        super().close()


class SecondReading(DirectReading):
    """Reads a device or image past the page cache where the kernel allows it."""

    def read(self, offset: int, length: int) -> memoryview:
        """Return `length` bytes from `offset`, valid until the next call; unreadable ones are zero."""
        try:
            got = self._get_direct(offset, -(-length // _ALIGNMENT) * _ALIGNMENT)
        except OSError:
            got = 0
        if got >= length:
            return self._buffer[:length]
        os.posix_fadvise(self._file, offset, length, os.POSIX_FADV_DONTNEED)
        room = memoryview(bytearray(length))
        self.fill(room, offset)
        return room


@dataclass
class Compared:
    """What two readings of a disk have to say: SHA-256 of the second, where they differ."""

    sha256: str = ""
    sectors: Ranges = field(default_factory=Ranges)  # that gave different bytes when read again
    chunks: Ranges = field(default_factory=Ranges)  # that differed once and could not be narrowed down

    @property
    def unstable(self) -> Ranges:
        """All that is not to be trusted."""
        return Ranges([*self.sectors, *self.chunks])


Read = Callable[[int, int], memoryview]


def compare(read: Read, size: int, tags: Path, key: bytes, progress: Callable[[int], None]) -> Compared:
    """Read all of a disk of `size` bytes again and compare it with the `tags` of the first reading."""
    compared, whole = Compared(), sha256()
    with tags.open("rb") as file:
        for offset in range(0, size, CHUNK_BYTES):
            length = min(CHUNK_BYTES, size - offset)
            data = read(offset, length)
            whole.update(data)
            if blake2b(data, key=key, digest_size=TAG_BYTES).digest() != file.read(TAG_BYTES):
                _narrow(read, offset, length, bytes(data), compared)
            progress(length)
    compared.sha256 = whole.hexdigest()
    return compared


def _narrow(read: Read, offset: int, length: int, seen: bytes, compared: Compared) -> None:
    """Find which sectors of a MiB that differed change from reading to reading."""
    changing = Ranges()
    for _ in range(_READINGS_MORE):
        again = read(offset, length)
        for at in range(0, length, SECTOR_BYTES):
            if again[at : at + SECTOR_BYTES] != seen[at : at + SECTOR_BYTES]:
                changing.add(offset + at, min(SECTOR_BYTES, length - at))
    for begin, size in changing or [(offset, length)]:
        (compared.sectors if changing else compared.chunks).add(begin, size)
