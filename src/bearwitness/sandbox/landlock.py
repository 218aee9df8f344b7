"""Landlock: the kernel takes from this process what its files and network rights are, for ever.

A ruleset names the rights it handles and then the exceptions. Ours handles every right the running kernel
knows and has no exception: no path can be opened, listed, made, renamed or executed, no TCP port be bound or
connected to, no abstract socket reached, no process outside be signalled. What is open already stays usable.

A long-lived worker, which must load its libraries after it put this on, may except folders for reading; a
program of others (:mod:`.program`) is excepted for execution, it alone.

What it does not cover (`stat`, UDP, `chmod`, other socket families) is denied by :mod:`.seccomp`.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from typing import Final

from .libc import syscall

# The same numbers on every architecture: they are younger than the common table.
_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_PATH_BENEATH: Final = 1
_READ_FILES_AND_FOLDERS: Final = 0b1100
_READ_FILE: Final = 0b0100
_EXECUTE_FILE: Final = 0b0101
_CREATE_RULESET_VERSION: Final = 1
# How many of the file system rights (a bit each, in the order of linux/landlock.h) each ABI added to know.
_FS_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 5: 16}
_NET_RIGHTS: Final = {4: 2}  # bind and connect TCP
_SCOPES: Final = {6: 2}  # abstract sockets, signals
_ABI_MAX: Final = 7


class _RulesetAttributes(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def abi() -> int:
    """Return the version of Landlock this kernel speaks, 0 if it has none or it is switched off."""
    try:
        return syscall(_CREATE_RULESET, 0, 0, _CREATE_RULESET_VERSION)
    except OSError:
        return 0


def create_ruleset(readable: Iterable[str] = (), executable: Iterable[str] = ()) -> int:
    """Return the descriptor of a ruleset that denies all this kernel can deny; raise OSError.

    Excepted is reading the files and beneath the folders `readable`, and executing the files `executable`,
    those that are there.
    """
    version = abi()
    attributes = _RulesetAttributes(
        _all_bits(_FS_RIGHTS, version), _all_bits(_NET_RIGHTS, version), _all_bits(_SCOPES, version)
    )
    # An older kernel takes the longer structure as long as what it does not know is zero.
    size = ctypes.sizeof(attributes)
    ruleset = syscall(_CREATE_RULESET, ctypes.addressof(attributes), size, 0)
    rights = [(place, _READ_FILES_AND_FOLDERS if os.path.isdir(place) else _READ_FILE) for place in readable]
    rights += [(place, _EXECUTE_FILE) for place in executable]
    for place, allowed in rights:
        if os.path.exists(place):
            _except(ruleset, place, allowed)
    return ruleset


def _except(ruleset: int, place: str, allowed: int) -> None:
    parent = os.open(place, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _PathBeneath(allowed, parent)
        syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.addressof(rule), 0)
    finally:
        os.close(parent)


def restrict_self(ruleset: int) -> None:
    """Put this process under `ruleset`, beneath what it is under already; needs no_new_privs."""
    syscall(_RESTRICT_SELF, ruleset, 0)


def _all_bits(rights: dict[int, int], version: int) -> int:
    known = [count for since, count in rights.items() if since <= min(version, _ABI_MAX)]
    return (1 << max(known, default=0)) - 1
