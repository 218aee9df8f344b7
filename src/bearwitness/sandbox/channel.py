"""The child's end of the channel: frames out, questions in, and ranges of a source the parent serves."""

from __future__ import annotations

import os

from .wire import CONTROL, FRAME, QUESTION, RANGE, RANGE_BYTES_MAX, WANTED


class ParentGoneError(Exception):
    """Nobody waits for an answer any more."""


def write(kind: int, payload: bytes | bytearray) -> None:
    """Send one frame; raise ParentGoneError."""
    left = [memoryview(FRAME.pack(kind, len(payload))), memoryview(payload)]
    while left:
        try:
            written = os.writev(CONTROL, left)
        except BrokenPipeError:
            raise ParentGoneError from None
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if left:
            left[0] = left[0][written:]


def read(size: int) -> bytes | None:
    """Return exactly `size` bytes, None if the parent hung up before."""
    data = bytearray()
    while len(data) < size:
        piece = os.read(CONTROL, size - len(data))
        if not piece:
            return None
        data += piece
    return bytes(data)


class RangeReader:
    """The source that the parent serves: asks for each range on the channel. For one thread at a time."""

    def __init__(self, size: int) -> None:
        self.size = size

    def pread(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer only at the end of the source."""
        length = min(length, self.size - offset)
        parts = []
        while length > 0:
            step = min(length, RANGE_BYTES_MAX)
            parts.append(self._ask(offset, step))
            offset, length = offset + step, length - step
        return b"".join(parts)

    def _ask(self, offset: int, length: int) -> bytes:
        write(WANTED, RANGE.pack(offset, length))
        head = read(QUESTION.size)
        data = None if head is None else read(QUESTION.unpack(head)[0])
        if data is None:
            raise ParentGoneError
        return data
