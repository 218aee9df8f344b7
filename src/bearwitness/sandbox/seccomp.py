"""A small assembler for seccomp filters: turns the rules of :mod:`.syscalls` into what the kernel runs.

A filter is a program of the classic Berkeley packet filter. It sees the number of a system call, the
architecture it was made for and six arguments, and returns what happens to it. Ours is a chain of blocks, one
a rule: each returns if its rule holds and else runs into the next; at the end stands EPERM.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from typing import Final

from .libc import syscall
from .syscalls import DENY, KILL, NUMBERS, Check, Rule

_LOAD_WORD: Final = 0x20
_AND: Final = 0x54
_JUMP_IF_EQUAL: Final = 0x15
_JUMP_IF_AT_LEAST: Final = 0x35
_RETURN: Final = 0x06

_OFFSET_NUMBER: Final = 0
_OFFSET_ARCHITECTURE: Final = 4
_OFFSET_ARGUMENTS: Final = 16
_X32_BIT: Final = 0x40000000
_LOW_WORD: Final = 0xFFFFFFFF

_SET_MODE_FILTER: Final = 1
_GET_ACTION_AVAIL: Final = 2
_FLAG_TSYNC: Final = 1
# machine: (column in NUMBERS, what the kernel calls it)
_ARCHITECTURES: Final = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


def machine() -> str | None:
    """Return the name of the architecture this process runs on, None if there is no table for it."""
    name = os.uname().machine
    # A 32-bit Python on a 64-bit kernel makes other calls than the kernel's name lets expect.
    return name if name in _ARCHITECTURES and sys.maxsize > 1 << 32 else None


def available() -> bool:
    """Say whether this kernel filters system calls and we have a table for the machine."""
    name = machine()
    if name is None:
        return False
    action = ctypes.c_uint32(KILL)
    try:
        syscall(_seccomp_number(name), _GET_ACTION_AVAIL, 0, ctypes.addressof(action))
    except OSError:
        return False
    return True


class Filter:
    """A program ready to be put on; made once, used in every child."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        name = machine()
        if name is None:
            raise OSError(f"no table of system calls for {os.uname().machine}")
        self._number = _seccomp_number(name)
        program = assemble(rules, name)
        self._code = ctypes.create_string_buffer(program, len(program))
        # struct sock_fprog: the count of instructions, padding, their address
        head = struct.pack("@H6xQ", len(program) // 8, ctypes.addressof(self._code))
        self._program = ctypes.create_string_buffer(head, len(head))

    def install(self) -> None:
        """Put this thread and all it starts under the filter, for ever; raise OSError."""
        syscall(self._number, _SET_MODE_FILTER, 0, ctypes.addressof(self._program))

    def install_everywhere(self) -> None:
        """Put all threads of this process under the filter, for ever; raise OSError."""
        stubborn = syscall(self._number, _SET_MODE_FILTER, _FLAG_TSYNC, ctypes.addressof(self._program))
        if stubborn:
            raise OSError(f"thread {stubborn} can not be put under the filter")


def assemble(rules: Iterable[Rule], name: str) -> bytes:
    """Return the program for the architecture `name`."""
    column, architecture = _ARCHITECTURES[name]
    parts = [
        _load(_OFFSET_ARCHITECTURE),
        _jump(_JUMP_IF_EQUAL, architecture, 1, 0),
        _return(KILL),
        _load(_OFFSET_NUMBER),
    ]
    if name == "x86_64":  # x32 has the same architecture, other numbers, and no honest user
        parts += [_jump(_JUMP_IF_AT_LEAST, _X32_BIT, 0, 1), _return(KILL)]
    for rule in rules:
        number = NUMBERS[rule.name][column]
        if number is not None:
            parts.append(_block(number, rule))
    parts.append(_return(DENY))
    return b"".join(parts)


def _block(number: int, rule: Rule) -> bytes:
    """Return the code of one rule; where it does not hold it runs out of its end, the number loaded."""
    if not rule.checks:
        return _jump(_JUMP_IF_EQUAL, number, 0, 1) + _return(rule.action)
    body = _return(rule.action) + _load(_OFFSET_NUMBER)
    for offset, mask, value in reversed([word for check in rule.checks for word in _words(check)]):
        failed = len(body) // 8 - 1  # over the rest, to where the number is loaded again
        body = _load(offset) + _instruction(_AND, mask) + _jump(_JUMP_IF_EQUAL, value, 0, failed) + body
    return _jump(_JUMP_IF_EQUAL, number, 0, len(body) // 8) + body


def _words(check: Check) -> list[tuple[int, int, int]]:
    """Return (offset, mask, value) for the low and high halves of an argument: the machine has 32 bits."""
    low = _OFFSET_ARGUMENTS + 8 * check.argument  # both our architectures are little-endian
    words = [(low, check.mask & _LOW_WORD, check.value & _LOW_WORD)]
    if check.mask >> 32:
        words.append((low + 4, check.mask >> 32, check.value >> 32))
    return words


def _load(offset: int) -> bytes:
    return _instruction(_LOAD_WORD, offset)


def _return(action: int) -> bytes:
    return _instruction(_RETURN, action)


def _jump(code: int, value: int, if_true: int, if_false: int) -> bytes:
    return _instruction(code, value, if_true, if_false)


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)


def _seccomp_number(name: str) -> int:
    number = NUMBERS["seccomp"][_ARCHITECTURES[name][0]]
    if number is None:
        raise AssertionError("every architecture has seccomp")
    return number
