"""The entries of a folder of FAT or exFAT: names to the letter, times to the last unit (locked child)."""

from __future__ import annotations

from calendar import timegm
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from .facts import Facts, mode_without_owner
from .fat import DIRECTORY, ENTRY_BYTES, Extent, FatVolume, Stored, exfat_stored, u16
from .model import FILE, FOLDER

_READ_BYTES: Final = 65_536
_LONG_NAME, _ATTRIBUTES, _VOLUME_LABEL = 0x0F, 0x3F, 0x08
_LAST_PIECE: Final = 0x40
_LOWER_BASE, _LOWER_EXTENSION = 0x08, 0x10
_DELETED, _KANJI = 0xE5, 0x05
_DOTS: Final = (b".          ", b"..         ")
_FILE, _STREAM, _NAME = 0x85, 0xC0, 0xC1  # types of entries of exFAT that are in use
_SECONDARY: Final = 0xC0


class Named(NamedTuple):
    """A live entry: its meta address, its name, where its bytes lie, what else is known of it."""

    address: int
    name: bytes
    facts: Facts


class _Raw(NamedTuple):
    address: int
    data: bytes


def read_folder(volume: FatVolume, address: int) -> Iterator[Named]:
    """Yield the live entries of the folder at `address`."""
    raw = _each_entry(volume, volume.folder_extents(address))
    yield from _exfat_names(volume, raw) if volume.is_exfat else _fat_names(volume, raw)


def _each_entry(volume: FatVolume, extents: Iterator[Extent]) -> Iterator[_Raw]:
    """Yield the entries of a folder up to the mark of its end."""
    for extent in extents:
        for at in range(0, extent.length, _READ_BYTES):
            place = extent.place + at
            data = volume.volume.read(place, min(_READ_BYTES, extent.length - at))
            for begin in range(0, len(data) - ENTRY_BYTES + 1, ENTRY_BYTES):
                if data[begin] == 0:
                    return
                yield _Raw(volume.address(place + begin), data[begin : begin + ENTRY_BYTES])


# FAT


class FatFacts:
    """Facts of files of FAT and exFAT that The Sleuth Kit lists: deleted ones."""

    def __init__(self, volume: FatVolume) -> None:
        self._volume = volume

    def read(self, file: Any, name: Any) -> Facts:
        """Return the facts of `file`."""
        address = int(file.info.meta.addr)
        entry, stored = self._volume.entry(address), self._volume.stored(address)
        if self._volume.is_exfat:
            facts = _exfat_facts(self._volume, entry, stored)
            facts.no_file = entry[0] | 0x80 != _FILE
        else:
            facts = _fat_facts(self._volume, entry, stored)
            facts.no_file = bool(entry[11] & _VOLUME_LABEL)
        return facts


def _fat_names(volume: FatVolume, entries: Iterator[_Raw]) -> Iterator[Named]:
    pieces: list[bytes] = []
    for address, entry in entries:
        if entry[0] == _DELETED:
            pieces = []
        elif entry[11] & _ATTRIBUTES == _LONG_NAME:
            if entry[0] & _LAST_PIECE:
                pieces = []
            pieces.append(entry)
        elif entry[11] & _VOLUME_LABEL or (entry[:11] in _DOTS and entry[11] & DIRECTORY):
            pieces = []
        else:
            name = long_name(pieces, entry) or short_name(entry)
            pieces = []
            yield Named(address, name, _fat_facts(volume, entry, volume.stored(address)))


def _fat_facts(volume: FatVolume, entry: bytes, stored: Stored) -> Facts:
    facts = _facts(volume, stored, entry[11])
    facts.btime = dos_time(u16(entry, 16), u16(entry, 14), entry[13])
    facts.atime = dos_time(u16(entry, 18), 0, 0)
    facts.mtime = dos_time(u16(entry, 24), u16(entry, 22), 0)
    facts.local = True
    return facts


