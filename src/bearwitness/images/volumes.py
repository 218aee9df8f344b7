"""The volumes of a medium: its partition table, and which file system each partition holds (locked child)."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any, Final

import pytsk3

from . import ids
from .facts import FactsReader, OpenVolume, SleuthFacts
from .facts_ext import ExtFacts
from .facts_ntfs import NtfsFacts
from .fat import FatVolume
from .fat_names import FatFacts
from .medium import Medium, SleuthImage
from .model import VOLUMES_MAX, Layout, Volume

_FILE_SYSTEMS: Final = {
    int(getattr(pytsk3, f"TSK_FS_TYPE_{name.upper()}")): name
    for name in "ntfs fat12 fat16 fat32 exfat ext2 ext3 ext4 ffs1 ffs1b ffs2 hfs iso9660 yaffs2 apfs".split()
}
_TROUBLE_CHARACTERS_MAX: Final = 200
_GUARD: Final = 0xEE  # kind of a partition that stands for a whole GUID table


class Disk:
    """A medium with its table read; file systems are opened when they are asked for."""

    def __init__(self, medium: Medium, sector_bytes: int) -> None:
        self.medium = medium
        self._sleuth = SleuthImage(medium, sector_bytes)
        self._open: dict[int, OpenVolume] = {}
        self._facts: dict[int, FactsReader] = {}
        self._fats: dict[int, FatVolume | None] = {}
        self._table, self._partitions = self._read_table()

    def _read_table(self) -> tuple[str, list[tuple[int, int, str]]]:
        """Return what the partition table is called, and offset, length and kind of each partition."""
        table = self._find_table()
        if table is None:
            return "", []
        sector, found = int(table.info.block_size), []
        for part in table:
            offset, length = int(part.start) * sector, int(part.len) * sector
            if int(part.flags) & int(pytsk3.TSK_VS_PART_FLAG_ALLOC) and offset < self.medium.size:
                found.append((offset, length, bytes(part.desc or b"").decode("utf-8", "replace")))
            if len(found) >= VOLUMES_MAX:
                break
        return _TABLES.get(int(table.info.vstype), "other"), found

    def _find_table(self) -> Any:
        """Return the partition table, None if there is none.

        Where the first copy of a GUID table is destroyed The Sleuth Kit finds the record that guards it, and
        the copy at the end of the medium only when told to. A stick that was formatted without a table may
        have an old copy there as well, and its file system goes first.
        """
        try:
            table = pytsk3.Volume_Info(self._sleuth)
        except OSError:
            with contextlib.suppress(OSError):
                pytsk3.FS_Info(self._sleuth)
                return None
            return self._guid_table()
        if int(table.info.vstype) == int(pytsk3.TSK_VS_TYPE_DOS) and self._is_guarded():
            return self._guid_table() or table
        return table

    def _is_guarded(self) -> bool:
        """Say whether the master boot record only guards a GUID table."""
        record = self.medium.read(0, 512)
        return _GUARD in (record[450 + 16 * number] for number in range(4))

    def _guid_table(self) -> Any:
        try:
            return pytsk3.Volume_Info(self._sleuth, pytsk3.TSK_VS_TYPE_GPT)
        except OSError:
            return None

    def layout(self) -> Layout:
        """Return what is on the medium."""
        disk, by_offset = ids.disk_ids(self.medium)
        volumes = [self._volume(number, *part) for number, part in enumerate(self._partitions, 1)]
        if not any(volume.file_system for volume in volumes):
            whole = self._volume(0, 0, self.medium.size, "")
            if whole.file_system or not volumes:
                volumes.append(whole)
        volumes = [replace(v, ids={**v.ids, **by_offset.get(v.offset, {})}) for v in volumes]
        return Layout(self.medium.size, self._table, tuple(volumes), disk)

    def _volume(self, number: int, offset: int, length: int, kind: str) -> Volume:
        try:
            opened = self.open(number)
        except OSError as error:
            trouble = _plain(str(error))
            return Volume(number, offset, length, kind, "", 0, 0, trouble, {})
        info = opened.fs.info
        orphans = int(info.last_inum) if opened.file_system not in _WITHOUT_ORPHANS else 0
        known = ids.volume_ids(self.medium, offset, opened.file_system, opened.fs)
        return Volume(
            number, offset, length, kind, opened.file_system, int(info.root_inum), orphans, "",
            {name: value for name, value in known.items() if value},
        )  # fmt: skip

    def open(self, number: int) -> OpenVolume:
        """Return volume `number` (0: the whole medium) with its file system; raise OSError."""
        if number not in self._open:
            self._open = {number: self._opened(number)}
            self._facts, self._fats = {}, {}
        return self._open[number]

    def _opened(self, number: int) -> OpenVolume:
        if not 0 <= number <= len(self._partitions):
            raise OSError("there is no such volume")
        offset, length, _ = self._partitions[number - 1] if number else (0, self.medium.size, "")
        fs: Any = pytsk3.FS_Info(self._sleuth, offset=offset)
        file_system = _FILE_SYSTEMS.get(int(fs.info.ftype))
        if file_system is None:
            raise OSError("a file system without files")
        return OpenVolume(number, offset, length, self.medium, fs, file_system)

    def facts(self, volume: OpenVolume) -> FactsReader:
        """Return what reads the facts of the volume's files."""
        if volume.number not in self._facts:
            fat = self.fat(volume)
            reader = FatFacts(fat) if fat else _READERS.get(volume.file_system, SleuthFacts)(volume)
            self._facts[volume.number] = reader
        return self._facts[volume.number]

    def fat(self, volume: OpenVolume) -> FatVolume | None:
        """Return what reads the volume if it is of the FAT family."""
        if volume.number not in self._fats:
            is_fat = volume.file_system in _FAT_FAMILY
            self._fats[volume.number] = FatVolume(volume) if is_fat else None
        return self._fats[volume.number]


_READERS: Final[dict[str, Any]] = {"ntfs": NtfsFacts, "ext2": ExtFacts, "ext3": ExtFacts, "ext4": ExtFacts}
_FAT_FAMILY: Final = ("exfat", "fat12", "fat16", "fat32")
_TABLES: Final = {
    int(pytsk3.TSK_VS_TYPE_DOS): "mbr",
    int(pytsk3.TSK_VS_TYPE_GPT): "gpt",
    int(pytsk3.TSK_VS_TYPE_MAC): "apple",
    int(pytsk3.TSK_VS_TYPE_BSD): "bsd",
    int(pytsk3.TSK_VS_TYPE_SUN): "sun",
}
_WITHOUT_ORPHANS: Final = ("iso9660",)


def _plain(text: str) -> str:
    """Return an error of The Sleuth Kit without where in its source it came from."""
    return text.rpartition("with error: ")[2].encode("ascii", "replace").decode()[:_TROUBLE_CHARACTERS_MAX]
