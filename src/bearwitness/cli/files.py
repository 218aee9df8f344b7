"""Plain files that commands are given, and that they write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bearwitness.errors import UsageError
from bearwitness.media.source import Source, regular_file


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Give a regular file to decode; raise SourceError for anything else, and wait for no pipe."""
    with regular_file(path) as descriptor:
        yield Source.of_file(descriptor, path.name)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that was not there; raise UsageError where one is."""
    try:
        with open(path, "xb") as file:
            file.write(data)
    except FileExistsError:
        raise UsageError(f"{path} exists already and is not overwritten") from None
