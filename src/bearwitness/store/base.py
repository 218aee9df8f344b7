"""The small protocol every storage place answers.

Paths are relative, ``/`` between parts, printable ASCII, never ``..``. `write` is atomic and durable when it
returns; what is written under a hash-derived name is the same whoever writes it, so a double
write is harmless and no store needs a create-only mode.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from bearwitness.errors import MalformedError

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")


class Store(Protocol):
    """Bytes by path."""

    def read(self, path: str) -> bytes:
        """Return the bytes at `path`; raise KeyError if there are none."""

    def read_range(self, path: str, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`; raise KeyError if there is no such path."""

    def read_into(self, path: str, offset: int, view: memoryview) -> int:
        """Fill `view` from `offset`, less at the end; return the count. Raises KeyError like `read`."""

    def write(self, path: str, data: bytes) -> None:
        """Put `data` at `path`, replacing what was there, durable when this returns."""

    def remove(self, path: str) -> None:
        """Remove `path`; no error if it is not there."""

    def size(self, path: str) -> int | None:
        """Return the length in bytes, None if there is nothing at `path`."""

    def names(self, prefix: str) -> Iterator[str]:
        """Yield every path below the folder `prefix` (``""``: all), in no order."""


def check_path(path: str) -> str:
    """Return `path` if it is one a store accepts; raise MalformedError."""
    if not all(_PART.match(part) for part in path.split("/")):
        raise MalformedError(f"{path!r} is not a path a vault can hold")
    return path
