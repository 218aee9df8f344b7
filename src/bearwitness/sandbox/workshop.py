"""A worker from inside: a process of its own that loads, warms up, locks itself and then serves for long.

Unlike a zygote it never forks: inference libraries keep threads and do not survive it. What it is asked may
be made by hostile people (pixels, samples), though it is no file; so it is locked before it sees any:

1. no privileges, and Landlock with nothing but the libraries and weights for reading: before any thread is;
2. the module of tasks is imported and its table SERVICES asked for a handler, which loads, waits for the hint
   of what will be asked if it wants one, and warms up;
3. no more descriptors, bounded memory, and the filter :data:`.syscalls.WORKER` on all threads at once.

    SERVICES: dict[str, Service] = {"inference": open_inference}   # tasks.Opening -> Handler
"""

from __future__ import annotations

import importlib
import os
import resource
import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from typing import Final

from . import landlock, syscalls
from .channel import ParentGoneError, read
from .child import answer_question
from .libc import PR_SET_NO_NEW_PRIVS, prctl
from .limits import address_space_bytes, give_up_privileges
from .scratch import map_scratch
from .seccomp import Filter
from .tasks import Opening
from .wire import CONTROL, INBOX, LANDLOCK, LIMITS, QUESTION, READY, REPLY_BYTES_MAX, SECCOMP

# Libraries, and what they ask of the processor and of this process when they start.
_READABLE: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/sys/devices/system", "/proc/self")
_QUESTION_BYTES_MAX: Final = 1 << 30


def main(module_name: str, service: str, arguments: str, layers: str, limits: str, *folders: str) -> None:
    """Load, warm up, lock, say so, serve; `limits` are bytes of memory, of an answer and of the inbox."""
    memory_bytes, answer_bytes_max, inbox_bytes = map(int, limits.split(","))
    os.closerange(INBOX + 1, os.sysconf("SC_OPEN_MAX"))
    inbox = map_scratch(INBOX, inbox_bytes, writable=False) if inbox_bytes else memoryview(b"")
    os.closerange(INBOX, INBOX + 1)
    sys.path += folders
    put_on = frozenset(layers.split(","))
    try:
        _lock_files(put_on, [*folders, *_python_folders()])
        hint = cache(_question)  # asked for by the service, else taken here: it must not stay in the channel
        handler = importlib.import_module(module_name).SERVICES[service](
            Opening(arguments.encode(), inbox, hint)
        )
        hint()
        _lock_rest(put_on, memory_bytes)
    except Exception as error:  # noqa: BLE001 - told to the parent, who raises it
        os.write(CONTROL, f"{type(error).__name__}: {error}".encode()[:REPLY_BYTES_MAX])
        sys.exit(1)
    os.write(CONTROL, READY)
    try:
        while True:
            answer_question(handler, _question(), answer_bytes_max)
    except ParentGoneError:
        pass
    os._exit(0)  # libraries tidy up with calls that are denied


def _question() -> bytes:
    """Return the next question; raise ParentGoneError if there will be none."""
    head = read(QUESTION.size)
    size = _QUESTION_BYTES_MAX + 1 if head is None else QUESTION.unpack(head)[0]
    question = read(size) if size <= _QUESTION_BYTES_MAX else None
    if question is None:
        raise ParentGoneError
    return question


def _python_folders() -> Iterable[str]:
    paths = sysconfig.get_paths()
    return [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")] + [
        sys.base_prefix + "/lib"
    ]


def _lock_files(layers: frozenset[str], readable: Iterable[str]) -> None:
    """Put on what holds for a thread and those it starts, while there is one."""
    if len(os.listdir("/proc/self/task")) > 1:
        raise OSError("the worker has threads before it is locked")
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if LIMITS in layers:
        give_up_privileges()
    if LANDLOCK in layers:
        ruleset = landlock.create_ruleset([*_READABLE, *readable])
        landlock.restrict_self(ruleset)
        os.close(ruleset)


def _lock_rest(layers: frozenset[str], memory_bytes: int) -> None:
    if LIMITS in layers:
        most = address_space_bytes() + memory_bytes
        for what, value in (
            (resource.RLIMIT_AS, most),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_NOFILE, 0),
        ):
            resource.setrlimit(what, (value, value))
    if SECCOMP in layers:
        Filter(syscalls.WORKER).install_everywhere()
