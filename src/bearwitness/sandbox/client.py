"""What the parent uses: :class:`Sandbox`, its :meth:`~Sandbox.call` and :class:`Session`.

    with Sandbox("bearwitness.containers.tasks") as sandbox:
        untrusted_index = sandbox.call("index", b"", [file], LIMITS)
        with sandbox.session("image", b"", [image], LIMITS) as session:
            untrusted_listing = session.ask(b"/")

One object serves many threads, and the processes forked after it was started, which share its zygote.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bearwitness.errors import ChildFailedError, SandboxError

from .closing import Closes
from .conversation import Conversation
from .launch import ZygoteProcess
from .limits import Limits
from .ranges import Ranges
from .scratch import Scratch
from .wire import CALL, FILES_MAX, NO_SOURCE, QUESTION_BYTES_MAX, REQUEST_BYTES_MAX, SESSION, Request


class Sandbox(Closes):
    """Runs the tasks of one module in locked children of a zygote that starts when first needed."""

    def __init__(
        self,
        tasks: str,
        *,
        accept_weak: bool = False,
        _layers: frozenset[str] | None = None,
        _folders: Sequence[str] = (),
    ) -> None:
        # The layers and more places to look for tasks are for the tests of the sandbox alone.
        self._zygote = ZygoteProcess(tasks, accept_weak, _layers, tuple(_folders))

    def prepare(self) -> None:
        """Have the zygote load while other things are done: the first call waits for it; raise SandboxError.

        Not before a fork: two processes would wait for the same greeting.
        """
        self._zygote.prepare()

    def start(self) -> None:
        """Start the zygote now, so that processes forked from here on share it; raise SandboxError."""
        self._zygote.start()

    @property
    def zygote_pid(self) -> int:
        """The zygote's process id, 0 if this process started none."""
        return self._zygote.pid

    def close(self) -> None:
        """End the zygote and with it all children; the next call would start another."""
        self._zygote.end()

    def call(
        self,
        task: str,
        arguments: bytes,
        files: Sequence[int],
        limits: Limits,
        ranges: Ranges | None = None,
    ) -> bytes:
        """Run `task` of the table CALLS in a child of its own; return its answer, which is untrusted.

        The child can but read `files`, which are regular files or disks, and what `ranges` serves. Raises
        ChildFailedError with the reason if there is no answer within `limits`, SandboxError if the sandbox
        itself fails, and what reading the ranges raises.
        """
        with self._begin(_request(CALL, task, arguments, limits, ranges), files, ranges) as conversation:
            return conversation.receive()

    def session(
        self,
        task: str,
        arguments: bytes,
        files: Sequence[int],
        limits: Limits,
        ranges: Ranges | None = None,
        scratch_bytes: int = 0,
    ) -> Session:
        """Open `task` of the table SESSIONS in a child that stays; raises as :meth:`call` does.

        With `scratch_bytes` the child writes, and :meth:`Session.copy` reads, memory of that size.
        """
        request = _request(SESSION, task, arguments, limits, ranges)
        if not scratch_bytes:
            return self._open(request, files, ranges, None)
        try:
            scratch = Scratch(scratch_bytes)
        except OSError as error:
            raise SandboxError(f"no memory can be shared with a child ({error.strerror})") from error
        try:
            return self._open(replace(request, scratch_bytes=scratch_bytes), files, ranges, scratch)
        except BaseException:
            scratch.close()
            raise

    def _open(
        self, request: Request, files: Sequence[int], ranges: Ranges | None, scratch: Scratch | None
    ) -> Session:
        conversation = self._begin(request, files, ranges, scratch)
        try:
            conversation.receive()
        except BaseException:
            conversation.close()
            raise
        return Session(conversation, scratch)

    def _begin(
        self,
        request: Request,
        files: Sequence[int],
        ranges: Ranges | None,
        scratch: Scratch | None = None,
    ) -> Conversation:
        """Ask the zygote for a child; return our end of it, its clock running."""
        message = request.encode()
        if len(message) > REQUEST_BYTES_MAX or len(files) + (scratch is not None) > FILES_MAX:
            raise SandboxError("too much is handed to a sandboxed task at once")
        try:
            with contextlib.ExitStack() as sent, contextlib.ExitStack() as kept:
                ours, theirs = socket.socketpair()
                kept.enter_context(ours)
                sent.enter_context(theirs)
                status_read, status_write = os.pipe()
                kept.callback(os.close, status_read)
                sent.callback(os.close, status_write)
                descriptors = [theirs.fileno(), status_write]
                for file in files:
                    descriptors.append(_open_read_only(file))
                    sent.callback(os.close, descriptors[-1])
                if scratch is not None:
                    descriptors.append(scratch.descriptor)
                self._zygote.send(message, descriptors)
                conversation = Conversation(request.task, request.limits, ours, status_read, ranges)
                kept.pop_all()
        except OSError as error:
            raise SandboxError(f"the sandbox can not be used ({error.strerror})") from error
        conversation.start_clock()
        return conversation


