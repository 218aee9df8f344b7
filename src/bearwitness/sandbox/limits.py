"""How much one child may use, and what every locked process gives up for good."""

from __future__ import annotations

import ctypes
import resource
import signal
import struct
from dataclasses import dataclass
from typing import Final

from .libc import PR_SET_DUMPABLE, prctl, syscall
from .seccomp import machine

_CAPSET: Final = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION_3: Final = 0x20080522
_WALL_SECONDS_MAX: Final = 24 * 3600
_MEMORY_BYTES_MAX: Final = 1 << 40
ANSWER_BYTES_LIMIT: Final = (1 << 32) - 1  # what the length of an answer can say


@dataclass(frozen=True)
class Limits:
    """What a child may use before it is ended; there are no defaults, for every task knows its own measure.

    `cpu_seconds` counts for the whole life of the child, `wall_seconds` for one answer (a call has one, a
    session many), `memory_bytes` is what it may take beyond what the zygote had loaded.
    """

    cpu_seconds: int
    wall_seconds: float
    memory_bytes: int
    answer_bytes_max: int

    def __post_init__(self) -> None:
        good = (
            self.cpu_seconds >= 1
            and 0 < self.wall_seconds <= _WALL_SECONDS_MAX
            and 0 < self.memory_bytes <= _MEMORY_BYTES_MAX
            and 0 <= self.answer_bytes_max <= ANSWER_BYTES_LIMIT
        )
        if not good:
            raise ValueError(f"these limits make no sense: {self}")


def give_up_privileges() -> None:
    """Take from this process and its children core dumps, the eyes of debuggers, and what root may do."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A dump handler that is a program ignores the limit on core files, but not this.
    prctl(PR_SET_DUMPABLE, 0)
    name = machine()
    if name is not None:
        header = ctypes.create_string_buffer(struct.pack("@Ii", _CAPABILITY_VERSION_3, 0))
        nothing = ctypes.create_string_buffer(24)
        syscall(_CAPSET[name], ctypes.addressof(header), ctypes.addressof(nothing))


def address_space_bytes() -> int:
    """Return how much address space this process takes up now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def limit_child(limits: Limits, loaded_bytes: int) -> None:
    """Bound this process; `loaded_bytes` is what the zygote took up before it forked it."""
    _set(resource.RLIMIT_AS, loaded_bytes + limits.memory_bytes, 0)
    _set(resource.RLIMIT_CPU, limits.cpu_seconds, 1)  # SIGXCPU says why; a second later SIGKILL
    _set(resource.RLIMIT_FSIZE, 0, 0)
    _set(resource.RLIMIT_NOFILE, 0, 0)  # what is open stays open, no more comes


def start_alarm(seconds: float) -> None:
    """End this process after `seconds`; the filter sees to it that it can not be put off."""
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _set(what: int, value: int, grace: int) -> None:
    _, ceiling = resource.getrlimit(what)
    if ceiling != resource.RLIM_INFINITY:
        value, grace = min(value, ceiling), min(grace, ceiling - min(value, ceiling))
    resource.setrlimit(what, (value, value + grace))
