"""The process that becomes another's program: locks itself, then executes it. Runs on nothing but arguments.

Landlock lets it read the system's folders of programs and libraries, and execute the program, its interpreter
and the loader. The filter :data:`.syscalls.PROGRAM` stays on over the execution: no socket, no process, no
signal. What it writes has a limit of no bytes, so a pipe is all that is left.
"""

from __future__ import annotations

import os
import resource
import sys
from typing import Final

from . import landlock, syscalls
from .libc import PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, prctl
from .limits import give_up_privileges
from .seccomp import Filter
from .wire import LANDLOCK, LIMITS, SECCOMP

_READABLE: Final = ("/usr", "/bin", "/lib", "/lib64", "/etc/perl", "/etc/ld.so.cache", "/dev/null",
                    "/dev/urandom", "/sys/devices/system/cpu")  # fmt: skip
_LOADERS: Final = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
_DESCRIPTORS: Final = 64
_KILL: Final = 9
_NOT_LOCKED: Final = 125


def main(layers: str, limits: str, path: str, interpreter: str, *arguments: str) -> None:
    """Lock this process and become the program at `path`; `limits` are seconds and bytes of memory."""
    seconds, memory_bytes = map(int, limits.split(","))
    put_on = frozenset(layers.split(","))
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    try:
        prctl(PR_SET_PDEATHSIG, _KILL)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        filtered = Filter(syscalls.PROGRAM) if SECCOMP in put_on else None
        if LIMITS in put_on:
            give_up_privileges()
            for what, value in (
                (resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CPU, seconds),
                (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_NOFILE, _DESCRIPTORS),
            ):  # fmt: skip
                resource.setrlimit(what, (value, value))
        if LANDLOCK in put_on:
            executable = [place for place in (path, interpreter, *_LOADERS) if place]
            ruleset = landlock.create_ruleset(_READABLE, executable)
            landlock.restrict_self(ruleset)
            os.close(ruleset)
        if filtered is not None:
            filtered.install()
        os.execve(path, [path, *arguments], dict(os.environ))  # noqa: S606 - the program that was looked up
    except OSError:
        sys.exit(_NOT_LOCKED)
