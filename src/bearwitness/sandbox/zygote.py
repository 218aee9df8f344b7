"""The zygote: a process without keys that loads a module of tasks, locks itself and forks a child a request.

:mod:`.launch` has it exec'ed, never forked from the parent, so nothing the parent ever held is in its memory.
Forking from it is cheap, because the modules are loaded already, and safe, because it has one thread. It
reads no hostile byte itself: requests come from the parent, and of its children it only learns that they
ended.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from . import landlock, syscalls
from .child import Cage, serve
from .libc import PR_SET_NO_NEW_PRIVS, prctl
from .limits import address_space_bytes, give_up_privileges
from .seccomp import Filter
from .tasks import Call, Session
from .wire import (
    CONTROL,
    ENDED,
    FILES_MAX,
    LANDLOCK,
    LIMITS,
    NOT_STARTED,
    READY,
    REPLY_BYTES_MAX,
    REQUEST_BYTES_MAX,
    SECCOMP,
    STATUS,
)

_DESCRIPTORS_MAX: Final = 4096
_OOM_SCORE: Final = "500"


def lock(layers: frozenset[str], descriptors_max: int) -> Cage:
    """Give up all that a zygote does not need, once everything is imported; raise OSError."""
    if len(os.listdir("/proc/self/task")) > 1:
        raise OSError("a module of tasks started threads, and forking would lose them")
    null = os.open("/dev/null", os.O_RDWR)
    ruleset = landlock.create_ruleset() if LANDLOCK in layers else None
    child_filter = Filter(syscalls.CHILD) if SECCOMP in layers else None
    own_filter = Filter(syscalls.ZYGOTE) if SECCOMP in layers else None
    gc.collect()
    gc.freeze()  # a collection in a child would copy every page it touches
    loaded_bytes = address_space_bytes() if LIMITS in layers else None
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if loaded_bytes is not None:
        give_up_privileges()
    if ruleset is not None:
        landlock.restrict_self(ruleset)
    if own_filter is not None:
        own_filter.install()
    return Cage(os.getpid(), null, descriptors_max, loaded_bytes, ruleset, child_filter)


@dataclass(frozen=True)
class _Child:
    pid: int
    pidfd: int
    status: int


class Zygote:
    """Forks children on request, reaps them, kills those nobody waits for."""

    def __init__(
        self,
        control: socket.socket,
        cage: Cage,
        calls: Mapping[str, Call],
        sessions: Mapping[str, Session],
    ) -> None:
        self._control, self._cage, self._calls, self._sessions = control, cage, calls, sessions
        self._children: dict[int, _Child] = {}  # by pidfd and by status pipe
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)

    def run(self) -> None:
        """Serve until the last process that holds the other end of the socket is gone."""
        going_on = True
        while going_on:
            asked = False
            for descriptor, _ in self._poll.poll():
                if descriptor == CONTROL:
                    asked = True
                elif descriptor in self._children:
                    self._attend(self._children[descriptor], descriptor)
            # Last, because a request brings new descriptors that may have the numbers of closed ones.
            going_on = not asked or self._serve()

    def _attend(self, child: _Child, descriptor: int) -> None:
        """Kill a child whose parent hung up (it gave up or died), reap one that ended."""
        if descriptor == child.status:
            self._poll.unregister(child.status)
            del self._children[child.status]
            signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)
            return
        _, ending = os.waitpid(child.pid, 0)
        _tell(child.status, ENDED, ending)
        for number in (child.pidfd, child.status):
            if self._children.pop(number, None):
                self._poll.unregister(number)
            os.close(number)

    def _serve(self) -> bool:
        """Take one request and fork a child for it; say whether there may be more."""
        try:
            message, descriptors, flags, _ = socket.recv_fds(self._control, REQUEST_BYTES_MAX, FILES_MAX + 2)
        except ConnectionResetError:  # the parent ended without reading all it was told
            return False
        if not message:
            return False
        if flags & socket.MSG_CTRUNC or len(descriptors) < 2:
            for number in descriptors:  # too many are open already; the parent sees that these were closed
                os.close(number)
            return True
        channel, status, *files = descriptors
        try:
            if len(self._children) >= self._cage.descriptors_max // 2:  # two for each child
                raise BlockingIOError(errno.EAGAIN, "too many children")
            pid = os.fork()
            if pid == 0:
                serve(message, channel, tuple(files), self._cage, self._calls, self._sessions)
            self._watch(_Child(pid, os.pidfd_open(pid), status))
        except OSError as error:
            _tell(status, NOT_STARTED, error.errno or 0)
            os.close(status)
        for number in (channel, *files):
            os.close(number)
        return True

    def _watch(self, child: _Child) -> None:
        self._children |= {child.pidfd: child, child.status: child}
        self._poll.register(child.pidfd, select.POLLIN)
        self._poll.register(child.status, 0)  # an error is always reported


def _tell(status: int, kind: int, value: int) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(status, STATUS.pack(kind, value))


def main(module_name: str, layers: str, *folders: str) -> None:
    """Load, lock, say so, serve."""
    os.closerange(CONTROL + 1, os.sysconf("SC_OPEN_MAX"))
    control = socket.socket(fileno=CONTROL)
    try:
        descriptors_max = _prepare()
        sys.path += folders
        module = importlib.import_module(module_name)
        cage = lock(frozenset(layers.split(",")), descriptors_max)
    except Exception as error:  # noqa: BLE001 - told to the parent, who raises it
        os.write(CONTROL, f"{type(error).__name__}: {error}".encode()[:REPLY_BYTES_MAX])
        sys.exit(1)
    try:
        os.write(CONTROL, READY)
    except (BrokenPipeError, ConnectionResetError):  # the parent refused meanwhile, for a reason it told
        return
    calls, sessions = getattr(module, "CALLS", {}), getattr(module, "SESSIONS", {})
    Zygote(control, cage, calls, sessions).run()


def _prepare() -> int:
    """Be what the kernel ends first when memory runs out; return how many descriptors may be open."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS_MAX if most == resource.RLIM_INFINITY else min(most, _DESCRIPTORS_MAX)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write(_OOM_SCORE)
    return wanted
