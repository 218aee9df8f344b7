"""What the file system says of a file, birth time included, which Python 3.11 does not ask for (statx(2)).

And extended attributes, bounded.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final, NamedTuple

from bearwitness_verify.canonical import b64

_BASIC_STATS_AND_BTIME: Final = 0xFFF
_BTIME: Final = 0x800
_BUFFER_BYTES: Final = 256
# struct statx up to stx_mtime (linux/stat.h): mask, blksize, attributes, nlink, uid, gid, mode, ino, size,
# blocks, attributes_mask, then seconds and nanoseconds of atime, btime, ctime, mtime.
_STATX: Final = struct.Struct("@IIQIIIHxxQQQQqIxxxxqIxxxxqIxxxxqIxxxx")
_SECOND: Final = 1_000_000_000
XATTR_BYTES_MAX: Final = 64 * 1024  # of one value; what is longer is named, not kept

_statx = getattr(ctypes.CDLL(None, use_errno=False), "statx", None)
_buffer = ctypes.create_string_buffer(_BUFFER_BYTES)
# Made once: to convert them at each call took as long as the call.
_SAME_EACH_TIME: Final = (
    ctypes.c_char_p(b""),
    ctypes.c_int(0x1000),  # AT_EMPTY_PATH: of the open file itself
    ctypes.c_uint(_BASIC_STATS_AND_BTIME),
    ctypes.c_void_p(ctypes.addressof(_buffer)),
)


class FileState(NamedTuple):
    """What the file system says of a file; times in nanoseconds, None for what it does not keep."""

    size: int
    mtime: int | None
    atime: int | None
    ctime: int | None
    btime: int | None
    mode: int | None
    uid: int | None
    gid: int | None
    nlink: int | None
    blocks: int  # of 512 bytes that are stored: fewer than the size takes where there are holes
    attributes: int | None = None  # of DOS and Windows


def state_of(status: os.stat_result) -> FileState:
    """Return what `stat` told; it does not tell the birth time."""
    s = status
    return FileState(
        s.st_size, s.st_mtime_ns, s.st_atime_ns, s.st_ctime_ns, None,
        s.st_mode, s.st_uid, s.st_gid, s.st_nlink, s.st_blocks,
    )  # fmt: skip


def state_of_open(file: int) -> FileState:
    """Return what the file system says of the open `file`, its birth time included; raise OSError."""
    if _statx is None or _statx(file, *_SAME_EACH_TIME) != 0:
        return state_of(os.fstat(file))
    (
        mask, _, _, nlink, uid, gid, mode, _, size, blocks, _,
        atime, atime_ns, btime, btime_ns, ctime, ctime_ns, mtime, mtime_ns,
    ) = _STATX.unpack_from(_buffer)  # fmt: skip
    return FileState(
        size,
        mtime * _SECOND + mtime_ns,
        atime * _SECOND + atime_ns,
        ctime * _SECOND + ctime_ns,
        btime * _SECOND + btime_ns if mask & _BTIME else None,
        mode, uid, gid, nlink, blocks,
    )  # fmt: skip


def extended_attributes(file: int) -> dict[str, bytes]:
    """Return the extended attributes of the open `file` that can be read, by base64url name."""
    try:
        names = os.listxattr(file)
    except OSError:  # the file system keeps none
        return {}
    found = {}
    for name in names:
        try:
            value = os.getxattr(file, name)
        except OSError:
            continue
        if len(value) <= XATTR_BYTES_MAX:
            found[b64(os.fsencode(name))] = value
    return found
