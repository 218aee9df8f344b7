"""What the sandbox runs of this package: the index of one file (see sandbox/tasks.py)."""

from __future__ import annotations

from collections.abc import Mapping

from bearwitness.sandbox.tasks import Call, Session, Task

from .reader import FileSource
from .tasks import index_file


def _index(task: Task) -> bytes:
    return index_file(FileSource(task.files[0]))


CALLS: Mapping[str, Call] = {"index": _index}
SESSIONS: Mapping[str, Session] = {}
