"""The processes that read, hash and encrypt, and how batches reach them.

Workers are forked before anything else is under way, ignore Ctrl-C (the parent decides) and die with
the parent. Only an idle worker is sent a batch, so neither side ever waits for the other to read.
What they do is in serving.py.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Final

from bearwitness.errors import BearwitnessError, SourceError, storage_error

from .intake import Indexer
from .part import PartResult, PartSettings
from .serving import READY, Batch, Failure, work
from .sources import Source

PROGRESS_SLOT_BYTES: Final = 8


@dataclass
class _Worker:
    process: Any
    connection: Connection
    idle: bool = True
    owes: int = 0  # parts that are not durable yet


class WorkerPool:
    """Worker processes that turn batches into parts."""

    def __init__(self, settings: PartSettings, source: Source, indexer: Indexer, count: int) -> None:
        self._context = multiprocessing.get_context("fork")
        self._progress = mmap.mmap(-1, PROGRESS_SLOT_BYTES * count)
        self._place = str(settings.folder)
        self._workers: list[_Worker] = []
        self._failure: BearwitnessError | None = None
        parent = os.getpid()
        for slot in range(count):
            mine, theirs = self._context.Pipe()
            others = [worker.connection for worker in self._workers] + [mine]
            process = self._context.Process(
                target=work, args=(theirs, others, parent, settings, source, indexer, self._count_up(slot))
            )
            process.start()
            theirs.close()
            self._workers.append(_Worker(process, mine))

    def _count_up(self, slot: int) -> Callable[[int], None]:
        counters = memoryview(self._progress).cast("Q")

        def count_up(length: int) -> None:
            counters[slot] += length

        return count_up

    def bytes_read(self) -> int:
        """Return how many bytes all workers have taken so far."""
        return sum(memoryview(self._progress).cast("Q"))

    @property
    def busy(self) -> bool:
        """Whether any part is still to come."""
        return any(worker.owes for worker in self._workers)

    def submit(self, batch: Batch) -> bool:
        """Give `batch` to an idle worker; False if there is none, or it died, which `collect` then tells."""
        for worker in self._workers:
            if worker.idle:
                worker.idle = False
                try:
                    worker.connection.send(batch)
                except ConnectionError:
                    self._failure = _killed()
                    return False
                worker.owes += 1
                return True
        return False

    def collect(self, timeout: float | None) -> list[PartResult]:
        """Wait up to `timeout` seconds (None: for ever) for any worker; return the parts that are durable."""
        if self._failure:
            raise self._failure
        busy = {worker.connection: worker for worker in self._workers if worker.owes}
        results = []
        for connection in wait(list(busy), timeout) if busy else ():
            worker = busy[connection]  # type: ignore[index]
            try:
                answer = worker.connection.recv()
            except (EOFError, OSError):  # its end of the pipe is closed, reset, or shut in mid-message
                self._failure = _killed()
                continue
            if answer == READY:
                worker.idle = True
            elif isinstance(answer, PartResult):
                worker.owes -= 1
                results.append(answer)
            else:
                self._failure = _error_of(answer, self._place)
        return results  # before a failure is told: what others made safe counts

    def close(self) -> None:
        """End the workers; what they have not finished is given up."""
        for worker in self._workers:
            worker.connection.close()
        for worker in self._workers:
            if worker.owes:
                worker.process.kill()
            worker.process.join()
        self._workers = []


def _killed() -> BearwitnessError:
    return BearwitnessError(
        "a worker process was killed", "the machine may be out of memory; run the command again"
    )


def _error_of(answer: Failure, place: str) -> BearwitnessError:
    kind, detail = answer
    if isinstance(detail, BearwitnessError):
        return detail
    if kind == "gone":
        return source_gone()
    if isinstance(detail, OSError):
        return storage_error(detail, place)
    return BearwitnessError(f"a worker failed: {detail}", "this is a defect of Bearwitness; please report it")


def source_gone() -> SourceError:
    """Return what is said when the source was pulled away."""
    return SourceError(
        "the source is gone: it was pulled out or its connection failed",
        "connect it again and run the same command; it goes on where it stopped",
    )
