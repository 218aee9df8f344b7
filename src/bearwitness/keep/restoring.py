"""Writes sealed files out again, with their names and times, each checked against what was sealed.

A manifest may come from a kit that somebody tampered with: no name of it leads out of the destination, and
nothing is ever written through a symbolic link.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

from bearwitness.errors import BearwitnessError, RefusedError, storage_error
from bearwitness.vault.delivery import Folder, OpenDelivery, Record
from bearwitness_verify.canonical import Json, text, unb64
from bearwitness_verify.report import printable_path

_OTHER_STATE_DIGITS: Final = 8  # of the item's id, added to the name of a second state of a file
_FULL: Final = frozenset({errno.ENOSPC, errno.EROFS, errno.EDQUOT})  # nothing else will fit either
_NO_RIGHTS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})  # some over a network do so


@dataclass
class Restored:
    """What was written, and what was not and why."""

    files: int = 0
    bytes: int = 0
    others: int = 0
    problems: list[str] = field(default_factory=list)


class Restorer:
    """Writes items below `destination`, which must be new or empty."""

    def __init__(self, destination: Path, progress: Callable[[int], None]) -> None:
        self._progress = progress
        try:
            destination.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(destination.iterdir()):
                raise RefusedError(f"{destination} is not empty", "choose another place")
        except OSError as error:
            raise storage_error(error, str(destination)) from error
        self._root = os.fsencode(destination)
        self.result = Restored()
        self._by_item: dict[str, bytes] = {}
        self._folders: list[Folder] = []
        self._without_rights = 0

    def restore(
        self, delivery: OpenDelivery, records: Iterable[tuple[str, Record]], subfolder: bytes
    ) -> None:
        """Write the items (id, record) of a delivery below `subfolder`; links after files."""
        links = []
        for item, record in records:
            if record.fate["type"] == "file" and "same_as" not in record.fate:
                self._guarded(record, partial(self._file, delivery, item, record, subfolder))
            else:
                links.append(record)
        for record in links:
            self._guarded(record, partial(self._other, record, subfolder))

    def folders(self, folders: Iterable[Folder], subfolder: bytes) -> None:
        """Make folders; their times are set by :meth:`finish`, after everything in them."""
        for folder in folders:
            self._guarded(folder, partial(self._folder, folder, subfolder))

    def _folder(self, folder: Folder, subfolder: bytes) -> None:
        path = _join(subfolder, folder.path)
        with contextlib.closing(_Place(self._root, path + b"/x")):
            self._folders.append(Folder(path, folder.mode, folder.mtime))

    def finish(self) -> Restored:
        """Set the folders' times and modes, innermost first."""
        for folder in sorted(self._folders, key=lambda f: f.path.count(b"/"), reverse=True):
            self._guarded(folder, partial(self._finish_folder, folder))
        if self._without_rights:
            self.result.problems.append(
                f"the file system at {os.fsdecode(self._root)} does not keep the rights of files: "
                f"{self._without_rights} files and folders have others than were sealed"
            )
        return self.result

    def _finish_folder(self, folder: Folder) -> None:
        with contextlib.closing(_Place(self._root, folder.path + b"/x")) as place:
            os.utime(place.folder, ns=(folder.mtime, folder.mtime))
            self._set_rights(place.folder, folder.mode & 0o777 | 0o700)

    def _set_rights(self, file: int, mode: int) -> None:
        try:
            os.fchmod(file, mode)
        except OSError as error:
            if error.errno not in _NO_RIGHTS:
                raise
            self._without_rights += 1

    def _guarded(self, record: Record | Folder, write: Callable[[], None]) -> None:
        try:
            write()
        except BearwitnessError as error:
            self.result.problems.append(f"{printable_path(record.path)}: {error}")
        except OSError as error:
            if error.errno in _FULL:
                raise storage_error(error, os.fsdecode(self._root)) from error
            self.result.problems.append(f"{printable_path(record.path)}: {error.strerror}")

    def _file(self, delivery: OpenDelivery, item: str, record: Record, subfolder: bytes) -> None:
        path = _join(subfolder, record.path)
        with contextlib.closing(_Place(self._root, path)) as place:
            whole = sha256()
            file = self._create(place, item, record)
            path = path[: len(path) - len(path.rpartition(b"/")[2])] + place.name
            try:
                for piece in _pieces(delivery, record):
                    whole.update(piece)
                    _write_sparse(file, piece)
                    self._progress(len(piece))
                os.ftruncate(file, record.size or 0)
                if whole.digest() != unb64(record.value("sha256")):
                    raise RefusedError("the stored bytes are not those that were sealed; not restored")
                self._set_attributes(file, record)
            except BaseException:
                place.remove()
                raise
            finally:
                os.close(file)
        self._by_item[item] = path
        self.result.files += 1
        self.result.bytes += record.size or 0

    def _set_attributes(self, file: int, record: Record) -> None:
        """Set times and rights as far as they were kept."""
        times, mode = _times(record), _stat(record, "mode")
        if times is not None:
            os.utime(file, ns=times)
        if mode is not None:
            self._set_rights(file, stat.S_IMODE(int(text(mode))) & 0o777)

    def _create(self, place: _Place, item: str, record: Record) -> int:
        """Create the file; two states of one file (it changed across an interrupted seal) both come back."""
        try:
            return place.create()
        except FileExistsError:
            place.name += b" (" + item[:_OTHER_STATE_DIGITS].encode() + b")"
            file = place.create()
        self.result.problems.append(
            f"{printable_path(record.path)}: two states of it were sealed, or the file system there can not "
            f"tell its name from another; this one is restored as {printable_path(place.name)}"
        )
        return file

    def _other(self, record: Record, subfolder: bytes) -> None:
        path = _join(subfolder, record.path)
        kind, fate = record.fate["type"], record.fate
        with contextlib.closing(_Place(self._root, path)) as place:
            if "same_as" in fate:
                first = self._by_item.get(text(fate["same_as"]))
                if first is None:
                    raise RefusedError(f"it is another name of item {fate['same_as']}, which is not restored")
                with contextlib.closing(_Place(self._root, first)) as source:
                    os.link(source.name, place.name, src_dir_fd=source.folder, dst_dir_fd=place.folder)
                self.result.files += 1
                return
            if kind == "symlink":
                os.symlink(unb64(fate["target"]), place.name, dir_fd=place.folder)
                times = _times(record)
                if times is not None:
                    os.utime(place.name, ns=times, dir_fd=place.folder, follow_symlinks=False)
                self.result.others += 1
                return
        raise RefusedError(f"nothing to restore: it was sealed as {kind}{_because(fate)}")


