"""What Python 3.11 does not ask the kernel: birth times (statx(2)); and extended attributes, bounded."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final

from bearwitness_verify.canonical import b64

_AT_EMPTY_PATH: Final = 0x1000
_STATX_BTIME: Final = 0x800
_BUFFER_BYTES: Final = 256
_BTIME: Final = struct.Struct("@qI")  # tv_sec, tv_nsec
_BTIME_OFFSET: Final = 80
XATTR_BYTES_MAX: Final = 64 * 1024  # of one value; what is longer is named, not kept

_statx = getattr(ctypes.CDLL(None, use_errno=True), "statx", None)
_buffer = ctypes.create_string_buffer(_BUFFER_BYTES)
_mask = struct.Struct("@I")


def birth_time(file: int) -> int | None:
    """Return when the open `file` was made, in nanoseconds, None where the file system does not keep it."""
    if _statx is None or _statx(file, b"", _AT_EMPTY_PATH, _STATX_BTIME, _buffer) != 0:
        return None
    if not _mask.unpack_from(_buffer, 0)[0] & _STATX_BTIME:
        return None
    seconds, nanoseconds = _BTIME.unpack_from(_buffer, _BTIME_OFFSET)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


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
