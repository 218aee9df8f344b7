"""Runs `bearwitness` and kills it at the N-th thing it does to a disk. A program; see dying_run in killing.py.

    python dying.py PLAN WORD…

PLAN is JSON: `at` (0: only count), `who` ("group": all processes, "self": the one that does the N-th thing,
"parent": the first process), `count` (file that receives the number of things done), `small` (make parts
of a few names, so that a few files make many commits), `bad` (byte ranges that can not be read).
"""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import pathlib
import signal
import sys
from typing import Any

# Names in `os` through which this program changes a disk, or makes a change last.
OPERATIONS = "fsync write pwrite rename replace unlink mkdir rmdir truncate ftruncate link symlink utime fchmod".split()
PLAN: dict[str, Any] = json.loads(sys.argv[1])
WRITES = (os.write, os.pwrite)
COUNTER: Any = multiprocessing.get_context("fork").Value("q", 0)  # shared with the workers
PARENT = os.getpid()


def is_time() -> bool:
    """Count one thing; say whether it is the N-th."""
    with COUNTER.get_lock():
        COUNTER.value += 1
        return bool(COUNTER.value == PLAN["at"])


def die() -> None:
    if PLAN["who"] == "group":
        os.killpg(0, signal.SIGKILL)
    os.kill(PARENT if PLAN["who"] == "parent" else os.getpid(), signal.SIGKILL)


def counted(function: Any) -> Any:
    """Return `function` as it is for one who dies before it, or having written half."""

    def call(*arguments: Any, **named: Any) -> Any:
        if is_time():
            if function in WRITES and PLAN["at"] % 2:
                file, data, *rest = arguments
                function(file, data[: len(data) // 2], *rest)
            die()
        return function(*arguments, **named)

    return call


def with_bad_sectors(function: Any) -> Any:
    """Return preadv as a disk with bad sectors answers: nothing of a read that touches one."""

    def preadv(file: int, buffers: list[memoryview], offset: int) -> int:
        name = os.path.basename(os.readlink(f"/proc/self/fd/{file}"))
        end = offset + sum(map(len, buffers))
        for begin, length in PLAN["bad"].get(name, ()):
            if offset < begin + length and begin < end:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        return int(function(file, buffers, offset))

    return preadv


def prepare() -> None:
    for name in OPERATIONS:
        setattr(os, name, counted(getattr(os, name)))
    opened = pathlib.Path.open

    def count_open(self: pathlib.Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
        if set(mode) & set("wxa"):
            if is_time():
                die()
        return opened(self, mode, *rest, **named)  # type: ignore[call-overload]

    pathlib.Path.open = count_open  # type: ignore[method-assign, assignment]
    if PLAN.get("bad"):
        os.preadv = with_bad_sectors(os.preadv)
    from bearwitness.cli import seal_cmd

    seal_cmd._ACKNOWLEDGE_SECONDS = 0  # type: ignore[misc]
    if PLAN.get("small"):
        from bearwitness.seal import batches, intake
        from bearwitness.store import packs

        batches.NAMES_MAX = PLAN["small"]  # type: ignore[misc]
        for module in (batches, intake, packs):
            module.PACK_BYTES = 200_000  # type: ignore[misc]


def main() -> int:
    prepare()
    from bearwitness.cli.main import main as command

    code = command(sys.argv[2:])
    if PLAN.get("count"):
        pathlib.Path(PLAN["count"]).write_text(str(COUNTER.value))
    return code


if __name__ == "__main__":
    sys.exit(main())
