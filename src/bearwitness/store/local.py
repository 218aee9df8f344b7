"""A store in a folder of this machine. Writes are atomic and on the disk when they return."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from bearwitness.errors import storage_error

from .base import check_path

_TEMPORARY = ".part-"  # no path of a store begins with a dot, so leftovers are never taken for files


class LocalStore:
    """Bytes by path below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, path: str) -> Path:
        """Return where `path` lies on the disk."""
        return self.root / check_path(path)

    def read(self, path: str) -> bytes:
        """Return the bytes at `path`; raise KeyError if there are none."""
        try:  # without pathlib: this is done for every entry of the log by every command
            with open(f"{self.root}/{check_path(path)}", "rb", buffering=0) as file:
                return file.read()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise KeyError(path) from None

    def read_range(self, path: str, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        try:
            with self.path(path).open("rb") as file:
                return os.pread(file.fileno(), length, offset)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise KeyError(path) from None

    def read_into(self, path: str, offset: int, view: memoryview) -> int:
        """Fill `view` from `offset`, less at the end; return the count."""
        try:  # without pathlib and file objects, which took two thirds of the time of a piece in the cache
            file = os.open(f"{self.root}/{check_path(path)}", os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise KeyError(path) from None
        try:
            got = done = os.preadv(file, [view], offset)
            while got and done < len(view):
                got = os.preadv(file, [view[done:]], offset + done)
                done += got
        except IsADirectoryError:
            raise KeyError(path) from None
        else:
            return done
        finally:
            os.close(file)

    def write(self, path: str, data: bytes) -> None:
        """Put `data` at `path`, atomically and durably; raise StorageError."""
        target = self.path(path)
        temporary = target.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
        try:
            make_folder(target.parent)
            try:
                with temporary.open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(target)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            sync_folder(target.parent)
        except OSError as error:
            raise storage_error(error, str(self.root)) from error

    def adopt(self, file: Path, path: str) -> None:
        """Move a finished, synced `file` of the same disk to `path`; the caller syncs the folder."""
        target = self.path(path)
        try:
            make_folder(target.parent)
            file.replace(target)
        except OSError as error:
            raise storage_error(error, str(self.root)) from error

    def remove(self, path: str) -> None:
        """Remove `path`; no error if it is not there."""
        target = self.path(path)
        try:
            target.unlink()
            sync_folder(target.parent)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return
        except OSError as error:
            raise storage_error(error, str(self.root)) from error

    def size(self, path: str) -> int | None:
        """Return the length in bytes, None if there is no file at `path`."""
        try:
            status = self.path(path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def names(self, prefix: str) -> Iterator[str]:
        """Yield every path below the folder `prefix`; leftovers of interrupted writes are not named.

        Raises StorageError for a folder that can not be read: what is in it would count as not there.
        """
        start = str(self.path(prefix) if prefix else self.root)

        def unread(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError | NotADirectoryError):
                raise storage_error(error, str(error.filename)) from error

        for folder, _, files in os.walk(start, onerror=unread):
            below = (prefix + folder[len(start) :]).strip("/")
            for name in files:
                if not name.startswith(_TEMPORARY):
                    yield f"{below}/{name}" if below else name

    def leftovers(self) -> Iterator[Path]:
        """Yield what interrupted writes left; only for one who knows that nobody is writing."""
        yield from self.root.rglob(f"{_TEMPORARY}*")


def write_new(path: Path, data: bytes) -> None:
    """Put `data` into a new file that its owner alone can read; where that fails nothing is left of it.

    Raises FileExistsError if something is there, OSError.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def make_folder(folder: Path) -> None:
    """Make `folder` and its parents, each durable in the one above."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
