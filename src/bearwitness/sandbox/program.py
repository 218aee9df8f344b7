"""Runs a program that others wrote (Tesseract, ExifTool) locked up, over what comes through a pipe.

    data = run_program(tesseract, ["stdin", "stdout"], [page], LIMITS)

Our own children may execute nothing, so such a program can not be started from one of them. It is started by
a process of its own which locks itself first (:mod:`.program_inside`) and then becomes the program: it may
execute that one file, read what lies in the system's folders of programs and libraries, and nothing else. No
socket, no file of yours, nothing to write to but the pipe, no other process. Its answer is untrusted.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bearwitness.errors import ChildFailedError, SandboxError

from . import status
from .launch import HOME
from .limits import Limits

_BOOT: Final = """
import sys
sys.path.append(sys.argv[1])
from bearwitness.sandbox.program_inside import main
main(*sys.argv[2:])
"""
_ENVIRONMENT: Final = {"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "OMP_THREAD_LIMIT": "1"}
_PIECE: Final = 1 << 16
_NOT_LOCKED: Final = 125  # what program_inside ends with; no program we run does


@dataclass(frozen=True)
class Program:
    """A program that is installed: its file, and what else is executed with it (an interpreter)."""

    path: str
    interpreter: str = ""


def find_program(name: str) -> Program | None:
    """Return the program `name` of this machine, None where it is not installed."""
    path = shutil.which(name, path=_ENVIRONMENT["PATH"])
    if path is None:
        return None
    with Path(path).open("rb") as file:
        first = file.readline(200)
    interpreter = first[2:].split()[0].decode("ascii", "replace") if first.startswith(b"#!") else ""
    return Program(path, interpreter)


def run_program(
    program: Program,
    arguments: Sequence[str],
    source: Iterable[bytes],
    limits: Limits,
    *,
    accept_weak: bool = False,
    _layers: frozenset[str] | None = None,
) -> bytes:
    """Return the untrusted output of `program`, which is fed `source` as far as it reads it.

    How it ended is not looked at: programs report trouble with a file that way and answer all the same.
    Raises ChildFailedError where it takes too long, says too much or is killed, SandboxError where it can
    not be locked up.
    """
    layers = _layers if _layers is not None else status.require(accept_weak=accept_weak).names
    command = [sys.executable, "-I", "-c", _BOOT, HOME, ",".join(sorted(layers))]
    command += [f"{limits.cpu_seconds},{limits.memory_bytes}", program.path, program.interpreter, *arguments]
    try:
        process = subprocess.Popen(  # noqa: S603 - ours, which becomes a program that was looked up
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT, cwd="/", start_new_session=True, bufsize=0,
        )  # fmt: skip
    except OSError as error:
        raise SandboxError(f"{Path(program.path).name} can not be started ({error.strerror})") from error
    name = Path(program.path).name
    until = time.monotonic() + limits.wall_seconds
    with _ended(process):
        answer = _exchange(name, process, iter(source), limits, until)
        try:
            code = process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise _too_late(name, limits) from None
    if code == _NOT_LOCKED:
        raise SandboxError(f"{name} can not be locked up on this machine")
    if code < 0:
        raise ChildFailedError(f"{name} was ended: {signal.strsignal(-code) or -code}")
    return answer


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """See that the process is gone in the end, whatever happens."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _too_late(name: str, limits: Limits) -> ChildFailedError:
    return ChildFailedError(f"{name} took more than {limits.wall_seconds:.0f} s")


def _exchange(
    name: str, process: subprocess.Popen[bytes], source: Iterator[bytes], limits: Limits, until: float
) -> bytes:
    """Feed the process and take what it says, both at once, until it says no more."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError("it was started with pipes")
    out, left, ended = bytearray(), memoryview(b""), False
    os.set_blocking(process.stdin.fileno(), False)
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    poll.register(process.stdin, select.POLLOUT)
    while True:
        rest = until - time.monotonic()
        if rest <= 0:
            raise _too_late(name, limits)
        for descriptor, event in poll.poll(rest * 1000):
            if descriptor == process.stdout.fileno():
                piece = os.read(descriptor, _PIECE)
                out += piece
                if len(out) > limits.answer_bytes_max:
                    raise ChildFailedError(f"{name} answered more than {limits.answer_bytes_max:,} bytes")
                if not piece:
                    return bytes(out)
                continue
            while not left and not ended:
                taken = next(source, None)
                ended, left = taken is None, memoryview(taken or b"")
            try:
                left = left[os.write(descriptor, left[:_PIECE]) :] if left else left
            except BlockingIOError:
                continue
            except BrokenPipeError:
                ended, left = True, memoryview(b"")  # it has read enough
            if (ended and not left) or event & select.POLLERR:
                poll.unregister(process.stdin)
                process.stdin.close()
