"""A release as files: a folder, or the one ZIP archive that its names and bytes allow (docs/format.md, 11).

:func:`open_package` gives a :class:`Package` of either; :func:`write_zip` makes the second from the
first. The archive is read strictly: every byte that is not file content is computed again and compared.
"""

from __future__ import annotations

import itertools
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from .errors import MalformedError

PIECE_BYTES: Final = 1 << 20
_AGE: Final = b"age-encryption.org/"
FILES_MAX: Final = 100_000  # a release is looked at by people
NAME_BYTES_MAX: Final = 200
_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_END64: Final = struct.Struct("<4sQ2H2I4Q")
_LOCATOR64: Final = struct.Struct("<4sIQI")
_FLAGS: Final = 0x0800  # names are UTF-8
_DATE: Final = 0x0021  # 1980-01-01
_FULL32: Final = 0xFFFFFFFF
_FULL16: Final = 0xFFFF


class Package(Protocol):
    """The files of a release."""

    def names(self) -> list[str]:
        """Return all names, ascending."""

    def size(self, name: str) -> int:
        """Return the length of a file in bytes."""

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of a file; raise MalformedError if the archive's own checksum fails."""

    def range_of(self, name: str, offset: int, length: int) -> bytes:
        """Return some bytes of a file, fewer at its end; no checksum is looked at."""


def read_file(package: Package, name: str, limit: int) -> bytes:
    """Return a whole file of at most `limit` bytes."""
    if name not in package.names():
        raise MalformedError(f"{name} is missing in the release")
    if package.size(name) > limit:
        raise MalformedError(f"{name} is larger than any release needs")
    return b"".join(package.pieces(name))


class FolderPackage:
    """A release in a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._sizes = dict(sorted(itertools.islice(self._scan(""), FILES_MAX + 1)))
        if len(self._sizes) > FILES_MAX:
            raise MalformedError(f"the release holds more than {FILES_MAX} files")

    def _scan(self, prefix: str) -> Iterator[tuple[str, int]]:
        with os.scandir(self._root / prefix) as found:
            entries = list(found)
        for entry in entries:
            name = prefix + entry.name
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode) and not prefix:
                yield from self._scan(name + "/")
            elif stat.S_ISREG(mode):
                yield name, entry.stat(follow_symlinks=False).st_size
            else:
                raise MalformedError(f"the release holds {name!r}, which is neither file nor folder of it")

    def names(self) -> list[str]:
        """Return all names, ascending."""
        return list(self._sizes)

    def size(self, name: str) -> int:
        """Return the length of a file in bytes."""
        return self._sizes[name]

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of a file."""
        with (self._root / name).open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece

    def range_of(self, name: str, offset: int, length: int) -> bytes:
        """Return some bytes of a file, fewer at its end."""
        with (self._root / name).open("rb") as file:
            file.seek(offset)
            return file.read(length)


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    crc: int
    header_at: int

    def _extra(self, *values: int) -> bytes:
        wide = [value for value in values if value >= _FULL32]
        return struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""

    def local(self) -> bytes:
        name, extra = self.name.encode(), self._extra(self.size, self.size)
        size = min(self.size, _FULL32)
        return (
            _LOCAL.pack(
                b"PK\x03\x04", 45 if extra else 20, _FLAGS, 0, 0, _DATE,
                self.crc, size, size, len(name), len(extra),
            )
            + name + extra
        )  # fmt: skip

    def central(self) -> bytes:
        name, extra = self.name.encode(), self._extra(self.size, self.size, self.header_at)
        size, at = min(self.size, _FULL32), min(self.header_at, _FULL32)
        version = 45 if extra else 20
        return (
            _CENTRAL.pack(
                b"PK\x01\x02", version, version, _FLAGS, 0, 0, _DATE, self.crc, size, size,
                len(name), len(extra), 0, 0, 0, 0, at,
            )
            + name + extra
        )  # fmt: skip


def _tail(members: list[_Member], at: int) -> bytes:
    """Return central directory and end records of an archive whose directory begins at `at`."""
    directory = b"".join(member.central() for member in members)
    count, size = len(members), len(directory)
    out = directory
    if count >= _FULL16 or size >= _FULL32 or at >= _FULL32:
        out += _END64.pack(b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, at)
        out += _LOCATOR64.pack(b"PK\x06\x07", 0, at + size, 1)
    count16 = min(count, _FULL16)
    return out + _END.pack(b"PK\x05\x06", 0, 0, count16, count16, min(size, _FULL32), min(at, _FULL32), 0)


