"""What the parent uses for long-lived locked work over decoded pixels or samples: :class:`Worker`.

    with Worker("bearwitness.inference.locked", "inference", arguments, limits) as worker:
        untrusted_answer = worker.ask(question)

The process is exec'ed, never forked, and starts when first needed. One that died or hung is ended, the reason
raised, and the next question starts another. For one thread at a time, of the process that made it or, once,
of one that was forked from that: :meth:`Worker.let_go`.

Large parts of a question go through :attr:`Worker.inbox`: memory that the worker can but read.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bearwitness.errors import BearwitnessError, ChildFailedError, SandboxError

from . import status
from .closing import Closes
from .conversation import Conversation, printable
from .launch import ENVIRONMENT, HOME, SIGNALS_TO_RESET
from .limits import Limits
from .scratch import Inbox
from .wire import CONTROL, ENDED, INBOX, QUESTION, READY, REPLY_BYTES_MAX, STATUS

_BOOT: Final = """
import sys
sys.path.append(sys.argv[1])
from bearwitness.sandbox.workshop import main
main(*sys.argv[2:])
"""
_ARGUMENTS_BYTES_MAX: Final = 100_000  # what one argument of a program may have
# What libraries for arithmetic let go of goes back to the system, not into a heap full of holes.
_ENVIRONMENT: Final = {**ENVIRONMENT, "MALLOC_MMAP_THRESHOLD_": str(512 << 10)}
_EXIT_CODE: Final = 49  # of what /proc tells of a process, counted from its state on: proc(5), exit_code


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
        try:
            return STATUS.pack(ENDED, os.waitpid(self._pid, 0)[1])
        except ChildProcessError:  # it was started by the process that this one was forked from
            return STATUS.pack(ENDED, _ending_of(self._pid))

    def close(self) -> None:
        """Kill the worker, which has nothing to tidy up."""
        if not self.closed:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                signal.pidfd_send_signal(self._status, signal.SIGKILL)
                os.waitpid(self._pid, 0)
        super().close()

    def let_go(self) -> None:
        """Close this process's end, and no more: the worker lives on for whoever else has the other."""
        super().close()


def _ending_of(pid: int) -> int:
    """Return the wait status of a process that ended and was not waited for, 0 where it is not told."""
    with contextlib.suppress(OSError, IndexError, ValueError), open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rsplit(b")", 1)[1].split()[_EXIT_CODE])
    return 0


class Worker(Closes):
    """One locked process that answers questions for as long as it is wanted."""

    def __init__(
        self,
        tasks: str,
        service: str,
        arguments: str,
        limits: WorkerLimits,
        *,
        folders: Sequence[str] = (),
        inbox_bytes: int = 0,
        accept_weak: bool = False,
        _layers: frozenset[str] | None = None,
    ) -> None:
        """`folders` are where modules and weights lie that the worker may read before it is locked.

        `inbox_bytes`: how large its inbox is; pages never written take no memory.
        """
        if len(arguments.encode()) > _ARGUMENTS_BYTES_MAX:
            raise ValueError("too much is handed to a worker at once")
        self._tasks, self._service, self._arguments, self._limits = tasks, service, arguments, limits
        self._folders, self._accept_weak, self._layers = tuple(folders), accept_weak, _layers
        self._conversation: _WorkerConversation | None = None
        self._channel: socket.socket | None = None
        self._inbox_bytes = inbox_bytes
        self._inbox: Inbox | None = None
        self._hint = b""
        self._told = self._greeted = False
        self.pid = 0

    @property
    def inbox(self) -> memoryview:
        """Memory for large parts of the next question, which says what lies there; empty without a worker.

        It is the worker's until the question is answered.
        """
        return memoryview(b"") if self._inbox is None else memoryview(self._inbox.memory)

    def close(self) -> None:
        """End the worker; the next question would start another."""
        if self._conversation is not None:
            self._conversation.close()
            self._forget()

    def let_go(self) -> int:
        """Leave a prepared worker to a process forked from this one; return its process id, 0 for none.

        That process alone then asks it, or ends it. This one, which has no worker afterwards, waits for the
        worker's end in its own time: until then its process id is no other's.
        """
        left = self.pid
        if self._conversation is not None:
            self._conversation.let_go()
            self._forget()
        return left

    def _forget(self) -> None:
        self._conversation = self._channel = None
        self._told = self._greeted = False
        self.pid = 0
        if self._inbox is not None:
            self._inbox.close()
            self._inbox = None

    def prepare(self) -> None:
        """Have the worker load while other things are done, unless there is one; raise SandboxError.

        It goes on, by :meth:`begin` or :meth:`start`, once it is known what will be asked.
        """
        if self._conversation is not None:
            return
        layers = self._layers
        if layers is None:
            layers = status.require(accept_weak=self._accept_weak).names
        ours, theirs = socket.socketpair()
        try:
            self._inbox = Inbox(self._inbox_bytes) if self._inbox_bytes else None
            with theirs:
                self.pid = self._spawn(theirs, layers)
            # The processor time of a worker has no bound; its answers have one each.
            limits = Limits(
                1, self._limits.answer_seconds, self._limits.memory_bytes, self._limits.answer_bytes_max
            )
            self._conversation = _WorkerConversation(self._service, limits, ours, self.pid)
            self._channel = ours
        except OSError as error:
            self.close()
            ours.close()
            raise SandboxError(
                f"the worker for {self._service} can not be started ({error.strerror})"
            ) from error

    def begin(self) -> None:
        """Have it warm up, too, for what is known by now to be asked; raise SandboxError.

        What it says of that is heard by :meth:`start`.
        """
        self.prepare()
        if self._told or self._channel is None:
            return
        self._told = True
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its reply says of what it died
            self._channel.send(QUESTION.pack(len(self._hint)) + self._hint, socket.MSG_NOSIGNAL)

    def start(self) -> None:
        """Start the worker unless there is one; raise SandboxError with its reason if it can not."""
        self.begin()
        channel = self._channel
        if self._greeted or channel is None:
            return
        try:
            self._greet(channel)
        except OSError as error:
            self.close()
            raise SandboxError(
                f"the worker for {self._service} can not be started ({error.strerror})"
            ) from error
        except BearwitnessError:
            self.close()
            raise
        self._greeted = True

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
        limits = f"{self._limits.memory_bytes},{self._limits.answer_bytes_max},{self._inbox_bytes}"
        command += [",".join(sorted(layers)), limits, HOME, *self._folders]
        # By numbers that are none of those they get, lest one takes the place of the other.
        handed = [(channel.fileno(), CONTROL)]
        handed += [(self._inbox.descriptor, INBOX)] if self._inbox is not None else []
        copies = [(fcntl.fcntl(old, fcntl.F_DUPFD_CLOEXEC, INBOX + 1), new) for old, new in handed]
        actions = [
            *((os.POSIX_SPAWN_DUP2, old, new) for old, new in copies),
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_RDWR, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_RDWR, 0),
        ]
        try:
            return os.posix_spawn(
                command[0],
                command,
                _ENVIRONMENT,
                file_actions=actions,
                setsid=True,
                setsigmask=(),
                setsigdef=SIGNALS_TO_RESET,
            )
        finally:
            for copy, _ in copies:
                os.close(copy)

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
