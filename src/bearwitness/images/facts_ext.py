"""ext2, ext3, ext4: facts of a file from its raw inode."""

from __future__ import annotations

from typing import Any, Final

from .facts import TARGET_BYTES_MAX, Facts, OpenVolume, SleuthFacts, link_target
from .model import SYMLINK

_SUPERBLOCK: Final = 1024
_META_BG, _64BIT = 0x10, 0x80  # incompatible features
_FAST_LINK_BYTES: Final = 60
_INLINE_DATA: Final = 0x10000000
_EXTRA_AT: Final = 128
# name: where its seconds are, where its nanoseconds and further bits of seconds are
_TIMES: Final = {"atime": (8, 140), "ctime": (12, 132), "mtime": (16, 136), "btime": (144, 148)}


class ExtFacts:
    """The ext family."""

    def __init__(self, volume: OpenVolume) -> None:
        self._volume = volume
        self._basic = SleuthFacts(volume)
        sb = volume.read(_SUPERBLOCK, 1024)
        features, revision = _u32(sb, 96), _u32(sb, 76)
        self._block = 1024 << min(_u32(sb, 24), 6)
        self._first_block = _u32(sb, 20)
        self._per_group = _u32(sb, 40)
        self._inode_bytes = _u16(sb, 88) if revision else 128
        self._descriptor_bytes = max(32, _u16(sb, 254)) if features & _64BIT else 32
        # With meta block groups the descriptors are elsewhere; then The Sleuth Kit's word must do.
        self._usable = not features & _META_BG and self._per_group > 0 and self._inode_bytes >= 128

    def read(self, file: Any, name: Any) -> Facts:
        """Return the facts of `file`."""
        facts = self._basic.read(file, name)
        inode = self._inode(int(file.info.meta.addr)) if self._usable else None
        if inode is None:
            return facts
        extra = _EXTRA_AT + _u16(inode, _EXTRA_AT) if len(inode) > _EXTRA_AT else _EXTRA_AT
        for time, (at, more) in _TIMES.items():
            setattr(facts, time, _time(inode, at, more, extra))
        if facts.type == SYMLINK:
            facts.target = self._target(file, inode, facts.size)
        return facts

    def _inode(self, number: int) -> bytes | None:
        """Return the raw inode; None if the group descriptors lead nowhere."""
        group, index = divmod(number - 1, self._per_group)
        place = (self._first_block + 1) * self._block + group * self._descriptor_bytes
        descriptor = self._volume.read(place, self._descriptor_bytes)
        table = _u32(descriptor, 8)
        if self._descriptor_bytes >= 64:
            table |= _u32(descriptor, 40) << 32
        offset = table * self._block + index * self._inode_bytes
        if not table or offset >= self._volume.length:
            return None
        return self._volume.read(offset, min(self._inode_bytes, 1024))

    def _target(self, file: Any, inode: bytes, size: int) -> bytes:
        """Return where a link points; The Sleuth Kit replaces control characters in short ones."""
        inline = _u32(inode, 32) & _INLINE_DATA
        if size < _FAST_LINK_BYTES and not inline:
            return inode[40 : 40 + size]
        try:
            content: bytes = file.read_random(0, min(size, TARGET_BYTES_MAX)) if size else b""
        except OSError:
            content = b""
        return content if content.strip(b"\x00") else link_target(file)


def _time(inode: bytes, at: int, more: int, extra: int) -> int | None:
    """Return a time of an inode, whose fields reach up to `extra`; None where it has no room for it."""
    if at >= _EXTRA_AT and at + 4 > extra:
        return None
    seconds = int.from_bytes(inode[at : at + 4], "little", signed=True)
    if more + 4 > extra:
        return seconds * 1_000_000_000
    word = _u32(inode, more)
    return (seconds + ((word & 3) << 32)) * 1_000_000_000 + (word >> 2)


def _u16(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "little")


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")
