"""A source that exists only by ranges, such as an item decrypted from packs in memory: the parent's side.

A child asks for ranges on the channel it answers on, while the parent waits for its answer; so no new
descriptor, system call or thread is needed, and the plaintext goes from memory to memory. What a child asks
for is checked: inside the source, not long, and altogether no more than `bytes_max`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bearwitness.errors import SandboxError

from .wire import RANGE_BYTES_MAX


class RangesRefusedError(Exception):
    """A child asked for what it may not have; says so in words that follow "the sandboxed task"."""


@dataclass
class Ranges:
    """`size` bytes that `read(offset, length)` returns by ranges, exactly as long as asked for."""

    size: int
    read: Callable[[int, int], bytes] = field(repr=False)
    bytes_max: int
    served: int = 0

    def take(self, offset: int, length: int) -> bytes:
        """Return the range a child asked for; raise RangesRefusedError, or what `read` raises."""
        if not (0 < length <= RANGE_BYTES_MAX and offset + length <= self.size):
            raise RangesRefusedError("asked for bytes that are not there")
        self.served += length
        if self.served > self.bytes_max:
            raise RangesRefusedError("read its source over and over and was stopped")
        data = self.read(offset, length)
        if len(data) != length:
            raise SandboxError(f"a source gave {len(data)} bytes where {length} were asked for")
        return data
