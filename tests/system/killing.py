"""Commands that are killed at an instant of one's choice, and what must hold afterwards."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench import PATIENCE_SECONDS, TESTS, children_of, is_gone, wait_until

_PROGRAM = TESTS / "system" / "dying.py"
_ACKNOWLEDGED = re.compile(r"^stored ([0-9,]+) items?, ([0-9]+) bytes$", re.MULTILINE)


@dataclass(frozen=True)
class Killed:
    """A command that was to be killed; `code` is negative if it was."""

    code: int
    out: str
    err: str

    @property
    def acknowledged(self) -> int:
        """How many items it said are stored."""
        found = _ACKNOWLEDGED.findall(self.err)
        return int(found[-1][0].replace(",", "")) if found else 0

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL


def dying_run(*words: object, at: int = 0, who: str = "group", **plan: Any) -> Killed:
    """Run a command that dies at its N-th change to a disk; none of its processes is left."""
    given = json.dumps({"at": at, "who": who, **plan})
    command = [sys.executable, str(_PROGRAM), given, *map(str, words)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    wait_until(lambda: group_is_gone(process.pid), "all processes of the command were gone")
    return Killed(process.returncode, out, err)


def operations(folder: Path, *words: object, **plan: Any) -> int:
    """Return how many changes to a disk a command makes that is left alone."""
    count = folder / "count"
    done = dying_run(*words, count=str(count), **plan)
    assert done.code in (0, 3), done.err
    return int(count.read_text())


def group_is_gone(group: int) -> bool:
    """Say whether no process of a process group is alive."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[2]) == group and fields[0] not in "ZX":
                return False
    return True


def descendants_are_gone(pids: set[int]) -> bool:
    """Say whether all of `pids` have ended."""
    return all(map(is_gone, pids))


__all__ = ["Killed", "children_of", "descendants_are_gone", "dying_run", "group_is_gone", "operations"]
