"""Writes disks with partitions: master boot record, with a chain of logical ones if asked for, and GPT."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Sequence

SECTOR = 512
FIRST = 2048
DISK_SIGNATURE = 0xDEADC0DE
DISK_GUID = uuid.UUID("11111111-2222-3333-4444-555555555555")
PARTITION_GUID = uuid.UUID("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee")
BASIC_DATA = uuid.UUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")


def mbr(volumes: Sequence[bytes], kinds: Sequence[int] = (), *, logical: bool = False) -> bytes:
    """Return a disk with `volumes` in its master boot record; `logical`: the last in an extended one."""
    disk = bytearray(FIRST * SECTOR)
    table = []
    for number, volume in enumerate(volumes):
        start = _align(disk)
        kind = kinds[number] if number < len(kinds) else 0x07
        if logical and number == len(volumes) - 1:
            inner = start + 64
            disk += _boot_record([(64, len(volume) // SECTOR, kind)]) + bytes(63 * SECTOR) + volume
            table.append((start, inner - start + len(volume) // SECTOR, 0x05))
        else:
            disk += volume
            table.append((start, len(volume) // SECTOR, kind))
    disk[:SECTOR] = _boot_record(table)
    return bytes(disk)


def _boot_record(table: Sequence[tuple[int, int, int]]) -> bytes:
    record = bytearray(SECTOR)
    record[440:444] = DISK_SIGNATURE.to_bytes(4, "little")
    for number, (start, length, kind) in enumerate(table):
        entry = bytes([0, 0xFE, 0xFF, 0xFF, kind, 0xFE, 0xFF, 0xFF])
        entry += start.to_bytes(4, "little") + length.to_bytes(4, "little")
        record[446 + 16 * number : 462 + 16 * number] = entry
    record[510:512] = b"\x55\xaa"
    return bytes(record)


def gpt(volumes: Sequence[bytes], name: str = "SECRETPARTITION") -> bytes:
    """Return a disk with a GUID partition table and its copy at the end."""
    disk, entries = bytearray(FIRST * SECTOR), bytearray(128 * 128)
    for number, volume in enumerate(volumes):
        start = _align(disk)
        disk += volume
        entry = BASIC_DATA.bytes_le + PARTITION_GUID.bytes_le[:15] + bytes([number])
        entry += start.to_bytes(8, "little") + (len(disk) // SECTOR - 1).to_bytes(8, "little") + bytes(8)
        entries[128 * number : 128 * (number + 1)] = entry + name.encode("utf-16-le").ljust(72, b"\x00")
    _align(disk)
    last = len(disk) // SECTOR + 32
    disk[:SECTOR] = _boot_record([(1, last, 0xEE)])
    disk[SECTOR : 2 * SECTOR] = _gpt_header(bytes(entries), 1, last, 2)
    disk[2 * SECTOR : 34 * SECTOR] = entries
    return bytes(disk) + bytes(entries) + _gpt_header(bytes(entries), last, 1, last - 32)


def _gpt_header(entries: bytes, here: int, other: int, table: int) -> bytes:
    def build(checksum: int) -> bytes:
        words = (here, other, 34, max(here, other) - 33)
        head = b"EFI PART" + b"\x00\x00\x01\x00" + (92).to_bytes(4, "little") + checksum.to_bytes(4, "little")
        head += bytes(4) + b"".join(word.to_bytes(8, "little") for word in words) + DISK_GUID.bytes_le
        head += table.to_bytes(8, "little") + (128).to_bytes(4, "little") * 2
        return head + zlib.crc32(entries).to_bytes(4, "little")

    return build(zlib.crc32(build(0))).ljust(SECTOR, b"\x00")


def _align(disk: bytearray) -> int:
    disk += bytes(-len(disk) % (FIRST * SECTOR))
    return len(disk) // SECTOR
