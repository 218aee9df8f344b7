"""What runs steps: :class:`Executor` is all a stage knows, :class:`LocalExecutor` runs them on this machine.

A distributed engine plugs in by answering the same four methods; the lease that it hands to a far worker
carries the fencing token, and steps have names, so nothing but plain values needs to travel.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Final, Protocol, Self

from bearwitness.errors import BearwitnessError
from bearwitness.machine import keep_off_the_disk

from .model import Ended, Lease

_PR_SET_PDEATHSIG: Final = 1
Step = Callable[[Lease], object]


class Executor(Protocol):
    """Runs leases; each ends exactly once, by an answer or a failure."""

    @property
    def free(self) -> int:
        """How many leases can be submitted now."""

    def submit(self, lease: Lease) -> None:
        """Have a lease worked on; there must be a free place."""

    def collect(self, timeout: float) -> list[Ended]:
        """Return what ended, waiting up to `timeout` seconds for the first."""

    def close(self) -> None:
        """Stop at once; what is under way is given up."""


@dataclass
class _Worker:
    process: Any
    connection: Connection
    lease: Lease | None = None


class LocalExecutor:
    """Worker processes of this machine, forked here; one that dies is replaced, its lease ends as a failure.

    `steps` are run by name (all jobs of a lease have the step of the first). The process that makes this
    object runs no inference and no threads: workers are forked from it whenever one is missing.
    """

    def __init__(self, steps: Mapping[str, Step], workers: int) -> None:
        self._context = multiprocessing.get_context("fork")
        self._steps, self._parent = dict(steps), os.getpid()
        self._workers: list[_Worker] = []
        for _ in range(max(1, workers)):
            self._workers.append(self._start())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> _Worker:
        mine, theirs = self._context.Pipe()
        others = [worker.connection for worker in self._workers] + [mine]
        process = self._context.Process(target=_work, args=(theirs, others, self._parent, self._steps))
        process.start()
        theirs.close()
        return _Worker(process, mine)

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers."""
        return [worker.process.pid for worker in self._workers]

    @property
    def free(self) -> int:
        """How many workers are idle."""
        return sum(worker.lease is None for worker in self._workers)

    def submit(self, lease: Lease) -> None:
        """Give `lease` to an idle worker."""
        number = next(n for n, worker in enumerate(self._workers) if worker.lease is None)
        try:
            self._workers[number].connection.send(lease)
        except ConnectionError:  # it died while it was idle
            self._replace(number).connection.send(lease)
        self._workers[number].lease = lease

    def _replace(self, number: int) -> _Worker:
        worker = self._workers[number]
        worker.connection.close()
        worker.process.kill()
        worker.process.join()
        del self._workers[number]
        fresh = self._start()
        self._workers.insert(number, fresh)
        return fresh

    def collect(self, timeout: float) -> list[Ended]:
        """Return what ended, waiting up to `timeout` seconds for the first."""
        busy = [worker.connection for worker in self._workers if worker.lease is not None]
        ready = set(map(id, wait(busy, timeout))) if busy else set()
        ended = []
        for number, worker in enumerate(list(self._workers)):
            if worker.lease is None or id(worker.connection) not in ready:
                continue
            lease, worker.lease = worker.lease, None
            try:
                answer, failure = worker.connection.recv()
                ended.append(Ended(lease, answer, failure))
            except (EOFError, ConnectionError, OSError):
                self._replace(number)
                ended.append(Ended(lease, failure="its worker process was killed", died=True))
        return ended

    def close(self) -> None:
        """End the workers; what they have not finished is given up."""
        for worker in self._workers:
            worker.connection.close()
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()
        self._workers = []


def _work(
    connection: Connection, others: Sequence[Connection], parent: int, steps: Mapping[str, Step]
) -> None:
    """Run leases until the parent is gone or done."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_off_the_disk()
    gc.freeze()  # what was there before is never looked through, or its pages would be copied for nothing
    for other in others:
        other.close()
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            lease: Lease = connection.recv()
            connection.send(_run(lease, steps))
    os._exit(0)  # no finalisers: buffers hold plaintext and nothing needs to be flushed


def _run(lease: Lease, steps: Mapping[str, Step]) -> tuple[object, str]:
    try:
        return steps[lease.jobs[0].step](lease), ""
    except BearwitnessError as error:
        return None, error.message
    except Exception:  # noqa: BLE001 - whatever it is, the parent must hear of it
        return None, f"a defect of Bearwitness; please report it: {traceback.format_exc(limit=-3)}"
