"""The parent's end of one child: reads frames within bounds and says why a child failed.

The child is hostile. It may write anything, or nothing, at any pace; it may close the channel or die. All it
can reach is an error: every wait has a deadline, every length a bound.
"""

from __future__ import annotations

import math
import os
import select
import signal
import socket
import time
from typing import Final

from bearwitness.errors import ChildFailedError, SandboxError

from .closing import Closes
from .limits import Limits
from .ranges import Ranges, RangesRefusedError
from .wire import (
    ANSWER,
    ENDED,
    FAILED,
    FAILURE_BYTES_MAX,
    FRAME,
    OUT_OF_MEMORY,
    QUESTION,
    RANGE,
    STATUS,
    TOO_LARGE,
    WANTED,
)

_GRACE_SECONDS: Final = 1
"""So much longer than the child's own alarm the parent waits: the alarm gives the better reason."""


class Conversation(Closes):
    """One child: what it sends comes out of :meth:`receive`, untrusted. Closing it kills the child."""

    def __init__(
        self, task: str, limits: Limits, channel: socket.socket, status: int, ranges: Ranges | None = None
    ) -> None:
        self._task, self._limits, self._channel, self._status = task, limits, channel, status
        self._ranges = ranges
        self._poll = select.poll()
        self._poll.register(channel, select.POLLIN)
        self._poll.register(status, select.POLLIN)
        self._deadline = 0.0
        channel.settimeout(0)

    @property
    def closed(self) -> bool:
        """Whether nothing can be received any more."""
        return self._status < 0

    def close(self) -> None:
        """Hang up; the zygote kills a child that still lives."""
        if not self.closed:
            os.close(self._status)
            self._status = -1
        self._channel.close()

    def start_clock(self) -> None:
        """Give the child the time of one answer from now."""
        self._deadline = time.monotonic() + self._limits.wall_seconds + _GRACE_SECONDS

    def send(self, question: bytes | bytearray) -> None:
        """Send one question, or bytes it asked for; the clock runs."""
        left = memoryview(QUESTION.pack(len(question)) + question)  # one piece, so that one call sends most
        while left:
            try:
                left = left[self._channel.send(left, socket.MSG_NOSIGNAL) :]
            except BlockingIOError:
                if self._wait(select.POLLOUT):
                    raise self._ended() from None
            except (BrokenPipeError, ConnectionResetError):
                raise self._ended() from None

    def receive(self) -> bytes:
        """Return the payload of the next answer; raise ChildFailedError, or SandboxError without a zygote.

        Where the child told of an exception it lives on; after any other failure the conversation is closed.
        Ranges the child asks for meanwhile are served; what reading them raises is passed on.
        """
        kind, size = FRAME.unpack(self._take(FRAME.size))
        while kind == WANTED and size == RANGE.size and self._ranges is not None:
            self._serve(self._ranges)
            kind, size = FRAME.unpack(self._take(FRAME.size))
        most = self._limits.answer_bytes_max if kind == ANSWER else FAILURE_BYTES_MAX
        if size > most or kind > TOO_LARGE:
            self.close()
            raise self._failure("answered more than it may" if kind == ANSWER else "answered nonsense")
        payload = self._take(size)
        if kind == ANSWER:
            return payload
        told = {
            FAILED: f"failed: {printable(payload)}",
            OUT_OF_MEMORY: f"ran out of its {self._limits.memory_bytes >> 20} MiB of memory",
            TOO_LARGE: "answered more than it may",
        }
        raise self._failure(told[kind])

    def _serve(self, ranges: Ranges) -> None:
        """Read one range for the child, on the parent's own time, and send it."""
        offset, length = RANGE.unpack(self._take(RANGE.size))
        began = time.monotonic()
        try:
            data = ranges.take(offset, length)
        except RangesRefusedError as error:
            self.close()
            raise self._failure(str(error)) from None
        except BaseException:
            self.close()  # the child waits for bytes that will not come
            raise
        self._deadline += time.monotonic() - began
        self.send(data)

    def _take(self, size: int) -> bytes:
        taken = bytearray(size)  # at most what the limits allow; pages never written cost nothing
        room = memoryview(taken)
        while room:
            count = self._fill(room)
            if not count:
                raise self._ended()
            room = room[count:]
        return bytes(taken)

    def _fill(self, room: memoryview) -> int:
        """Put there what the child wrote; return how much, 0 once it is gone and all it wrote is read."""
        gone = False
        while True:
            if time.monotonic() > self._deadline:  # also for a child that sends byte after byte
                raise self._too_late()
            try:
                return self._channel.recv_into(room)
            except BlockingIOError:
                if gone:
                    return 0
            except ConnectionResetError:
                return 0
            gone = self._wait(select.POLLIN)

    def _wait(self, event: int) -> bool:
        """Wait until the channel is ready or the child ended; say whether only the latter is known."""
        self._poll.modify(self._channel, event)
        ready = [descriptor for descriptor, _ in self._poll.poll(self._milliseconds_left())]
        if not ready:
            raise self._too_late()
        return ready == [self._status]

    def _too_late(self) -> ChildFailedError:
        self.close()
        return self._failure(f"gave no answer within {self._limits.wall_seconds:g} s")

    def _ended(self) -> SandboxError:
        """Return why the child is gone; it closed the channel, or the zygote says that it ended."""
        self._poll.unregister(self._channel)
        ready = self._poll.poll(self._milliseconds_left())
        status = self._read_status() if ready else None
        self.close()
        if status is None:
            return self._failure("hung up without an answer")
        if not status:
            return SandboxError(
                f"the sandbox itself ended while it ran the task {self._task!r}",
                "run the command again; if it happens again, memory may be short",
            )
        kind, value = STATUS.unpack(status)
        if kind != ENDED:
            return SandboxError(f"the sandbox can not start a child: {os.strerror(value)}")
        return self._failure(self._ending(value))

    def _read_status(self) -> bytes:
        """Return what the zygote says of the child's end, nothing if it ended itself."""
        return os.read(self._status, STATUS.size)

    def _ending(self, wait_status: int) -> str:
        if not os.WIFSIGNALED(wait_status):
            return f"ended without an answer (exit code {os.waitstatus_to_exitcode(wait_status)})"
        number = os.WTERMSIG(wait_status)
        known: dict[int, str] = {
            signal.SIGALRM: f"took longer than {self._limits.wall_seconds:g} s",
            signal.SIGXCPU: f"used more than {self._limits.cpu_seconds} s of processor time",
            signal.SIGSYS: "made a forbidden system call and was killed",
            signal.SIGKILL: "was killed; the machine may be short of memory",
        }
        names = {int(member): member.name for member in signal.Signals}
        return known.get(number) or f"crashed ({names.get(number, f'signal {number}')})"

    def _failure(self, reason: str) -> ChildFailedError:
        return ChildFailedError(f"the sandboxed task {self._task!r} {reason}")

    def _milliseconds_left(self) -> int:
        return max(0, math.ceil((self._deadline - time.monotonic()) * 1000))


def printable(untrusted_text: bytes) -> str:
    """Return what a child wrote as one line that can not play tricks on a terminal or a reader."""
    text = untrusted_text.decode("utf-8", "replace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
