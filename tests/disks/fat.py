"""Writes FAT16 and FAT32 volumes: long names, folders, deleted files, fragments; no cluster is saved on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .tree import MOMENT, Node

SECTOR = 512
CLUSTER_SECTORS = 1
CLUSTER = SECTOR * CLUSTER_SECTORS
SERIAL = 0xCAFEBABE
LABEL = b"SECRETLABEL"
END = 0x0FFFFFFF


@dataclass
class Fat:
    """A FAT volume being written."""

    clusters: int
    bits: int = 32
    serial: int = SERIAL
    label: bytes = LABEL

    def __post_init__(self) -> None:
        self.reserved = 32 if self.bits == 32 else 1
        self.root_entries = 0 if self.bits == 32 else 512
        entry = self.bits // 8
        self.fat_sectors = -(-(self.clusters + 2) * entry // SECTOR)
        self.data_sector = self.reserved + 2 * self.fat_sectors + self.root_entries * 32 // SECTOR
        self.sectors = self.data_sector + self.clusters * CLUSTER_SECTORS
        self.image = bytearray(self.sectors * SECTOR)
        self.fat = [0] * (self.clusters + 2)
        self.fat[0], self.fat[1] = 0x0FFFFFF8, END
        self._free = 2
        self.place: dict[str, list[int]] = {}  # path -> clusters
        self.entry_at: dict[str, int] = {}  # path -> offset of its short entry

    def write(self, nodes: list[Node]) -> bytes:
        """Return the volume that holds `nodes`."""
        label = _entry(self.label, 0x08, 0, 0, MOMENT)
        if self.bits == 32:
            root = self._allocate(self._folder_bytes(nodes, extra=1), scattered=False)
            assert root[0] == 2
            self._fill_folder(nodes, root, "", label)
        else:
            at = (self.data_sector - self.root_entries * 32 // SECTOR) * SECTOR
            self._fill_folder(nodes, [], "", label, fixed=at)
        self._write_boot()
        self._write_fats()
        return bytes(self.image)

    def offset(self, cluster: int) -> int:
        """Return where a cluster lies in the volume."""
        return self.data_sector * SECTOR + (cluster - 2) * CLUSTER

    def _allocate(self, size: int, *, scattered: bool) -> list[int]:
        count = -(-size // CLUSTER)
        step = 3 if scattered else 1
        taken = [self._free + i * step for i in range(count)]
        self._free += count * step
        for here, following in zip(taken, [*taken[1:], END], strict=bool(taken)):
            self.fat[here] = following
        return taken

    def _folder_bytes(self, nodes: list[Node], extra: int) -> int:
        return 32 * (extra + sum(len(_names_of(node)) + 1 for node in nodes))

    def _fill_folder(
        self, nodes: list[Node], clusters: list[int], path: str, head: bytes, fixed: int | None = None
    ) -> None:
        data = bytearray(head)
        for node in nodes:
            full = f"{path}/{node.name}" if path else node.name
            long_entries = b"".join(_names_of(node))
            first, size, attributes = self._put(node, clusters, full)
            short = _entry(_short_of(node), attributes, first, size, node.modified)
            if node.deleted:
                long_entries = b"".join(b"\xe5" + e[1:] for e in _names_of(node))
                short = b"\xe5" + short[1:]
            data += long_entries
            self.entry_at[full] = self._position(clusters, len(data), fixed)
            data += short
        if fixed is not None:
            self.image[fixed : fixed + len(data)] = data
            return
        for number, cluster in enumerate(clusters):
            piece = data[number * CLUSTER : (number + 1) * CLUSTER]
            at = self.offset(cluster)
            self.image[at : at + len(piece)] = piece

    def _position(self, clusters: list[int], at: int, fixed: int | None) -> int:
        if fixed is not None:
            return fixed + at
        return self.offset(clusters[at // CLUSTER]) + at % CLUSTER

    def _put(self, node: Node, parent: list[int], path: str) -> tuple[int, int, int]:
        """Write what a node holds; return first cluster, size, attributes."""
        if node.content is not None:
            clusters = self._allocate(len(node.content), scattered=node.scattered)
            for number, cluster in enumerate(clusters):
                piece = node.content[number * CLUSTER : (number + 1) * CLUSTER]
                self.image[self.offset(cluster) : self.offset(cluster) + len(piece)] = piece
            if node.deleted:
                for cluster in clusters:
                    self.fat[cluster] = 0
            self.place[path] = clusters
            return (clusters[0] if clusters else 0), len(node.content), node.attributes
        clusters = self._allocate(self._folder_bytes(node.children, extra=2), scattered=node.scattered)
        above = 0 if not parent or parent[0] == 2 else parent[0]
        dots = _entry(b".          ", 0x10, clusters[0], 0, node.modified)
        dots += _entry(b"..         ", 0x10, above, 0, node.modified)
        self.place[path] = clusters
        self._fill_folder(node.children, clusters, path, dots)
        return clusters[0], 0, 0x10

    def _write_boot(self) -> None:
        boot = bytearray(SECTOR)
        boot[0:11] = b"\xeb\x58\x90MSWIN4.1"
        _put(boot, 11, SECTOR, 2)
        boot[13] = CLUSTER_SECTORS
        _put(boot, 14, self.reserved, 2)
        boot[16] = 2
        _put(boot, 17, self.root_entries, 2)
        boot[21] = 0xF8
        _put(boot, 32, self.sectors, 4)
        if self.bits == 32:
            _put(boot, 36, self.fat_sectors, 4)
            _put(boot, 44, 2, 4)
            _put(boot, 48, 1, 2)
            _put(boot, 50, 6, 2)
        else:
            _put(boot, 22, self.fat_sectors, 2)
        tail = 64 if self.bits == 32 else 36
        boot[tail : tail + 3] = b"\x80\x00\x29"
        _put(boot, tail + 3, self.serial, 4)
        boot[tail + 7 : tail + 18] = self.label
        boot[tail + 18 : tail + 26] = f"FAT{self.bits}   ".encode()
        boot[510:512] = b"\x55\xaa"
        self.image[:SECTOR] = boot
        if self.bits == 32:
            info = bytearray(SECTOR)
            info[0:4], info[484:488], info[508:512] = b"RRaA", b"rrAa", b"\x00\x00\x55\xaa"
            _put(info, 488, 0xFFFFFFFF, 4)
            _put(info, 492, 0xFFFFFFFF, 4)
            self.image[SECTOR : 2 * SECTOR] = info
            self.image[6 * SECTOR : 7 * SECTOR] = boot

    def _write_fats(self) -> None:
        width, mask = self.bits // 8, (1 << min(self.bits, 28)) - 1
        table = b"".join((value & mask).to_bytes(width, "little") for value in self.fat)
        for copy in range(2):
            at = (self.reserved + copy * self.fat_sectors) * SECTOR
            self.image[at : at + len(table)] = table


def _put(data: bytearray, at: int, value: int, width: int) -> None:
    data[at : at + width] = value.to_bytes(width, "little")


def dos_stamp(moment: datetime) -> tuple[int, int]:
    """Return date and time as DOS writes them."""
    date = (moment.year - 1980) << 9 | moment.month << 5 | moment.day
    return date, moment.hour << 11 | moment.minute << 5 | moment.second // 2


def _entry(name: bytes, attributes: int, cluster: int, size: int, moment: datetime) -> bytes:
    assert len(name) == 11, name
    date, time = dos_stamp(moment)
    entry = bytearray(32)
    entry[0:11] = name
    entry[11] = attributes
    entry[13] = 100 * (moment.second % 2)
    for at, value in ((14, time), (16, date), (18, date), (20, cluster >> 16), (22, time), (24, date)):
        _put(entry, at, value, 2)
    _put(entry, 26, cluster & 0xFFFF, 2)
    _put(entry, 28, size, 4)
    return bytes(entry)


_used: dict[str, bytes] = {}


def _short_of(node: Node) -> bytes:
    """Return a short name; where the node has a long one, one nobody else has."""
    if node.short is not None:
        return node.short
    if node.name not in _used:
        _used[node.name] = b"%08dBIN" % len(_used)
    return _used[node.name]


def _names_of(node: Node) -> list[bytes]:
    """Return the entries of a long name, last part first."""
    if node.short is not None:
        return []
    short, checksum = _short_of(node), 0
    for byte in short:
        checksum = ((checksum & 1) << 7 | checksum >> 1) + byte & 0xFF
    units = node.name.encode("utf-16-le")
    count = -(-len(units) // 26)
    units += b"\x00\x00" if len(units) % 26 else b""
    units = units.ljust(count * 26, b"\xff")
    entries = []
    for number in range(count):
        part = units[number * 26 : (number + 1) * 26]
        order = number + 1 | (0x40 if number == count - 1 else 0)
        head = bytes([order]) + part[:10] + b"\x0f\x00" + bytes([checksum])
        entries.append(head + part[10:22] + b"\x00\x00" + part[22:])
    return entries[::-1]
