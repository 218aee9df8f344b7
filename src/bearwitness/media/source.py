"""Where footage comes from: an open regular file, or something that gives its bytes by ranges.

An item of a vault exists in the clear only in memory: it is served to the child range by range while it
decodes (see :mod:`bearwitness.sandbox.ranges`), and is never on a disk.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bearwitness.errors import SourceError
from bearwitness.sandbox.ranges import Ranges

# A demuxer that seeks reads some places often: index, key frames. What reads more goes in circles.
_TIMES_MAX: Final = 8
_SPARE_BYTES: Final = 1 << 30


@dataclass(frozen=True)
class Source:
    """One file to decode; `name` is for messages, and no decoder sees it."""

    name: str
    size: int
    descriptor: int | None = None
    read: Callable[[int, int], bytes] | None = field(default=None, repr=False)

    @classmethod
    def of_file(cls, descriptor: int, name: str) -> Source:
        """Return the source for a regular file that is open for reading and stays so."""
        return cls(name, os.fstat(descriptor).st_size, descriptor=descriptor)

    @classmethod
    def of_ranges(cls, read: Callable[[int, int], bytes], size: int, name: str) -> Source:
        """Return the source for `size` bytes of which `read(offset, length)` returns exactly a range."""
        return cls(name, size, read=read)

    @classmethod
    def of_bytes(cls, data: bytes, name: str) -> Source:
        """Return the source for bytes in memory."""
        return cls(name, len(data), read=lambda offset, length: data[offset : offset + length])

    def handed(self) -> tuple[list[int], Ranges | None]:
        """Return what the sandbox takes: descriptors, or ranges."""
        if self.read is None:
            return ([] if self.descriptor is None else [self.descriptor]), None
        return [], Ranges(self.size, self.read, _TIMES_MAX * self.size + _SPARE_BYTES)


@contextmanager
def regular_file(path: Path, hint: str = "") -> Iterator[int]:
    """Give a descriptor of a regular file; raise SourceError for anything else, and wait for no pipe."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise SourceError(f"{path} can not be read: {error.strerror}") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SourceError(f"{path} is not a file", hint)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def held_in_memory(data: bytes, name: str) -> Iterator[Source]:
    """Give the source for bytes as a file that exists in memory only, gone afterwards."""
    descriptor = os.memfd_create("held", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as sink:
            sink.write(data)
        yield Source.of_file(descriptor, name)
    finally:
        os.close(descriptor)
