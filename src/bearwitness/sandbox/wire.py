"""What parent, zygote and child say to each other.

* parent → zygote: one SOCK_SEQPACKET message a request, so that many processes can share the socket. It
  carries descriptors: the child's end of the channel, the write end of the status pipe, the files.
* child → parent, on the channel: frames of kind, length, payload. All of it is untrusted. One kind asks for
  bytes of the source the parent serves by ranges, where there is one; the parent sends them as it sends a
  question, and goes on waiting for the answer.
* parent → child, on the channel of a session: questions of length, payload.
* zygote → parent, on the status pipe: how the child ended. The child never holds this pipe.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from .limits import Limits

CONTROL: Final = 3
"""Descriptor of the zygote's socket, after the fork of the child's channel: the filter knows the number."""
INBOX: Final = 4
"""Descriptor of a worker's inbox until it has mapped it."""

# layers of the lock
LANDLOCK: Final = "landlock"
SECCOMP: Final = "seccomp"
LIMITS: Final = "limits"  # rlimits, alarm, no core dumps, no capabilities: every Linux has them

# modes of a request
CALL: Final = "call"
SESSION: Final = "session"

READY: Final = b"ready"
REPLY_BYTES_MAX: Final = 4096
FILES_MAX: Final = 250  # the kernel passes at most 253 descriptors in a message
REQUEST_BYTES_MAX: Final = 128 * 1024  # well below the smallest usual buffer of a socket
QUESTION_BYTES_MAX: Final = 1 << 20
RANGE_BYTES_MAX: Final = 1 << 20  # of one reply with bytes of a source

FRAME: Final = struct.Struct("<BI")
QUESTION: Final = struct.Struct("<I")
STATUS: Final = struct.Struct("<Bi")
RANGE: Final = struct.Struct("<QI")  # offset, length

# kinds of frame
ANSWER: Final = 0
FAILED: Final = 1  # with the text of the exception
OUT_OF_MEMORY: Final = 2
TOO_LARGE: Final = 3
WANTED: Final = 4  # no answer yet: the child wants a range of the source
FAILURE_BYTES_MAX: Final = 2000
NO_SOURCE: Final = -1

# kinds of status
ENDED: Final = 0  # with the wait status
NOT_STARTED: Final = 1  # with errno


@dataclass(frozen=True)
class Request:
    """One child asked for.

    `source_bytes` is the length of what the parent serves by ranges, or NO_SOURCE; `scratch_bytes` that of
    memory they share, whose descriptor then is the last, or 0.
    """

    mode: str
    task: str
    arguments: bytes
    limits: Limits
    source_bytes: int = NO_SOURCE
    scratch_bytes: int = 0

    def encode(self) -> bytes:
        """Return the message."""
        limits = self.limits
        words = (
            self.mode,
            self.task,
            limits.cpu_seconds,
            limits.wall_seconds,
            limits.memory_bytes,
            limits.answer_bytes_max,
            self.source_bytes,
            self.scratch_bytes,
        )
        return " ".join(map(str, words)).encode() + b"\n" + self.arguments

    @classmethod
    def decode(cls, message: bytes) -> Request:
        """Read what the parent sent, who is trusted."""
        line, _, arguments = message.partition(b"\n")
        mode, task, cpu, wall, memory, answer, source, scratch = line.decode().split(" ")
        limits = Limits(int(cpu), float(wall), int(memory), int(answer))
        return cls(mode, task, arguments, limits, int(source), int(scratch))
