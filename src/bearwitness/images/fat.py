"""FAT and exFAT: where the bytes of a file lie, from its 32-byte directory entry and the table of clusters.

These are the file systems of cameras, phones and sticks, and read here: The Sleuth Kit leaves out live files
whose entries look odd to it (letters in lower case, no times and no bytes), cuts names of more than 195
characters, and does not know where in an exFAT file nothing was ever written. Deleted files are its business
(locked child).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from .facts import OpenVolume
from .model import Hole, Place

ENTRY_BYTES: Final = 32
FIRST_ADDRESS: Final = 3  # of the first entry in the data area: The Sleuth Kit numbers files so
ROOT_ADDRESS: Final = 2
DIRECTORY: Final = 0x10
_READ_BYTES_MAX: Final = 1 << 20
_TABLE_BLOCK: Final = 65_536
_FAT_FOLDER_BYTES_MAX: Final = 65_536 * ENTRY_BYTES
_EXFAT_FOLDER_BYTES_MAX: Final = 256 << 20
_NO_FAT_CHAIN: Final = 2


class Extent(NamedTuple):
    """Where a stretch of a file lies on the disk."""

    offset: int  # in the file
    place: int  # on the volume
    length: int


class Stored(NamedTuple):
    """What an entry says of a file's bytes: its first cluster, its length, how much of it was written."""

    cluster: int
    size: int
    valid: int
    contiguous: bool
    is_folder: bool


