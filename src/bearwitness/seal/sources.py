"""What a worker reads from: a mounted folder, or a single file. (Disk images: imaging.py.)"""

from __future__ import annotations

import os
from typing import Protocol

from bearwitness_verify.canonical import Json

from .reading import FileReading, Reading
from .statx import FileState, state_of
from .walk import Found


class Source(Protocol):
    """Names below a source, opened as they were found."""

    how: str

    def present(self) -> bool:
        """Say whether the source is still there: a drive that was pulled out is no unreadable file."""

    def open(self, found: Found) -> Reading:
        """Open a file for reading; raise OSError."""

    def lstat(self, found: Found) -> FileState:
        """Return what the file system says of the name itself; raise OSError."""

    def link_target(self, found: Found) -> bytes:
        """Return where a symbolic link points; raise OSError."""

    def origin(self, found: Found) -> dict[str, Json] | None:
        """Return where on an imaged device it lay, None for what its path says all about."""


class FolderSource:
    """A folder of a mounted file system: a logical copy, not an image."""

    how = "logical copy"

    def __init__(self, root: bytes) -> None:
        self.root, self._below = root, os.path.join(root, b"")
        status = os.stat(root)
        self._root_inode = (status.st_dev, status.st_ino)
        self._block_device = f"/sys/dev/block/{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
        self._on_block_device = os.path.exists(self._block_device)

    def present(self) -> bool:
        """Say whether the folder is still itself and the disk below it still connected."""
        try:
            status = os.stat(self.root)
        except OSError:
            return False
        if self._on_block_device and not os.path.exists(self._block_device):
            return False
        return (status.st_dev, status.st_ino) == self._root_inode

    def open(self, found: Found) -> Reading:
        """Open a file."""
        return FileReading(self._below + found.path)

    def lstat(self, found: Found) -> FileState:
        """Return what the file system says of the name itself."""
        return state_of(os.lstat(self._below + found.path))

    def link_target(self, found: Found) -> bytes:
        """Return where a symbolic link points."""
        return os.readlink(self._below + found.path)

    def origin(self, found: Found) -> None:
        """Return nothing: the path says it."""
