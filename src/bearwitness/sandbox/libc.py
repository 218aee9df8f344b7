"""The few kernel calls Python has no function for, through ctypes; an error is an OSError as always."""

from __future__ import annotations

import ctypes
import os
from typing import Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_NO_NEW_PRIVS: Final = 38

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_SYSCALL: Final = _LIBC.syscall
_SYSCALL.restype = ctypes.c_long
# Every argument as a whole register: a bare Python integer would pass as 32 bits.
_SYSCALL.argtypes = [ctypes.c_long] * 7
_PRCTL: Final = _LIBC.prctl
_PRCTL.restype = ctypes.c_int
_PRCTL.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4


def syscall(number: int, *arguments: int) -> int:
    """Make system call `number`; raise OSError where the kernel refuses."""
    padding = (0,) * (6 - len(arguments))
    result: int = _SYSCALL(number, *arguments, *padding)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def prctl(option: int, value: int) -> None:
    """Set one property of this process; raise OSError."""
    if _PRCTL(option, value, 0, 0, 0) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