def _because(fate: dict[str, Json]) -> str:
    return f" ({fate['reason']})" if "reason" in fate else ""


def _pieces(delivery: OpenDelivery, record: Record) -> Iterable[bytes]:
    for extent in record.extents:
        yield from delivery.read_extents(record.part, [extent])


def _write_sparse(file: int, piece: bytes) -> None:
    """Write `piece`, leaving a hole where it is all zero."""
    if len(piece) >= 1 << 20 and not piece.strip(b"\x00"):
        os.lseek(file, len(piece), os.SEEK_CUR)
        return
    view = memoryview(piece)
    while view:
        view = view[os.write(file, view) :]


def _times(record: Record) -> tuple[int, int] | None:
    """Return when the item was read and changed last, in nanoseconds; None if its file system did not say.

    Many cameras write no day of the last reading to their cards.
    """
    changed, read = record.value("mtime"), _stat(record, "atime")
    return None if changed is None else (int(text(changed if read is None else read)), int(text(changed)))


def _stat(record: Record, name: str) -> Json:
    """Return a member of what the file system said of the item, None if it did not say."""
    stats = record.value("stat")
    return stats.get(name) if isinstance(stats, dict) else None


def _join(subfolder: bytes, path: bytes) -> bytes:
    parts = path.split(b"/")
    if not path or any(part in (b"", b".", b"..") or b"\x00" in part for part in parts):
        raise RefusedError("its name leads out of the destination")
    return subfolder + b"/" + path if subfolder else path


class _Place:
    """A name below the destination, its folder open; no part of the way is a symbolic link."""

    def __init__(self, root: bytes, path: bytes) -> None:
        *folders, self.name = path.split(b"/")
        self.folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for name in folders:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=self.folder)
                below = os.open(name, flags, dir_fd=self.folder)
            finally:
                os.close(self.folder)
            self.folder = below

    def create(self) -> int:
        """Create the file."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(self.name, flags, 0o600, dir_fd=self.folder)

    def remove(self) -> None:
        """Remove the file again."""
        os.unlink(self.name, dir_fd=self.folder)

    def close(self) -> None:
        """Close the folder."""
        os.close(self.folder)
