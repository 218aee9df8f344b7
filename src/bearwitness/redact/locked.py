"""What the sandbox runs for redaction: all of :mod:`bearwitness.media.locked`, so that one zygote serves for
both, and which packets of an H.264 stream may be copied (see sandbox/tasks.py).

The parent hands over the packets as one file and their sizes as another; it never looks into them itself.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Mapping

from bearwitness.media import locked as media
from bearwitness.sandbox.tasks import Call, Session, Task
from bearwitness_verify import canonical
from bearwitness_verify.canonical import b64

from . import h264
from .parameter_sets import is_plain


def _scan(task: Task) -> bytes:
    """Answer with the parameter sets as JSON, 0A, and a byte of flags for each packet."""
    configuration = h264.read_configuration(task.arguments)
    ids = configuration.ids()
    plain = all(map(is_plain, configuration.sps))
    sizes = array("Q", _whole(task.files[1]))
    flags, at = bytearray(), 0
    for size in sizes:
        idr, known = h264.copyable(os.pread(task.files[0], size, at), configuration)
        flags.append(h264.DECODES_ALONE * idr + h264.COPYABLE * (known and plain))
        at += size
    header: dict[str, canonical.Json] = {
        "length_size": str(configuration.length_size),
        "taken": [str(number) for number in sorted(ids)],
        "sps": [b64(unit) for unit in configuration.sps],
        "pps": [b64(unit) for unit in configuration.pps],
    }
    return canonical.dumps(header) + b"\n" + bytes(flags)


def _whole(fd: int) -> bytes:
    return os.pread(fd, os.lseek(fd, 0, os.SEEK_END), 0)


CALLS: Mapping[str, Call] = {**media.CALLS, "scan": _scan}
SESSIONS: Mapping[str, Session] = media.SESSIONS
