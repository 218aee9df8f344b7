"""What the parent uses for long-lived locked work over decoded pixels or samples: :class:`Worker`.

    with Worker("bearwitness.inference.locked", "inference", arguments, limits) as worker:
        untrusted_answer = worker.ask(question)

The process is exec'ed, never forked, and starts when first needed. One that died or hung is ended, the reason
raised, and the next question starts another. For one thread at a time, of the process that made it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from bearwitness.errors import BearwitnessError, ChildFailedError, SandboxError

from . import status
from .conversation import Conversation, printable
from .launch import ENVIRONMENT, HOME, SIGNALS_TO_RESET
from .limits import Limits
from .wire import CONTROL, ENDED, READY, REPLY_BYTES_MAX, STATUS

_BOOT: Final = """
import sys
sys.path.append(sys.argv[1])
from bearwitness.sandbox.workshop import main
main(*sys.argv[2:])
"""
_ARGUMENTS_BYTES_MAX: Final = 100_000  # what one argument of a program may have


@dataclass(frozen=True)
class WorkerLimits:
    """Bounds of a worker: to start and warm up, for one answer, memory beyond what warming up took."""

    start_seconds: float
    answer_seconds: float
    memory_bytes: int
    answer_bytes_max: int


class _WorkerConversation(Conversation):
    """A conversation whose other end is our own child, watched by its pidfd."""

    def __init__(self, name: str, limits: Limits, channel: socket.socket, pid: int) -> None:
        super().__init__(name, limits, channel, os.pidfd_open(pid))
        self._pid = pid

    def _read_status(self) -> bytes:
        return STATUS.pack(ENDED, os.waitpid(self._pid, 0)[1])

    def close(self) -> None:
        """Kill the worker, which has nothing to tidy up."""
        if not self.closed:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
        super().close()


class Worker:
    """One locked process that answers questions for as long as it is wanted."""

    def __init__(
        self,
        tasks: str,
        service: str,
        arguments: str,
        limits: WorkerLimits,
        *,
        folders: Sequence[str] = (),
        accept_weak: bool = False,
        _layers: frozenset[str] | None = None,
    ) -> None:
        """`folders` are where modules and weights lie that the worker may read before it is locked."""
        if len(arguments.encode()) > _ARGUMENTS_BYTES_MAX:
            raise ValueError("too much is handed to a worker at once")
        self._tasks, self._service, self._arguments, self._limits = tasks, service, arguments, limits
        self._folders, self._accept_weak, self._layers = tuple(folders), accept_weak, _layers
        self._conversation: Conversation | None = None
        self.pid = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker; the next question would start another."""
        if self._conversation is not None:
            self._conversation.close()
            self._conversation = None
            self.pid = 0

    def start(self) -> None:
        """Start the worker unless there is one; raise SandboxError with its reason if it can not."""
        if self._conversation is not None:
            return
        layers = self._layers
        if layers is None:
            layers = status.require(accept_weak=self._accept_weak).names
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self.pid = self._spawn(theirs, layers)
            # The processor time of a worker has no bound; its answers have one each.
            limits = Limits(
                1, self._limits.answer_seconds, self._limits.memory_bytes, self._limits.answer_bytes_max
            )
            self._conversation = _WorkerConversation(self._service, limits, ours, self.pid)
            self._greet(ours)
        except OSError as error:
            self.close()
            ours.close()
            raise SandboxError(
                f"the worker for {self._service} can not be started ({error.strerror})"
            ) from error
        except BearwitnessError:
            self.close()
            raise

    def ask(self, question: bytes | bytearray) -> bytes:
        """Return the untrusted answer; raise ChildFailedError if it fails, crashes or takes too long."""
        self.start()
        conversation = self._conversation
        if conversation is None:
            raise AssertionError("a worker that started has a conversation")
        conversation.start_clock()
        try:
            conversation.send(question)
            return conversation.receive()
        except ChildFailedError:
            if conversation.closed:
                self.close()
            raise
        except BaseException:
            self.close()  # an answer still under way would be taken for that to the next question
            raise

    def _spawn(self, channel: socket.socket, layers: frozenset[str]) -> int:
        command = [sys.executable, "-I", "-c", _BOOT, HOME, self._tasks, self._service, self._arguments]
        limits = f"{self._limits.memory_bytes},{self._limits.answer_bytes_max}"
        command += [",".join(sorted(layers)), limits, HOME, *self._folders]
        actions = [
            (os.POSIX_SPAWN_DUP2, channel.fileno(), CONTROL),
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_RDWR, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_RDWR, 0),
        ]
        return os.posix_spawn(
            command[0],
            command,
            ENVIRONMENT,
            file_actions=actions,
            setsid=True,
            setsigmask=(),
            setsigdef=SIGNALS_TO_RESET,
        )

    def _greet(self, channel: socket.socket) -> None:
        """Wait until the worker is warm and locked and says so."""
        poll = select.poll()
        poll.register(channel, select.POLLIN)
        ready = poll.poll(self._limits.start_seconds * 1000)
        reply = b"it took too long"
        if ready:
            with contextlib.suppress(ConnectionResetError):
                reply = channel.recv(REPLY_BYTES_MAX)
        if reply != READY:
            reason = printable(reply) or "it died"
            raise SandboxError(f"the worker for {self._service} did not start: {reason}")
