"""Searches every byte of a file for traces, in the locked child; the answer is a list of names in JSON."""

from __future__ import annotations

import json
from typing import Final

from bearwitness.media.traces import LENGTH_MAX, found
from bearwitness.sandbox.tasks import Task

from .opening import bytes_of

_PIECE: Final = 4 << 20


def read_traces(task: Task) -> bytes:
    """Return the names of the traces in the source of `task`, in ascending order."""
    source = bytes_of(task)
    names: set[str] = set()
    for at in range(0, source.size, _PIECE):
        begin = max(0, at - LENGTH_MAX)
        data = source.pread(begin, at + _PIECE - begin)
        names |= {name for name, _ in found(data)}
    return json.dumps(sorted(names)).encode()
