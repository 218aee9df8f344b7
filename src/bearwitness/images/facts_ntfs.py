"""NTFS: facts of a file from its standard information, its reparse point and its names."""

from __future__ import annotations

import struct
from typing import Any, Final

from .facts import Facts, OpenVolume, basic_facts, mode_without_owner
from .model import FILE, SYMLINK

STANDARD_INFORMATION: Final = 16
FILE_NAME: Final = 48
DATA: Final = 128
REPARSE_POINT: Final = 192
_SYMLINK_TAG, _MOUNT_POINT_TAG = 0xA000000C, 0xA0000003
# Deduplicated, compressed by WIM or the system itself: the bytes on the disk are not the file's.
_ELSEWHERE_TAGS: Final = (0x80000013, 0x80000008, 0x80000017)
_CLOUD_TAG, _CLOUD_MASK = 0x9000001A, 0xFFFF0FFF
_REPARSE_BYTES_MAX: Final = 16_384 + 8
_NAMES_MAX: Final = 1_100  # NTFS allows 1,024 hard links
_EPOCH: Final = 116_444_736_000_000_000  # 1970 in units of 100 ns since 1601


class NtfsFacts:
    """NTFS. Owners are left out: a security identifier tells one Windows machine from all others."""

    def __init__(self, volume: OpenVolume) -> None:
        self._volume = volume

    def read(self, file: Any, name: Any) -> Facts:
        """Return the facts of `file`."""
        facts = basic_facts(file)
        facts.nlink = int(file.info.meta.nlink)
        found = {int(a.info.type): int(a.info.id) for a in file if int(a.info.type) in _WANTED}
        standard = _read(file, STANDARD_INFORMATION, found, 36)
        if len(standard) == 36:
            btime, mtime, ctime, atime, facts.attributes = struct.unpack("<QQQQI", standard)
            facts.btime, facts.mtime = file_time(btime), file_time(mtime)
            facts.ctime, facts.atime = file_time(ctime), file_time(atime)
        reparse = _read(file, REPARSE_POINT, found, _REPARSE_BYTES_MAX)
        if reparse:
            _follow(facts, reparse)
        facts.mode = mode_without_owner(facts.type, facts.attributes or 0)
        if b"^" in name.name:
            facts.name = _exact_name(file, bytes(name.name))
        return facts


_WANTED: Final = (STANDARD_INFORMATION, REPARSE_POINT)


def file_time(ticks: int) -> int | None:
    """Return a time of Windows in nanoseconds, None for no time."""
    return (ticks - _EPOCH) * 100 if 0 < ticks < 1 << 63 else None


def _read(file: Any, kind: int, found: dict[int, int], most: int) -> bytes:
    """Return the beginning of an attribute, nothing if the file has none or it can not be read."""
    if kind not in found:
        return b""
    try:
        return bytes(file.read_random(0, most, kind, found[kind]))
    except OSError:
        return b""


def _follow(facts: Facts, reparse: bytes) -> None:
    """Take in what a reparse point says: a link, or that the content is elsewhere."""
    if len(reparse) < 8:
        return
    tag = int.from_bytes(reparse[:4], "little")
    if tag in (_SYMLINK_TAG, _MOUNT_POINT_TAG):
        names = 20 if tag == _SYMLINK_TAG else 16
        offset, length = struct.unpack_from("<HH", reparse.ljust(16, b"\x00"), 8)  # the substitute name
        text = reparse[names + offset : names + offset + length]
        facts.type, facts.target, facts.size = SYMLINK, _utf8(text), 0
    elif facts.type == FILE and (tag in _ELSEWHERE_TAGS or tag & _CLOUD_MASK == _CLOUD_TAG):
        facts.reason = "elsewhere"


def _exact_name(file: Any, shown: bytes) -> bytes | None:
    """Return the name with what The Sleuth Kit replaced (halves of surrogate pairs), if it can be told."""
    ids = [int(a.info.id) for a in file if int(a.info.type) == FILE_NAME][:_NAMES_MAX]
    for number in ids:
        record = _read(file, FILE_NAME, {FILE_NAME: number}, 66 + 510)
        name = record[66 : 66 + 2 * record[64]] if len(record) > 66 else b""
        if _lenient(name) == shown:
            return _utf8(name)
    return None


def _lenient(name: bytes) -> bytes:
    text = name.decode("utf-16-le", "surrogatepass")
    return "".join("^" if "\ud800" <= c <= "\udfff" else c for c in text).encode()


def _utf8(name: bytes) -> bytes:
    """Return UTF-16 as UTF-8; halves of surrogate pairs become three bytes each (WTF-8)."""
    return name[: len(name) // 2 * 2].decode("utf-16-le", "surrogatepass").encode("utf-8", "surrogatepass")
