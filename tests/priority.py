"""Takes the right to real-time priority from the process that runs the tests.

SVT-AV1, which makes the samples of AV1, gives itself the highest priority of all where it may, as root it
may, and the process keeps it: two such processes starve a machine of two cores, their own threads included.
"""

from __future__ import annotations

import ctypes
import struct

_VERSION_3 = 0x20080522
_CAP_SYS_NICE = 23
_PR_CAPBSET_DROP = 24


def stay_ordinary() -> None:
    """Drop CAP_SYS_NICE from this process and all that it starts; do nothing where it does not have it."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = ctypes.create_string_buffer(struct.pack("@Ii", _VERSION_3, 0))
    sets = ctypes.create_string_buffer(24)
    if libc.capget(header, sets) != 0:
        return
    libc.prctl(_PR_CAPBSET_DROP, _CAP_SYS_NICE)  # else root has it back with the next program it starts
    effective, permitted, inheritable, *high = struct.unpack("@6I", sets.raw)
    low = [one & ~(1 << _CAP_SYS_NICE) for one in (effective, permitted, inheritable)]
    libc.capset(header, ctypes.create_string_buffer(struct.pack("@6I", *low, *high)))
