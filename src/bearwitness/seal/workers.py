"""The processes that read, hash and encrypt, and how batches reach them.

Workers are forked before anything else is under way, ignore Ctrl-C (the parent decides) and die with
the parent. Only an idle worker is sent a batch, so neither side ever waits for the other to read.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Final

from bearwitness.errors import BearwitnessError, SourceError, storage_error
from bearwitness.machine import keep_off_the_disk
from bearwitness.store.directfile import DiskWriter
from bearwitness.store.packs import PackWriter

from .intake import FileIntake, Indexer
from .part import PartResult, PartSealer, PartSettings
from .reading import SourceGoneError
from .sources import Source
from .walk import Found

_PR_SET_PDEATHSIG: Final = 1
PROGRESS_SLOT_BYTES: Final = 8
Batch = list[tuple[Found, str | None]]


@dataclass
class _Worker:
    process: Any
    connection: Connection
    busy: bool = False


class WorkerPool:
    """Worker processes that turn batches into parts."""

    def __init__(self, settings: PartSettings, source: Source, indexer: Indexer, count: int) -> None:
        self._context = multiprocessing.get_context("fork")
        self._progress = mmap.mmap(-1, PROGRESS_SLOT_BYTES * count)
        self._place = str(settings.folder)
        self._workers: list[_Worker] = []
        parent = os.getpid()
        for slot in range(count):
            mine, theirs = self._context.Pipe()
            others = [worker.connection for worker in self._workers] + [mine]
            process = self._context.Process(
                target=_work, args=(theirs, others, parent, settings, source, indexer, self._count_up(slot))
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
        """Whether any worker has a batch."""
        return any(worker.busy for worker in self._workers)

    def submit(self, batch: Batch) -> bool:
        """Give `batch` to an idle worker; False if there is none."""
        for worker in self._workers:
            if not worker.busy:
                worker.connection.send(batch)
                worker.busy = True
                return True
        return False

    def collect(self, timeout: float | None) -> list[PartResult]:
        """Return the parts that are finished, waiting up to `timeout` seconds (None: until there is one)."""
        busy = {worker.connection: worker for worker in self._workers if worker.busy}
        results = []
        for connection in wait(list(busy), timeout) if busy else ():
            worker = busy[connection]  # type: ignore[index]
            worker.busy = False
            try:
                answer = worker.connection.recv()
            except EOFError:
                raise BearwitnessError(
                    "a worker process was killed", "the machine may be out of memory; run the command again"
                ) from None
            if isinstance(answer, PartResult):
                results.append(answer)
            else:
                raise _error_of(answer, self._place)
        return results

    def close(self) -> None:
        """End the workers; what they have not finished is given up."""
        for worker in self._workers:
            worker.connection.close()
        for worker in self._workers:
            if worker.busy:
                worker.process.kill()
            worker.process.join()
        self._workers = []


def _error_of(answer: tuple[str, object], place: str) -> BearwitnessError:
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


def _work(
    connection: Connection,
    inherited: Sequence[Connection],
    parent: int,
    settings: PartSettings,
    source: Source,
    indexer: Indexer,
    progress: Callable[[int], None],
) -> None:
    """Serve batches until the parent is gone or done."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_off_the_disk()
    for other in inherited:
        other.close()
    writer = PackWriter(settings.folder, DiskWriter())
    intake = FileIntake(writer, indexer, progress, md5=settings.md5)
    sealer = PartSealer(settings, source, writer, intake)
    with contextlib.suppress(EOFError, ConnectionError):  # the parent has given up, for a reason it has told
        while True:
            batch: Batch = connection.recv()
            connection.send(_seal(sealer, writer, batch))
    os._exit(0)  # no finalisers: buffers hold plaintext and nothing needs to be flushed


def _seal(sealer: PartSealer, writer: PackWriter, batch: Batch) -> PartResult | tuple[str, object]:
    try:
        return sealer.seal(batch)
    except SourceGoneError as error:
        writer.abandon()
        return ("gone", OSError(error.errno, error.strerror))
    except OSError as error:
        writer.abandon()
        return ("storage", OSError(error.errno, error.strerror))
    except BearwitnessError as error:
        writer.abandon()
        return ("error", error)
    except Exception:  # noqa: BLE001 - whatever it is, the parent must hear of it
        return ("defect", traceback.format_exc())
