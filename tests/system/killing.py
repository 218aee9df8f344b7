"""Commands that are killed at an instant of one's choice, and what must hold afterwards."""

from __future__ import annotations

import atexit
import json
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
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


class _Forge:
    """The process that commands are forked from (dying.py); one for all tests of this process."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(PATIENCE_SECONDS)
        with theirs:
            command = [sys.executable, str(_PROGRAM), str(theirs.fileno())]
            # None of the libraries that it loads may have threads, which a fork would lose.
            quiet = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=quiet
            )
        atexit.register(self._end)

    def _end(self) -> None:
        self._control.close()
        self._process.wait()

    def run(self, plan: dict[str, Any], words: Sequence[str]) -> Killed:
        """Run a command; return once its outputs are closed, it has ended and so have all of its group."""
        told = {"plan": plan, "words": words, "folder": os.getcwd()}
        told["environment"] = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        outputs, given = zip(os.pipe(), os.pipe(), strict=True)
        try:
            socket.send_fds(self._control, [json.dumps(told).encode()], given)
        finally:
            for descriptor in given:
                os.close(descriptor)
        out, err = _read(outputs)
        ended = json.loads(self._control.recv(1 << 10))
        wait_until(lambda: group_is_gone(ended["pid"]), "all processes of the command were gone")
        return Killed(ended["code"], out, err)


@cache
def _forge() -> _Forge:
    return _Forge()


def _read(descriptors: Sequence[int]) -> list[str]:
    """Return all that comes out of some pipes, side by side."""
    end, came = time.monotonic() + PATIENCE_SECONDS, dict.fromkeys(descriptors, b"")
    with selectors.DefaultSelector() as selector:
        for descriptor in descriptors:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0, end - time.monotonic()))
            assert ready, "waited too long for a command to end"
            for key, _ in ready:
                came[key.fd] += (data := os.read(key.fd, 1 << 16))
                if not data:
                    selector.unregister(key.fd)
                    os.close(key.fd)
    return [came[descriptor].decode() for descriptor in descriptors]


def dying_run(*words: object, at: int = 0, who: str = "group", **plan: Any) -> Killed:
    """Run a command that dies at its N-th change to a disk; none of its processes is left."""
    return _forge().run({"at": at, "who": who, **plan}, list(map(str, words)))


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