class FatVolume:
    """The geometry of a FAT12, FAT16, FAT32 or exFAT volume."""

    def __init__(self, volume: OpenVolume) -> None:
        self.volume = volume
        self.is_exfat = volume.file_system == "exfat"
        boot = volume.read(0, 512)
        (self._read_exfat if self.is_exfat else self._read_fat)(boot)
        self._block: tuple[int, bytes] = (-1, b"")

    def _read_fat(self, boot: bytes) -> None:
        sector = u16(boot, 11)
        per_fat = u16(boot, 22) or u32(boot, 36)
        self._bits = int(self.volume.file_system.removeprefix("fat"))
        self._table = u16(boot, 14) * sector
        self.data = self._table + boot[16] * per_fat * sector  # where entries are numbered from
        self._root_bytes = u16(boot, 17) * ENTRY_BYTES if self._bits != 32 else 0
        self._heap = self.data + -(-self._root_bytes // sector) * sector
        self.cluster_bytes = boot[13] * sector
        sectors = u16(boot, 19) or u32(boot, 32)
        self._last = (sectors * sector - self._heap) // self.cluster_bytes + 1
        self._root = u32(boot, 44) if self._bits == 32 else 0

    def _read_exfat(self, boot: bytes) -> None:
        sector = 1 << min(boot[108], 12)
        self._bits = 32
        self._table = u32(boot, 80) * sector
        self.data = self._heap = u32(boot, 88) * sector
        self.cluster_bytes = sector << min(boot[109], 25)
        self._last = u32(boot, 92) + 1
        self._root, self._root_bytes = u32(boot, 96), 0

    def entry(self, address: int) -> bytes:
        """Return the entry with this meta address."""
        if address < FIRST_ADDRESS:
            return bytes(ENTRY_BYTES)
        return self.volume.read(self.data + (address - FIRST_ADDRESS) * ENTRY_BYTES, ENTRY_BYTES)

    def address(self, place: int) -> int:
        """Return the meta address of the entry at `place` on the volume."""
        return FIRST_ADDRESS + (place - self.data) // ENTRY_BYTES

    def stored(self, address: int) -> Stored:
        """Return what the entry at `address` says of its file's bytes."""
        entry = self.entry(address)
        if not self.is_exfat:
            return fat_stored(entry, self._bits)
        stream = self.entry(address + 1)
        if stream[0] & 0x7F != 0x40:  # the entry was the last of its cluster
            stream = self.entry(self._first_of_next_cluster(address))
        return exfat_stored(entry, stream)

    def _first_of_next_cluster(self, address: int) -> int:
        place = self.data + (address - FIRST_ADDRESS) * ENTRY_BYTES
        cluster = (place - self._heap) // self.cluster_bytes + 2
        following = self._next(cluster)
        return self.address(self._place(following)) if self.exists(following) else ROOT_ADDRESS

    def is_recoverable_only(self, address: int) -> bool:
        """Say whether the entry at `address` is deleted, or its bytes are counted as free."""
        entry = self.entry(address)
        if self.is_exfat:
            return not entry[0] & 0x80
        cluster = self.stored(address).cluster
        return entry[0] == 0xE5 or (self.exists(cluster) and self._next(cluster) == 0)

    def is_live_folder(self, address: int) -> bool:
        """Say whether there is a folder at `address` that is not deleted."""
        if address == ROOT_ADDRESS:
            return True
        return self.stored(address).is_folder and not self.is_recoverable_only(address)

    def folder_is_damaged(self, address: int) -> bool:
        """Say whether entries of a folder may be missing: unreadable sectors, a chain that leads nowhere."""
        bad, base, length, last = self.volume.medium.bad, self.volume.offset, 0, 0
        for extent in self.folder_extents(address):
            if bad.within(base + extent.place, extent.length):
                return True
            length, last = length + extent.length, extent.place + extent.length - 1
        if self.is_exfat and address != ROOT_ADDRESS:
            return length < self.stored(address).size
        if address == ROOT_ADDRESS and self._root_bytes:
            return False
        cluster = (last - self._heap) // self.cluster_bytes + 2
        return not length or self._next(cluster) < (1 << min(self._bits, 28)) - 8

    def extents(self, stored: Stored) -> Iterator[Extent]:
        """Yield where the bytes of a file lie; ends early where the chain of clusters does."""
        if stored.contiguous:
            most = (self._last - stored.cluster + 1) * self.cluster_bytes
            if self.exists(stored.cluster) and stored.size:
                yield Extent(0, self._place(stored.cluster), min(stored.size, most))
            return
        yield from self._chain(stored.cluster, stored.size)

    def folder_extents(self, address: int) -> Iterator[Extent]:
        """Yield where the entries of a folder lie."""
        if address != ROOT_ADDRESS:
            stored = self.stored(address)
            size = stored.size if self.is_exfat else _FAT_FOLDER_BYTES_MAX
            most = _EXFAT_FOLDER_BYTES_MAX if self.is_exfat else _FAT_FOLDER_BYTES_MAX
            yield from self.extents(stored._replace(size=min(size, most)))
        elif self._root_bytes:
            yield Extent(0, self.data, self._root_bytes)
        else:
            most = _EXFAT_FOLDER_BYTES_MAX if self.is_exfat else _FAT_FOLDER_BYTES_MAX
            yield from self._chain(self._root, most)

    def _chain(self, cluster: int, size: int) -> Iterator[Extent]:
        """Yield the extents of at most `size` bytes in a chain of clusters, neighbours joined."""
        at, begin, count = 0, cluster, 0
        while self.exists(cluster) and at + count * self.cluster_bytes < size:
            if cluster != begin + count:
                yield Extent(at, self._place(begin), count * self.cluster_bytes)
                at, begin, count = at + count * self.cluster_bytes, cluster, 0
            count += 1
            cluster = self._next(cluster)
        if count:
            yield Extent(at, self._place(begin), min(count * self.cluster_bytes, size - at))

    def exists(self, cluster: int) -> bool:
        """Say whether the volume has a cluster of this number."""
        return 2 <= cluster <= self._last

    def _place(self, cluster: int) -> int:
        return self._heap + (cluster - 2) * self.cluster_bytes

    def _next(self, cluster: int) -> int:
        """Return the cluster that follows in the chain, as the table says."""
        if self._bits == 12:
            pair = self._table_bytes(cluster + cluster // 2, 2)
            return u16(pair, 0) >> 4 if cluster & 1 else u16(pair, 0) & 0xFFF
        if self._bits == 16:
            return u16(self._table_bytes(2 * cluster, 2), 0)
        value = u32(self._table_bytes(4 * cluster, 4), 0)
        return value if self.is_exfat else value & 0x0FFFFFFF

    def _table_bytes(self, at: int, length: int) -> bytes:
        number, within = divmod(at, _TABLE_BLOCK)
        if self._block[0] != number:
            # One byte more, for an entry of 12 bits may stand across the edge.
            self._block = (number, self.volume.read(self._table + number * _TABLE_BLOCK, _TABLE_BLOCK + 1))
        return self._block[1][within : within + length]


class FatContent:
    """An open file of a FAT or exFAT volume; see :class:`.content.Content`."""

    def __init__(self, volume: FatVolume, place: Place, stored: Stored) -> None:
        self.place, self._volume, self.size = place, volume, stored.size
        self._valid = min(stored.valid, stored.size)
        self._extents = list(volume.extents(stored))

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
        data = bytearray(length)
        holes: list[Hole] = []
        end, at = offset + length, offset
        for extent in self._extents:
            low, high = max(extent.offset, offset), min(extent.offset + extent.length, end)
            if low < high:
                holes += self._fill(data, offset, extent, low, high)
                at = high
        if at < min(end, self._valid):
            holes.append(Hole(at, min(end, self._valid) - at, "structure"))
        return bytes(data), sorted(holes)

    def _fill(self, data: bytearray, offset: int, extent: Extent, low: int, high: int) -> Iterator[Hole]:
        """Put the bytes `low` to `high` of the file, which lie in `extent`, where they belong."""
        high = min(high, self._valid)
        if low >= high:
            return
        volume, medium = self._volume.volume, self._volume.volume.medium
        place = extent.place + low - extent.offset
        data[low - offset : high - offset] = volume.read(place, high - low)
        for reason, ranges in (("sector", medium.bad), ("unstable", medium.unstable)):
            for begin, size in ranges.within(volume.offset + place, high - low):
                yield Hole(low + begin - volume.offset - place, size, reason)


def fat_stored(entry: bytes, bits: int) -> Stored:
    """Return what an entry of FAT says of its file's bytes."""
    cluster, size = u16(entry, 26), u32(entry, 28)
    if bits == 32:
        cluster |= u16(entry, 20) << 16
    return Stored(cluster, size, size, contiguous=False, is_folder=bool(entry[11] & DIRECTORY))


def exfat_stored(entry: bytes, stream: bytes) -> Stored:
    """Return what the entries of exFAT say of their file's bytes."""
    valid, size = u64(stream, 8), u64(stream, 24)
    contiguous = bool(stream[1] & _NO_FAT_CHAIN)
    return Stored(u32(stream, 20), size, valid, contiguous, bool(entry[4] & DIRECTORY))


def u16(data: bytes, at: int) -> int:
    """Return a number of two bytes."""
    return int.from_bytes(data[at : at + 2], "little")


def u32(data: bytes, at: int) -> int:
    """Return a number of four bytes."""
    return int.from_bytes(data[at : at + 4], "little")


def u64(data: bytes, at: int) -> int:
    """Return a number of eight bytes."""
    return int.from_bytes(data[at : at + 8], "little")
