"""Runs `bearwitness` and kills it at the N-th thing it does to a disk. See dying_run in killing.py.

    python dying.py SOCKET

It loads what commands need once and forks for each that it is told of on the socket: a JSON object of `plan`,
`words`, `environment` and `folder`, and descriptors for the two outputs. The command is a process in a
session of its own, and nothing was patched or opened before the fork; its ending is told in a JSON object.

`plan` is an object: `at` (0: only count), `who` ("group": all processes, "self": the one that does the N-th
thing, "parent": the first process), `count` (file that receives the number of things done), `small` (make
parts of a few names, so that a few files make many commits), `bad` (byte ranges that can not be read), `fail`
(do not die but have the N-th thing, of those that need room on a disk, fail with this error: "ENOSPC", and
all that follow too, or "EIO", once), `pull` ([N, from, to]: a folder is moved away when it is read for the
N-th time).
"""

from __future__ import annotations

import errno
import importlib
import json
import multiprocessing
import os
import pathlib
import signal
import socket
import stat
import sys
from typing import Any

# Names in `os` through which this program changes a disk, or makes a change last.
OPERATIONS = "fsync write pwrite rename replace unlink mkdir rmdir truncate ftruncate link symlink".split()
OPERATIONS += ["utime", "fchmod"]
# Those among them that a full disk refuses; fsync because some file systems find out no sooner.
NEED_ROOM = ("fsync", "write", "pwrite", "mkdir", "link", "symlink")
PLAN: dict[str, Any] = {}
WRITES = (os.write, os.pwrite)
DONE, READ, PARENT = "things done", "reads", "parent"
SHARED: dict[str, Any] = {}  # with the workers of a command, never with another command
MESSAGE_BYTES_MAX = 1 << 17


def is_time() -> bool:
    """Count one thing; say whether it is the N-th."""
    with SHARED[DONE].get_lock():
        SHARED[DONE].value += 1
        return bool(SHARED[DONE].value == PLAN["at"])


def die() -> None:
    if PLAN["who"] == "group":
        os.killpg(0, signal.SIGKILL)
    os.kill(SHARED[PARENT] if PLAN["who"] == "parent" else os.getpid(), signal.SIGKILL)


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


def refuse() -> None:
    """Count one thing that needs room; raise if it is the one that fails."""
    with SHARED[DONE].get_lock():
        SHARED[DONE].value += 1
        now = SHARED[DONE].value
    if now == PLAN["at"] or (0 < PLAN["at"] < now and PLAN["fail"] == "ENOSPC"):
        number = getattr(errno, PLAN["fail"])
        raise OSError(number, os.strerror(number))


def refused(function: Any) -> Any:
    """Return `function` as it is on a disk that is full or failing."""

    def call(*arguments: Any, **named: Any) -> Any:
        if function not in WRITES or stat.S_ISREG(os.fstat(arguments[0]).st_mode):
            refuse()
        return function(*arguments, **named)

    return call


def refuse_new_files(function: Any) -> Any:
    """Return os.open as it is on such a disk."""

    def call(path: Any, flags: int, *rest: Any, **named: Any) -> Any:
        if flags & os.O_CREAT:
            refuse()
        return function(path, flags, *rest, **named)

    return call


def with_a_source_pulled(function: Any) -> Any:
    """Return preadv for a drive that is pulled out: its folder is gone, and what was open answers no more."""
    at, place, away = PLAN["pull"]

    def preadv(file: int, buffers: list[memoryview], offset: int) -> int:
        if os.readlink(f"/proc/self/fd/{file}").startswith((place + "/", away + "/")):
            with SHARED[READ].get_lock():
                SHARED[READ].value += 1
                if SHARED[READ].value == at:
                    os.rename(place, away)
            if SHARED[READ].value >= at:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        return int(function(file, buffers, offset))

    return preadv


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


def die_if_it_is_time() -> None:
    if is_time():
        die()


def prepare() -> None:
    fail = bool(PLAN.get("fail"))
    for name in NEED_ROOM if fail else OPERATIONS:
        setattr(os, name, (refused if fail else counted)(getattr(os, name)))
    if fail:
        os.open = refuse_new_files(os.open)
    opened, before = pathlib.Path.open, refuse if fail else die_if_it_is_time

    def count_open(self: pathlib.Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
        if set(mode) & set("wxa"):
            before()
        return opened(self, mode, *rest, **named)  # type: ignore[call-overload]

    pathlib.Path.open = count_open  # type: ignore[method-assign, assignment]
    if PLAN.get("bad"):
        os.preadv = with_bad_sectors(os.preadv)
    if PLAN.get("pull"):
        os.preadv = with_a_source_pulled(os.preadv)
    from bearwitness.cli import sealing

    sealing._ACKNOWLEDGE_SECONDS = 0  # type: ignore[misc]
    if PLAN.get("small"):
        from bearwitness.seal import batches, intake
        from bearwitness.store import packs

        batches.NAMES_MAX = PLAN["small"]  # type: ignore[misc]
        for module in (batches, intake, packs):
            module.PACK_BYTES = 200_000  # type: ignore[misc]


def run(words: list[str]) -> int:
    """Run one command in this process, as the plan says."""
    prepare()
    from bearwitness.cli.main import main as command

    code = command(words)
    if PLAN.get("count"):
        pathlib.Path(PLAN["count"]).write_text(str(SHARED[DONE].value))
    return code


def become(told: dict[str, Any], outputs: list[int]) -> None:
    """Be, in a process just forked, what one that was started for the command would be."""
    os.setsid()
    for number, output in enumerate(outputs, 1):
        os.dup2(output, number)
        os.close(output)
    os.environ.clear()
    os.environ.update(told["environment"])
    os.chdir(told["folder"])
    PLAN.update(told["plan"])
    memory = multiprocessing.get_context("fork")
    SHARED.update({DONE: memory.Value("q", 0), READ: memory.Value("q", 0), PARENT: os.getpid()})


def main() -> int:
    """Serve until the other end of the socket is closed."""
    with socket.socket(fileno=int(sys.argv[1])) as control:
        while True:
            message, outputs, _, _ = socket.recv_fds(control, MESSAGE_BYTES_MAX, 2)
            if not message:
                return 0
            told = json.loads(message)
            importlib.import_module(f"bearwitness.cli.{told['words'][0]}_cmd")
            pid = os.fork()
            if pid == 0:
                break
            for output in outputs:
                os.close(output)
            _, ending = os.waitpid(pid, 0)
            control.send(json.dumps({"pid": pid, "code": os.waitstatus_to_exitcode(ending)}).encode())
    become(told, outputs)
    return run(told["words"])


if __name__ == "__main__":
    sys.exit(main())
