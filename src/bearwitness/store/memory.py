"""A store in memory, for tests and for building things before they are written."""

from __future__ import annotations

from collections.abc import Iterator

from .base import check_path


class MemoryStore:
    """Bytes by path in a dictionary."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def read(self, path: str) -> bytes:
        """Return the bytes at `path`; raise KeyError if there are none."""
        return self.files[check_path(path)]

    def read_range(self, path: str, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        return self.files[check_path(path)][offset : offset + length]

    def read_into(self, path: str, offset: int, view: memoryview) -> int:
        """Fill `view` from `offset`, less at the end; return the count."""
        data = self.read_range(path, offset, len(view))
        view[: len(data)] = data
        return len(data)

    def write(self, path: str, data: bytes) -> None:
        """Put `data` at `path`."""
        self.files[check_path(path)] = bytes(data)

    def remove(self, path: str) -> None:
        """Remove `path`."""
        self.files.pop(check_path(path), None)

    def size(self, path: str) -> int | None:
        """Return the length in bytes, None if there is nothing at `path`."""
        data = self.files.get(check_path(path))
        return None if data is None else len(data)

    def names(self, prefix: str) -> Iterator[str]:
        """Yield every path below the folder `prefix`."""
        start = check_path(prefix) + "/" if prefix else ""
        yield from [path for path in self.files if path.startswith(start)]
