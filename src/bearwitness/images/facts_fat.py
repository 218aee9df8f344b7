"""FAT and exFAT: facts of a file from its 32-byte directory entry.

The Sleuth Kit numbers files by where their entry lies, so the way back is arithmetic.
"""

from __future__ import annotations

from calendar import timegm
from datetime import UTC, datetime
from typing import Any, Final

from .facts import Facts, OpenVolume, basic_facts, mode_without_owner

_ENTRY_BYTES: Final = 32
_FIRST_ADDRESS: Final = 3  # of the first entry in the data area
_VOLUME_LABEL: Final = 0x08
_LOWER_BASE, _LOWER_EXTENSION = 0x08, 0x10
_DELETED, _KANJI = 0xE5, 0x05
_FILE, _STREAM = 0x05, 0x40  # exFAT: types of entry without the bit that says "in use"
_IN_USE: Final = 0x80
_CLUSTERS_MAX: Final = 1 << 28


class FatFacts:
    """FAT12, FAT16, FAT32."""

    def __init__(self, volume: OpenVolume) -> None:
        boot = volume.read(0, 512)
        self._volume = volume
        self._sector = int.from_bytes(boot[11:13], "little")
        fats, per_fat = boot[16], int.from_bytes(boot[22:24], "little")
        per_fat = per_fat or int.from_bytes(boot[36:40], "little")
        self._data = int.from_bytes(boot[14:16], "little") + fats * per_fat

    def read(self, file: Any, name: Any) -> Facts:
        """Return the facts of `file`."""
        facts = basic_facts(file)
        entry = read_entry(self._volume, self._data, self._sector, int(file.info.meta.addr))
        facts.attributes = entry[11]
        facts.no_file = bool(entry[11] & _VOLUME_LABEL)
        facts.mode = mode_without_owner(facts.type, entry[11])
        facts.btime = dos_time(_u16(entry, 16), _u16(entry, 14), entry[13])
        facts.atime = dos_time(_u16(entry, 18), 0, 0)
        facts.mtime = dos_time(_u16(entry, 24), _u16(entry, 22), 0)
        facts.local = True
        if not name.shrt_name:
            facts.name = short_name(entry)
        return facts

    def valid_bytes(self, address: int) -> int | None:
        """Return None."""
        return None


class ExfatFacts:
    """exFAT."""

    def __init__(self, volume: OpenVolume) -> None:
        boot = volume.read(0, 512)
        self._volume = volume
        self._sector = 1 << min(boot[108], 12)
        self._cluster_sectors = 1 << min(boot[109], 25)
        self._fat = int.from_bytes(boot[80:84], "little")
        self._data = int.from_bytes(boot[88:92], "little")

    def read(self, file: Any, name: Any) -> Facts:
        """Return the facts of `file`."""
        facts = basic_facts(file)
        entry = read_entry(self._volume, self._data, self._sector, int(file.info.meta.addr))
        if entry[0] & ~_IN_USE != _FILE:
            facts.no_file = True
            return facts
        facts.attributes = _u16(entry, 4)
        facts.mode = mode_without_owner(facts.type, facts.attributes)
        zones = [zone_minutes(entry[at]) for at in (22, 23, 24)]
        facts.btime = zoned(dos_time(_u16(entry, 10), _u16(entry, 8), entry[20]), zones[0])
        facts.mtime = zoned(dos_time(_u16(entry, 14), _u16(entry, 12), entry[21]), zones[1])
        facts.atime = zoned(dos_time(_u16(entry, 18), _u16(entry, 16), 0), zones[2])
        facts.local = None in zones
        return facts

    def valid_bytes(self, address: int) -> int | None:
        """Return the valid data length of the file whose entry is at `address`."""
        stream = self._read(address + 1)
        if stream[0] & ~_IN_USE != _STREAM:  # the entry was the last of its cluster
            stream = self._read(self._next_cluster(address))
            if stream[0] & ~_IN_USE != _STREAM:
                return None
        return int.from_bytes(stream[8:16], "little")

    def _read(self, address: int) -> bytes:
        return read_entry(self._volume, self._data, self._sector, address)

    def _next_cluster(self, address: int) -> int:
        """Return the address of the first entry in the cluster that follows the one of `address`."""
        per_cluster = self._cluster_sectors * self._sector // _ENTRY_BYTES
        cluster = (address - _FIRST_ADDRESS) // per_cluster
        place = self._fat * self._sector + 4 * (cluster + 2)
        following = int.from_bytes(self._volume.read(place, 4), "little")
        if not 2 <= following < _CLUSTERS_MAX:
            return address
        return _FIRST_ADDRESS + (following - 2) * per_cluster


def read_entry(volume: OpenVolume, data_sector: int, sector_bytes: int, address: int) -> bytes:
    """Return the directory entry with this meta address."""
    if address < _FIRST_ADDRESS:
        return bytes(_ENTRY_BYTES)
    offset = data_sector * sector_bytes + (address - _FIRST_ADDRESS) * _ENTRY_BYTES
    return volume.read(offset, _ENTRY_BYTES)


def short_name(entry: bytes) -> bytes:
    """Return the short name as bytes: beyond ASCII in the code page of whoever wrote it."""
    base, extension = entry[:8], entry[8:11].rstrip(b" ")
    if base[0] == _DELETED:
        base = b"_" + base[1:]
    elif base[0] == _KANJI:
        base = bytes([_DELETED]) + base[1:]
    base = base.rstrip(b" ")
    if entry[12] & _LOWER_BASE:
        base = base.lower()
    if entry[12] & _LOWER_EXTENSION:
        extension = extension.lower()
    return base + b"." + extension if extension else base


def dos_time(date: int, time: int, hundredths: int) -> int | None:
    """Return a time of DOS in nanoseconds as if its clock showed UTC; None where there is none."""
    try:
        moment = datetime(
            1980 + (date >> 9), date >> 5 & 15, date & 31,
            time >> 11, time >> 5 & 63, 2 * (time & 31), tzinfo=UTC,
        )  # fmt: skip
    except ValueError:
        return None
    return timegm(moment.timetuple()) * 1_000_000_000 + min(hundredths, 199) * 10_000_000


def zone_minutes(byte: int) -> int | None:
    """Return the minutes east of Greenwich that an exFAT time was written with, None if it does not tell."""
    if not byte & 0x80:
        return None
    quarters = byte & 0x7F
    return 15 * (quarters - 0x80 if quarters & 0x40 else quarters)


def zoned(time: int | None, minutes: int | None) -> int | None:
    """Return a wall clock's time as what it was in Greenwich."""
    return time if time is None or minutes is None else time - minutes * 60_000_000_000


def _u16(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "little")
