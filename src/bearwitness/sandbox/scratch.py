"""Memory that one side writes and the other reads: for pictures, which are too many for a socket.

:class:`Scratch` is written by a child and read by its parent, :class:`Inbox` the other way round.

The parent makes it (a memfd, in no file system), seals its size, so that reading it can not fail, and maps
it for reading. The child maps it for writing; the filter keeps it from making code of it. What lies in it
changes whenever the child likes: :meth:`Scratch.copy` takes a private copy, and only that is looked at.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import mmap
import os
from typing import Final

from bearwitness.errors import MalformedError

_MFD_NOEXEC_SEAL: Final = 8  # since Linux 6.3; an older kernel does not know it
_MAP_FAILED: Final = ctypes.c_void_p(-1).value


class Scratch:
    """The parent's side. `descriptor` is open until :meth:`close`."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.descriptor = _sealed(size)
        try:
            self._map = mmap.mmap(self.descriptor, size, prot=mmap.PROT_READ)
        except BaseException:
            os.close(self.descriptor)
            raise

    def copy(self, length: int) -> bytes:
        """Return the first `length` bytes as they are now; raise MalformedError for more than there are."""
        if length > self.size:
            raise MalformedError("a child tells of more than fits into its memory")
        return self._map[:length]

    def close(self) -> None:
        """Let go of it; the kernel frees it once the child is gone too."""
        if self.descriptor >= 0:
            self._map.close()
            with contextlib.suppress(OSError):
                os.close(self.descriptor)
            self.descriptor = -1


class Inbox:
    """The parent's side of memory that a worker reads; `descriptor` opens it for reading alone.

    What it writes there it leaves alone until the worker has answered.
    """

    def __init__(self, size: int) -> None:
        writable = _sealed(size)
        try:
            self.memory = mmap.mmap(writable, size)
            self.descriptor = os.open(f"/proc/self/fd/{writable}", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            os.close(writable)

    def close(self) -> None:
        """Let go of it; the kernel frees it once the worker is gone too."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
            with contextlib.suppress(BufferError):  # whoever still holds a view lets go of it later
                self.memory.close()


def map_scratch(descriptor: int, size: int, *, writable: bool = True) -> memoryview:
    """Return the child's side; raise OSError.

    Python's own mmap asks for the state of the file, which is denied.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    rights = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
    at = libc.mmap(None, size, rights, mmap.MAP_SHARED, descriptor, 0)
    if at in (None, _MAP_FAILED):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    mapped = memoryview((ctypes.c_ubyte * size).from_address(at)).cast("B")
    return mapped if writable else mapped.toreadonly()


def _sealed(size: int) -> int:
    """Return a descriptor of memory in no file system whose size can not change; raise OSError."""
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        descriptor = os.memfd_create("bearwitness", flags | _MFD_NOEXEC_SEAL)
    except OSError:
        descriptor = os.memfd_create("bearwitness", flags)
    try:
        os.ftruncate(descriptor, size)
        fcntl.fcntl(
            descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        )
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