def _facts(volume: FatVolume, stored: Stored, attributes: int) -> Facts:
    kind = FOLDER if stored.is_folder else FILE
    facts = Facts(kind, 0 if stored.is_folder else stored.size)
    facts.attributes, facts.mode = attributes, mode_without_owner(kind, attributes)
    if not volume.exists(stored.cluster) and (facts.size or kind == FOLDER):
        facts.reason = "record"
    return facts


def long_name(pieces: list[bytes], entry: bytes) -> bytes:
    """Return the long name in the entries before a short one; nothing if they belong to another."""
    checksum = 0
    for byte in entry[:11]:
        checksum = ((checksum & 1) << 7 | checksum >> 1) + byte & 0xFF
    count = len(pieces)
    orders = [piece[0] for piece in pieces]
    wanted = [count | _LAST_PIECE, *range(count - 1, 0, -1)]
    if not pieces or orders != wanted or any(piece[13] != checksum for piece in pieces):
        return b""
    units = b"".join(piece[1:11] + piece[14:26] + piece[28:32] for piece in reversed(pieces))
    for at in range(0, len(units), 2):
        if units[at : at + 2] == b"\x00\x00":
            units = units[:at]
            break
    return utf8(units)


def short_name(entry: bytes) -> bytes:
    """Return the short name as bytes: beyond ASCII in the code page of whoever wrote it."""
    base, extension = entry[:8], entry[8:11].rstrip(b" ")
    if base[0] == _KANJI:
        base = bytes([_DELETED]) + base[1:]
    base = base.rstrip(b" ")
    if entry[12] & _LOWER_BASE:
        base = base.lower()
    if entry[12] & _LOWER_EXTENSION:
        extension = extension.lower()
    name = base + b"." + extension if extension else base
    return name.replace(b"\x00", b" ") or b" "


# exFAT


def _exfat_names(volume: FatVolume, entries: Iterator[_Raw]) -> Iterator[Named]:
    """Yield the names of entry sets: a file entry, its stream entry, the entries of its name."""
    gathered: list[_Raw] = []
    for raw in entries:
        if raw.data[0] == _FILE:
            yield from _exfat_name(volume, gathered)
            gathered = [raw]
        elif gathered and raw.data[0] >= _SECONDARY:
            gathered.append(raw)
        else:
            yield from _exfat_name(volume, gathered)
            gathered = []
    yield from _exfat_name(volume, gathered)


def _exfat_name(volume: FatVolume, gathered: list[_Raw]) -> Iterator[Named]:
    if not gathered:
        return
    (address, entry), rest = gathered[0], gathered[1 : 1 + gathered[0].data[1]]
    streams = [raw.data for raw in rest if raw.data[0] == _STREAM]
    units = b"".join(raw.data[2:] for raw in rest if raw.data[0] == _NAME)
    stream = streams[0] if streams else bytes(ENTRY_BYTES)
    name = utf8(units[: 2 * stream[3]]).replace(b"\x00", b" ")
    facts = _exfat_facts(volume, entry, exfat_stored(entry, stream))
    if not streams or not name:
        facts.reason, facts.size = "record", 0
    yield Named(address, name or b"(without a name, entry %d)" % address, facts)


def _exfat_facts(volume: FatVolume, entry: bytes, stored: Stored) -> Facts:
    facts = _facts(volume, stored, u16(entry, 4))
    zones = [zone_minutes(entry[at]) for at in (22, 23, 24)]
    facts.btime = zoned(dos_time(u16(entry, 10), u16(entry, 8), entry[20]), zones[0])
    facts.mtime = zoned(dos_time(u16(entry, 14), u16(entry, 12), entry[21]), zones[1])
    facts.atime = zoned(dos_time(u16(entry, 18), u16(entry, 16), 0), zones[2])
    facts.local = None in zones
    return facts


# both


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


def utf8(units: bytes) -> bytes:
    """Return UTF-16 as UTF-8; halves of surrogate pairs become three bytes each (WTF-8)."""
    return units[: len(units) // 2 * 2].decode("utf-16-le", "surrogatepass").encode("utf-8", "surrogatepass")
