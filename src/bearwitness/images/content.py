"""The bytes of one file of a volume, and which of them can not be had or not be trusted (locked child)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytsk3

from .facts import OpenVolume
from .fat import FatContent, FatVolume
from .model import Hole, Place
from .ranges import Ranges

_SMALLEST_BYTES: Final = 4_096  # a structure that leads nowhere costs no less
_READ_BYTES_MAX: Final = 1 << 20
_RUN_SPARSE: Final = int(pytsk3.TSK_FS_ATTR_RUN_FLAG_SPARSE) | int(pytsk3.TSK_FS_ATTR_RUN_FLAG_FILLER)
_COMPRESSED: Final = int(pytsk3.TSK_FS_ATTR_COMP)
_RESIDENT: Final = int(pytsk3.TSK_FS_ATTR_RES)


class Content:
    """An open file; a byte source for the parsers of containers too."""

    def __init__(self, volume: OpenVolume, place: Place) -> None:
        self.place = place
        self._volume = volume
        self._file = volume.fs.open_meta(place.address)
        self._attribute = _attribute(self._file, place)
        main = place.stream is None
        self.size = max(0, int(self._file.info.meta.size if main else self._attribute.info.size))

    def pread(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer only at the end of the file."""
        out = []
        while length > 0 and offset < self.size:
            data, _ = self.read(offset, min(length, _READ_BYTES_MAX))
            out.append(data)
            offset, length = offset + len(data), length - len(data)
        return b"".join(out)

    def read(self, offset: int, length: int) -> tuple[bytes, list[Hole]]:
        """Return the bytes of a range, as far as the file reaches, and what is wrong with them."""
        length = max(0, min(length, self.size - offset))
        holes: list[Hole] = []
        data = b"".join(self._pieces(offset, length, holes))
        medium = self._volume.medium
        for reason, ranges in (("sector", medium.bad), ("unstable", medium.unstable)):
            for begin, size in self._touched(offset, length, ranges):
                holes.append(Hole(begin, size, reason))
        return data, sorted(holes)

    def _pieces(self, offset: int, length: int, holes: list[Hole]) -> Iterator[bytes]:
        """Yield the bytes of a range; where a structure leads nowhere, zeros."""
        if not length:
            return
        data = self._get(offset, length)
        if len(data) == length:
            yield data
        elif length <= _SMALLEST_BYTES:
            holes.append(Hole(offset, length, "structure"))
            yield bytes(length)
        else:
            half = max(_SMALLEST_BYTES, length // 2 // _SMALLEST_BYTES * _SMALLEST_BYTES)
            yield from self._pieces(offset, half, holes)
            yield from self._pieces(offset + half, length - half, holes)

    def _get(self, offset: int, length: int) -> bytes:
        try:
            if self.place.stream is None:
                return bytes(self._file.read_random(offset, length))
            return bytes(self._file.read_random(offset, length, *self.place.stream))
        except OSError:
            return b""

    def _touched(self, offset: int, length: int, ranges: Ranges) -> Iterator[tuple[int, int]]:
        """Yield the parts of a range of the file that lie on `ranges` of the disk."""
        if not ranges or not length or self._attribute is None:
            return
        if int(self._attribute.info.flags) & _RESIDENT:
            return  # in the file's own record, without which it could not be opened
        compressed = int(self._attribute.info.flags) & _COMPRESSED
        for at, begin, size in _runs(self._volume, self._attribute):
            low, high = max(at, offset), min(at + size, offset + length)
            if compressed and ranges.within(begin, size):
                yield offset, length
                return
            if low < high:
                for place, part in ranges.within(begin + low - at, high - low):
                    yield at + place - begin, part


def open_content(volume: OpenVolume, fat: FatVolume | None, place: Place) -> Content | FatContent:
    """Open a file; raise OSError. Deleted files, and all but those of FAT, are read by The Sleuth Kit."""
    if fat is None or fat.is_recoverable_only(place.address):
        return Content(volume, place)
    return FatContent(fat, place, fat.stored(place.address))


def _attribute(file: Any, place: Place) -> Any:
    """Return the attribute that holds the stream, None for a file that has none."""
    first = None
    for attribute in file:
        kind = (int(attribute.info.type), int(attribute.info.id))
        if place.stream is not None and kind == place.stream:
            return attribute
        if place.stream is None and kind[0] in _MAIN and not attribute.info.name:
            first = first or attribute
    if place.stream is not None:
        raise OSError("there is no such stream")
    return first


_MAIN: Final = tuple(
    int(getattr(pytsk3, f"TSK_FS_ATTR_TYPE_{name}"))
    for name in "DEFAULT NTFS_DATA HFS_DATA HFS_DEFAULT APFS_DATA".split()
)


def _runs(volume: OpenVolume, attribute: Any) -> Iterator[tuple[int, int, int]]:
    """Yield the runs of an attribute: offset in the file, offset on the disk, length."""
    block = int(volume.fs.info.block_size)
    for run in attribute:
        if not int(run.flags) & _RUN_SPARSE:
            yield int(run.offset) * block, volume.offset + int(run.addr) * block, int(run.len) * block


def touches(volume: OpenVolume, file: Any) -> bool:
    """Say whether anything of a file or folder lies on sectors that can not be read."""
    bad = volume.medium.bad
    if not bad:
        return False
    attributes = [a for a in file if not int(a.info.flags) & _RESIDENT]
    return any(bad.within(begin, size) for a in attributes for _, begin, size in _runs(volume, a))
