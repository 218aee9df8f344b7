"""What this machine is good for, and how little of us it shall keep."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
from typing import Final

WORKERS_MAX: Final = 8  # beyond this the disk is the limit on every machine we know
_MLOCK_CURRENT_FUTURE_ONFAULT: Final = 1 | 2 | 4


def worker_count() -> int:
    """Return how many worker processes to use."""
    return max(1, min(len(os.sched_getaffinity(0)), WORKERS_MAX))


def keep_off_the_disk() -> None:
    """See that neither a crash nor swapping writes keys or plaintext of this process to a disk.

    Core dumps are turned off. Memory is locked where the system lets us (root, or an unlimited
    RLIMIT_MEMLOCK); elsewhere the swap must be encrypted, as SECURITY.md says. Locks do not pass to forked
    processes, which call this again.
    """
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if limit == resource.RLIM_INFINITY or os.geteuid() == 0:
        ctypes.CDLL(None).mlockall(_MLOCK_CURRENT_FUTURE_ONFAULT)
