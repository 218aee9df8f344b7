"""Writes exFAT volumes: contiguous and fragmented files, time zones, valid data lengths, deleted files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .fat import dos_stamp
from .tree import Node

SECTOR = 512
CLUSTER = 4096
SERIAL = 0x0BADF00D
LABEL = "SECRETLABEL"
FAT_SECTOR = 128
END = 0xFFFFFFFF


@dataclass
class Exfat:
    """An exFAT volume being written; clusters that hold nothing are filled with `stale`."""

    clusters: int
    stale: bytes = b"\xaa"
    serial: int = SERIAL

    def __post_init__(self) -> None:
        self.fat_sectors = -(-(self.clusters + 2) * 4 // SECTOR)
        self.heap_sector = -(-(FAT_SECTOR + self.fat_sectors) // 8) * 8
        self.sectors = self.heap_sector + self.clusters * CLUSTER // SECTOR
        self.image = bytearray(self.stale * (self.sectors * SECTOR))
        self.fat = [0] * (self.clusters + 2)
        self.fat[0], self.fat[1] = 0xFFFFFFF8, END
        self.used: set[int] = set()
        self._free = 2
        self.place: dict[str, list[int]] = {}
        self.entry_at: dict[str, int] = {}

    def write(self, nodes: list[Node]) -> bytes:
        """Return the volume that holds `nodes`."""
        bitmap = self._allocate(-(-self.clusters // 8), contiguous=False, scattered=False)
        upcase_table = b"".join(ord(chr(n).upper()).to_bytes(2, "little") for n in range(128))
        upcase = self._allocate(len(upcase_table), contiguous=False, scattered=False)
        self._store(upcase, upcase_table)
        system = bytes([0x83, len(LABEL)]) + LABEL.encode("utf-16-le").ljust(30, b"\x00")
        system += bytes([0x81, 0]) + bytes(18) + _u32(bitmap[0]) + _u64(-(-self.clusters // 8))
        checksum = 0
        for byte in upcase_table:
            checksum = ((checksum << 31 | checksum >> 1) & END) + byte & END
        system += b"\x82\x00\x00\x00" + _u32(checksum) + bytes(12) + _u32(upcase[0]) + _u64(len(upcase_table))
        size = len(system) + self._folder_bytes(nodes)
        root = self._allocate(size, contiguous=False, scattered=False)
        self._fill_folder(nodes, root, "", system)
        bits = bytearray(-(-self.clusters // 8))
        for cluster in self.used:
            bits[(cluster - 2) // 8] |= 1 << (cluster - 2) % 8
        self._store(bitmap, bytes(bits))
        self._write_fat()
        self._write_boot(root[0])
        return bytes(self.image)

    def offset(self, cluster: int) -> int:
        """Return where a cluster lies in the volume."""
        return self.heap_sector * SECTOR + (cluster - 2) * CLUSTER

    def _allocate(self, size: int, *, contiguous: bool, scattered: bool) -> list[int]:
        count, step = -(-size // CLUSTER), 3 if scattered else 1
        taken = [self._free + i * step for i in range(count)]
        self._free += count * step
        self.used.update(taken)
        if not contiguous:
            for here, following in zip(taken, [*taken[1:], END], strict=bool(taken)):
                self.fat[here] = following
        return taken

    def _store(self, clusters: list[int], data: bytes) -> None:
        for number, cluster in enumerate(clusters):
            piece = data[number * CLUSTER : (number + 1) * CLUSTER]
            self.image[self.offset(cluster) : self.offset(cluster) + len(piece)] = piece

    def _folder_bytes(self, nodes: list[Node]) -> int:
        return 32 * (1 + sum(3 + (len(node.name.encode("utf-16-le")) - 1) // 30 for node in nodes))

    def _fill_folder(self, nodes: list[Node], clusters: list[int], path: str, head: bytes) -> None:
        data = bytearray(head)
        for node in nodes:
            full = f"{path}/{node.name}" if path else node.name
            at = len(data)
            self.entry_at[full] = self.offset(clusters[at // CLUSTER]) + at % CLUSTER
            data += self._entries(node, full)
        self._store(clusters, bytes(data).ljust(len(clusters) * CLUSTER, b"\x00"))

    def _entries(self, node: Node, path: str) -> bytes:
        """Write what a node holds; return its entries."""
        contiguous = not node.scattered
        if node.content is not None:
            size, attributes = len(node.content), node.attributes
            taken = self._allocate(size, contiguous=contiguous, scattered=node.scattered)
            valid = size if node.valid is None else node.valid
            self._store(taken, node.content[:valid])
        else:
            attributes = 0x10
            taken = self._allocate(
                self._folder_bytes(node.children), contiguous=contiguous, scattered=node.scattered
            )
            size = valid = len(taken) * CLUSTER
            self._fill_folder(node.children, taken, path, b"")
        self.place[path] = taken
        if node.deleted:
            self.used.difference_update(taken)
        entries = _entry_set(node, attributes, taken[0] if taken else 0, size, valid, contiguous=contiguous)
        return b"".join(bytes([e[0] & 0x7F]) + e[1:] for e in entries) if node.deleted else b"".join(entries)

    def _write_fat(self) -> None:
        table = b"".join(map(_u32, self.fat))
        at = FAT_SECTOR * SECTOR
        self.image[at : at + self.fat_sectors * SECTOR] = table.ljust(self.fat_sectors * SECTOR, b"\x00")

    def _write_boot(self, root: int) -> None:
        boot = bytearray(SECTOR)
        boot[0:11] = b"\xeb\x76\x90EXFAT   "
        fields = ((72, _u64(self.sectors)), (80, _u32(FAT_SECTOR)), (84, _u32(self.fat_sectors)))
        fields += ((88, _u32(self.heap_sector)), (92, _u32(self.clusters)), (96, _u32(root)))
        fields += ((100, _u32(self.serial)), (104, b"\x00\x01"))
        for at, value in fields:
            boot[at : at + len(value)] = value
        boot[108], boot[109], boot[110], boot[111], boot[112] = 9, 3, 1, 0x80, 50
        boot[510:512] = b"\x55\xaa"
        region = bytes(boot) + (bytes(510) + b"\x55\xaa") * 8 + bytes(SECTOR) * 2
        checksum = 0
        for at, byte in enumerate(region):
            if at not in (106, 107, 112):
                checksum = ((checksum << 31 | checksum >> 1) & END) + byte & END
        region += _u32(checksum) * (SECTOR // 4)
        self.image[: len(region)] = region
        self.image[len(region) : 2 * len(region)] = region


def _entry_set(
    node: Node, attributes: int, cluster: int, size: int, valid: int, *, contiguous: bool
) -> list[bytes]:
    units = node.name.encode("utf-16-le")
    names = [units[at : at + 30].ljust(30, b"\x00") for at in range(0, len(units), 30)]
    moment, zone = node.modified, 0
    if node.zone_minutes is not None:
        zone = 0x80 | node.zone_minutes // 15 & 0x7F
    stamp = _stamp(moment)
    primary = bytes([0x85, 1 + len(names), 0, 0]) + attributes.to_bytes(2, "little") + bytes(2) + stamp * 3
    primary += bytes([100 * (moment.second % 2)] * 2 + [zone] * 3) + bytes(7)
    flags = 1 | (2 if contiguous and cluster else 0)
    stream = bytes([0xC0, flags, 0, len(units) // 2]) + _name_hash(units) + bytes(2) + _u64(valid) + bytes(4)
    entries = [primary, stream + _u32(cluster) + _u64(size), *(b"\xc1\x00" + name for name in names)]
    checksum = 0
    for at, byte in enumerate(b"".join(entries)):
        if at not in (2, 3):
            checksum = ((checksum << 15 | checksum >> 1) & 0xFFFF) + byte & 0xFFFF
    entries[0] = primary[:2] + checksum.to_bytes(2, "little") + primary[4:]
    assert all(len(entry) == 32 for entry in entries)
    return entries


def _name_hash(units: bytes) -> bytes:
    value = 0
    pairs = [units[at : at + 2] for at in range(0, len(units), 2)]
    for byte in b"".join(pair.upper() if not pair[1] else pair for pair in pairs):  # as the table says
        value = ((value << 15 | value >> 1) & 0xFFFF) + byte & 0xFFFF
    return value.to_bytes(2, "little")


def _stamp(moment: datetime) -> bytes:
    date, time = dos_stamp(moment)
    return _u32(date << 16 | time)


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def _u64(value: int) -> bytes:
    return value.to_bytes(8, "little")