class Sink(Protocol):
    """Where an archive is written: bytes, one after the other."""

    def write(self, data: bytes, /) -> int:
        """Append `data`."""


def write_zip(package: Package, out: Sink) -> None:
    """Write the archive of `package` to `out`."""
    members, at = [], 0
    for name in package.names():
        crc = 0
        for piece in package.pieces(name):
            crc = zlib.crc32(piece, crc)
        member = _Member(name, package.size(name), crc, at)
        header = member.local()
        out.write(header)
        for piece in package.pieces(name):
            out.write(piece)
        members.append(member)
        at += len(header) + member.size
    out.write(_tail(members, at))


class ZipPackage:
    """A release as one archive."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, os.SEEK_END)
        self._members: dict[str, tuple[_Member, int]] = {}
        at, last = 0, ""
        if self._read(0, 2) != b"PK":
            raise MalformedError("it is neither a folder nor a .zip archive")
        while self._read(at, 4) == b"PK\x03\x04":
            member = self._member(at)
            begin = at + len(member.local())
            at = begin + member.size
            if at > self._size or last >= member.name:
                raise MalformedError("the archive is cut short, or its names are not in order")
            self._members[member.name], last = (member, begin), member.name
            if len(self._members) > FILES_MAX:
                raise MalformedError(f"the archive holds more than {FILES_MAX} files")
        tail = _tail([member for member, _ in self._members.values()], at)
        if self._size - at != len(tail) or self._read(at, len(tail)) != tail:
            raise MalformedError("the end of the archive is not as it must be: altered or cut short")

    def _read(self, at: int, length: int) -> bytes:
        self._file.seek(at)
        return self._file.read(length)

    def _member(self, at: int) -> _Member:
        fixed = self._read(at, _LOCAL.size)
        if len(fixed) < _LOCAL.size:
            raise MalformedError("the archive is cut short")
        *_, crc, size, _, name_bytes, extra_bytes = _LOCAL.unpack(fixed)
        if not 0 < name_bytes <= NAME_BYTES_MAX or extra_bytes not in (0, 20):
            raise MalformedError("a header in the archive is not as it must be")
        rest = self._read(at + _LOCAL.size, name_bytes + extra_bytes)
        try:
            name = rest[:name_bytes].decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedError("a name in the archive is not UTF-8") from None
        if extra_bytes == 20 and len(rest) == name_bytes + 20:
            size = struct.unpack_from("<Q", rest, name_bytes + 4)[0]
        member = _Member(name, size, crc, at)
        if member.local() != fixed + rest:
            raise MalformedError("a header in the archive is not as it must be")
        return member

    def names(self) -> list[str]:
        """Return all names, ascending."""
        return list(self._members)

    def size(self, name: str) -> int:
        """Return the length of a file in bytes."""
        return self._members[name][0].size

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of a file."""
        member, at = self._members[name]
        end, crc = at + member.size, 0
        while at < end:
            piece = self._read(at, min(PIECE_BYTES, end - at))
            if not piece:
                raise MalformedError("the archive is cut short")
            crc = zlib.crc32(piece, crc)
            at += len(piece)
            yield piece
        if crc != member.crc:
            raise MalformedError(f"{name} does not fit its checksum in the archive")

    def range_of(self, name: str, offset: int, length: int) -> bytes:
        """Return some bytes of a file, fewer at its end; no checksum is looked at."""
        member, at = self._members[name]
        return self._read(at + offset, max(0, min(length, member.size - offset)))


def mistaken(path: Path) -> str:
    """Return why a path was given by mistake, if so: a mistyped name says nothing against a release."""
    try:
        if path.is_dir():
            return ""
        with path.open("rb") as file:
            head = file.read(len(_AGE))
    except OSError as error:
        return f"{path} can not be read: {error.strerror}"
    if head == _AGE:
        return f"{path} is encrypted; open it first, with your own key: age -d -i KEY {path} > opened.zip"
    return ""


@contextmanager
def open_package(path: Path) -> Iterator[Package]:
    """Open a release, folder or archive; raise MalformedError."""
    try:
        if path.is_dir():
            yield FolderPackage(path)
        else:
            with path.open("rb") as file:
                yield ZipPackage(file)
    except OSError as error:
        raise MalformedError(f"{path} can not be read: {error.strerror}") from None
