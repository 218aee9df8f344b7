"""The disk itself, as the locked child sees it: raw bytes, or what libewf decodes of an EWF image.

A medium always gives as many bytes as it is asked for. What can not be read is zero and noted in `bad`, so
that :mod:`.content` can tell which files it touches: The Sleuth Kit has no way to say "this part I could not
read".
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import pyewf
import pytsk3

from .ewf_chunks import StoredChunks
from .model import SECTOR_BYTES
from .ranges import Ranges

_PAGE: Final = 4_096
_STEPS: Final = (65_536, _PAGE, SECTOR_BYTES)


class Medium:
    """A disk of `size` bytes; children of this class say how a range is fetched."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.bad = Ranges()
        self.unstable = Ranges()

    def _fetch(self, offset: int, length: int) -> bytes:
        raise NotImplementedError

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; zeros where there are none to be had."""
        inside = max(0, min(length, self.size - offset))
        if inside < length:  # a structure points beyond the end: the image was cut short
            self.bad.add(max(offset, self.size), length - inside)
        data, at = [], offset
        for begin, size in [*self.bad.within(offset, inside), (offset + inside, 0)]:
            data += [self._salvage(at, begin - at, 0), bytes(size)]
            at = begin + size
        return b"".join([*data, bytes(length - inside)])

    def _salvage(self, offset: int, length: int, step: int) -> bytes:
        """Read what can be read of a range, in ever smaller pieces where it fails."""
        if not length:
            return b""
        try:
            return self._fetch(offset, length)
        except OSError:
            while step < len(_STEPS) and _STEPS[step] >= length:
                step += 1
            if step == len(_STEPS):
                self.bad.add(offset, length)
                return bytes(length)
        size, end = _STEPS[step], offset + length
        first = offset + size - offset % size
        cuts = [offset, *range(first, end, size), end]
        return b"".join(self._salvage(a, b - a, step + 1) for a, b in pairwise(cuts))


class RawMedium(Medium):
    """A device, or an image that holds its bytes as they are.

    `files` are the medium and, where there is one, the same opened to be read past the page cache: the cache
    reads whole pages, so that one sector that fails would take seven others with it.
    """

    def __init__(self, files: Sequence[int], sector_bytes: int) -> None:
        super().__init__(os.lseek(files[0], 0, os.SEEK_END))
        self._file, self._direct = files[0], files[1] if len(files) > 1 else None
        self._sector = sector_bytes
        self._buffer = memoryview(mmap.mmap(-1, _PAGE + 2 * sector_bytes))  # aligned, as it must be

    def _fetch(self, offset: int, length: int) -> bytes:
        if length > _PAGE:
            return self._fetch_cached(offset, length)
        page = offset - offset % _PAGE
        if self._direct is not None and self.bad.within(page, offset + length - page + _PAGE):
            return self._fetch_direct(self._direct, offset, length)
        try:
            return self._fetch_cached(offset, length)
        except OSError:
            if self._direct is None:
                raise
        return self._fetch_direct(self._direct, offset, length)

    def _fetch_direct(self, file: int, offset: int, length: int) -> bytes:
        begin = offset % self._sector
        room = self._buffer[: -(-(begin + length) // self._sector) * self._sector]
        os.lseek(file, offset - begin, os.SEEK_SET)  # Python has no other call for this that a child may use
        if os.readv(file, [room]) < begin + length:
            raise OSError("the image became shorter")
        return bytes(room[begin : begin + length])

    def _fetch_cached(self, offset: int, length: int) -> bytes:
        data = os.pread(self._file, length, offset)
        while len(data) < length:  # a signal, or more than the kernel gives in one call
            more = os.pread(self._file, length - len(data), offset + len(data))
            if not more:
                raise OSError("the image became shorter")
            data += more
        return data


class EwfMedium(Medium):
    """An image in the format of EnCase, in one or more segment files."""

    def __init__(self, files: Sequence[int]) -> None:
        segments = [_SegmentFile(file) for file in files]
        self.handle = pyewf.handle()
        self.handle.open_file_objects(segments, "r")
        super().__init__(int(self.handle.get_media_size()))
        self._stored = StoredChunks(segments, self.handle.chunk_size, self.size)

    def _fetch(self, offset: int, length: int) -> bytes:
        data: bytes = self.handle.read_buffer_at_offset(length, offset)
        if len(data) != length:
            raise OSError("a segment file ends early")
        for begin, size in self._stored.damaged(offset, data):
            self.bad.add(begin, size)
        return data


class _SegmentFile:
    """What libewf takes for a file object."""

    def __init__(self, file: int) -> None:
        self._file, self._at = file, 0
        self._size = os.lseek(file, 0, os.SEEK_END)

    def read(self, size: int | None = None) -> bytes:
        """Return the next bytes."""
        data = self.pread(self._at, self._size - self._at if size is None else size)
        self._at += len(data)
        return data

    def pread(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer only at the end."""
        return os.pread(self._file, length, offset)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> None:
        """Go elsewhere."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]

    def tell(self) -> int:
        """Return where we are."""
        return self._at

    def get_offset(self) -> int:
        """Return where we are."""
        return self._at

    def get_size(self) -> int:
        """Return how long it is."""
        return self._size


class SleuthImage(pytsk3.Img_Info):  # type: ignore[misc]
    """The medium as The Sleuth Kit wants it."""

    def __init__(self, medium: Medium, sector_bytes: int) -> None:
        self._medium = medium
        super().__init__(url="", sector_size=sector_bytes)

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes: of a short or failed read The Sleuth Kit may take memory never written."""
        return self._medium.read(offset, length)

    def get_size(self) -> int:
        """Return how long the medium is."""
        return self._medium.size
