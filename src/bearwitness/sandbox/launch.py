"""The parent's hold on the zygote: starts it, sends it requests, starts another if it died."""

from __future__ import annotations

import array
import contextlib
import os
import signal
import socket
import sys
import threading
import weakref
from pathlib import Path
from typing import Final

import bearwitness
from bearwitness.errors import SandboxError

from . import status
from .conversation import printable
from .wire import CONTROL, READY, REPLY_BYTES_MAX

# Isolated (-I), Python looks for modules neither where one works nor in PYTHONPATH nor in ~/.local. We may
# live in the last ourselves, so the zygote is told where the parent found us.
_BOOT: Final = """
import sys
sys.path.append(sys.argv[1])
from bearwitness.sandbox.zygote import main
main(*sys.argv[2:])
"""
HOME: Final = str(Path(bearwitness.__file__).parents[1])
_START_SECONDS: Final = 60  # a cold disk may take long to give up the modules
_SEND_SECONDS: Final = 30
# Nothing of the parent's environment; libraries for arithmetic must not start threads when imported.
ENVIRONMENT: Final = {"LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# A parent may ignore these, and what is ignored stays so over an exec.
SIGNALS_TO_RESET: Final = (signal.SIGALRM, signal.SIGCHLD, signal.SIGTERM, signal.SIGXCPU)


class ZygoteProcess:
    """One zygote at a time. For many threads, and for processes forked while it runs."""

    def __init__(
        self, tasks: str, accept_weak: bool, layers: frozenset[str] | None, folders: tuple[str, ...]
    ) -> None:
        self._tasks, self._accept_weak, self._layers, self._folders = tasks, accept_weak, layers, folders
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._greeted = False
        self.pid = 0  # of the zygote, in the process that started it
        _all.add(self)

    def prepare(self) -> None:
        """Have the zygote load while other things are done, unless there is one; raise SandboxError."""
        with self._lock:
            self._launched()

    def start(self) -> None:
        """Start the zygote unless there is one; raise SandboxError."""
        with self._lock:
            self._running()

    def end(self) -> None:
        """End the zygote and with it all its children."""
        with self._lock:
            self._drop()

    def send(self, message: bytes, descriptors: list[int]) -> None:
        """Send one request, to a new zygote if the one we had is gone; raise OSError, SandboxError."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        with self._lock:
            had_one = self._control is not None
            try:
                self._running().sendmsg([message], rights, socket.MSG_NOSIGNAL)
            except (BrokenPipeError, ConnectionResetError):
                self._drop()
                if not had_one:
                    raise
                self._running().sendmsg([message], rights, socket.MSG_NOSIGNAL)

    def _running(self) -> socket.socket:
        """Return the socket of the zygote, started if there is none; the caller holds the lock."""
        control = self._launched()
        if not self._greeted:
            self._greet(control)
            self._greeted = True
        return control

    def _launched(self) -> socket.socket:
        """Return the socket of a zygote that may still be loading; the caller holds the lock."""
        if self._control is None:
            layers = self._layers
            if layers is None:
                layers = status.require(accept_weak=self._accept_weak).names
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._spawn(theirs, layers)
        return self._control

    def _spawn(self, control: socket.socket, layers: frozenset[str]) -> None:
        command = [sys.executable, "-I", "-c", _BOOT, HOME]
        command += [self._tasks, ",".join(sorted(layers)), *self._folders]
        actions = [
            (os.POSIX_SPAWN_DUP2, control.fileno(), CONTROL),
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_RDWR, 0),
        ]
        try:
            self.pid = os.posix_spawn(
                command[0],
                command,
                ENVIRONMENT,
                file_actions=actions,
                setsid=True,  # no Ctrl-C from the terminal, and no terminal to take over
                setsigmask=(),
                setsigdef=SIGNALS_TO_RESET,
            )
        except OSError:
            self._drop()
            raise

    def _greet(self, control: socket.socket) -> None:
        """Wait until the zygote is locked and says so; raise SandboxError with its reason if it is not."""
        control.settimeout(_START_SECONDS)
        try:
            reply = control.recv(REPLY_BYTES_MAX)
        except TimeoutError:
            reply = b"it took too long"
        except ConnectionResetError:
            reply = b""
        if reply != READY:
            self._drop()
            reason = printable(reply) or "it died"
            raise SandboxError(f"the sandbox for {self._tasks} did not start: {reason}")
        control.settimeout(_SEND_SECONDS)

    def _drop(self) -> None:
        """Forget the zygote, and end it if it is our child; the caller holds the lock."""
        if self._control is not None:
            self._control.close()
            self._control = None
        self._greeted = False
        if self.pid:
            # It holds nothing that would need a farewell, and its children die with it.
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            self.pid = 0

    def after_fork(self) -> None:
        """Be the object of a forked process: the zygote is not its child, nobody here holds the lock."""
        self._lock = threading.Lock()
        self.pid = 0


_all: weakref.WeakSet[ZygoteProcess] = weakref.WeakSet()


def _after_fork() -> None:
    for process in _all:
        process.after_fork()


os.register_at_fork(after_in_child=_after_fork)
