"""Plain files that commands are given, and that they write."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bearwitness.errors import SourceError, UsageError
from bearwitness.media.source import Source


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Give a regular file to decode; raise SourceError for anything else, and wait for no pipe."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise SourceError(f"{path} can not be read: {error.strerror}") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SourceError(f"{path} is not a file")
        yield Source.of_file(descriptor, path.name)
    finally:
        os.close(descriptor)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that was not there; raise UsageError where one is."""
    try:
        with open(path, "xb") as file:
            file.write(data)
    except FileExistsError:
        raise UsageError(f"{path} exists already and is not overwritten") from None