class Session(Closes):
    """A child that stays and answers questions. For one thread at a time."""

    def __init__(self, conversation: Conversation, scratch: Scratch | None = None) -> None:
        self._conversation, self._scratch = conversation, scratch
        self._posted = False

    @property
    def closed(self) -> bool:
        """Whether the child is gone; a question it merely could not answer leaves it there."""
        return self._conversation.closed

    def ask(self, question: bytes) -> bytes:
        """Return the child's answer, which is untrusted; raises as :meth:`Sandbox.call` does."""
        self.post(question)
        return self.take()

    def post(self, question: bytes) -> None:
        """Send a question whose answer :meth:`take` returns: the child works on it meanwhile.

        Its clock starts now. Every question is taken before the next is posted.
        """
        if self.closed:
            raise SandboxError("the sandboxed session is over")
        if self._posted:
            raise SandboxError("the last question to the sandboxed session has not been answered yet")
        if len(question) > QUESTION_BYTES_MAX:
            raise SandboxError("the question is too long for a sandboxed session")
        self._conversation.start_clock()
        with self._closed_by_errors():
            self._conversation.send(question)
        self._posted = True

    def take(self) -> bytes:
        """Return the untrusted answer to what was posted; raises as :meth:`Sandbox.call` does."""
        if not self._posted:
            raise SandboxError("nothing was asked of the sandboxed session")
        self._posted = False
        # Its time counts from now, too: who posted may have been busy while the child waited to be read.
        self._conversation.start_clock()
        with self._closed_by_errors():
            return self._conversation.receive()

    @contextlib.contextmanager
    def _closed_by_errors(self) -> Iterator[None]:
        try:
            yield
        except ChildFailedError:
            raise
        except BaseException:
            self.close()  # an answer still under way would be taken for that to the next question
            raise

    def copy(self, length: int) -> bytes:
        """Return a copy of the first bytes of the memory shared with the child; they are untrusted.

        Raises MalformedError for more than was shared.
        """
        if self._scratch is None:
            raise SandboxError("this sandboxed session shares no memory")
        return self._scratch.copy(length)

    def close(self) -> None:
        """End the child."""
        self._conversation.close()
        if self._scratch is not None:
            self._scratch.close()


def _request(mode: str, task: str, arguments: bytes, limits: Limits, ranges: Ranges | None) -> Request:
    return Request(mode, task, arguments, limits, NO_SOURCE if ranges is None else ranges.size)


def _open_read_only(file: int) -> int:
    """Open what `file` refers to once more, for reading alone and with a position of its own."""
    mode = os.fstat(file).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
        raise SandboxError("only files and disks can be handed to the sandbox")
    kept = fcntl.fcntl(file, fcntl.F_GETFL) & (os.O_NOATIME | os.O_DIRECT)
    return os.open(f"/proc/self/fd/{file}", os.O_RDONLY | os.O_CLOEXEC | kept)
