"""What a worker process does: it seals one batch after another.

While the disk makes one part durable the next is read and hashed already: READY asks for the next batch, the
result of the last one follows when it is safe.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import threading
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from multiprocessing.connection import Connection
from typing import Final, TypeAlias

from bearwitness.errors import BearwitnessError
from bearwitness.machine import keep_off_the_disk
from bearwitness.store.directfile import DiskWriter
from bearwitness.store.packs import PackWriter

from .intake import FileIntake, Indexer
from .part import PartResult, PartSealer, PartSettings
from .reading import SourceGoneError
from .sources import Source
from .walk import Found

READY: Final = "ready"  # for another batch
_PR_SET_PDEATHSIG: Final = 1
Batch: TypeAlias = list[tuple[Found, str | None]]
Failure: TypeAlias = tuple[str, object]


def work(
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
    disk = DiskWriter()
    writer = PackWriter(settings.folder, disk)
    intake = FileIntake(writer, indexer, progress, md5=settings.md5)
    server = _Server(connection, disk, writer, PartSealer(settings, source, writer, intake))
    with contextlib.suppress(EOFError, ConnectionError):  # the parent has given up, for a reason it has told
        while True:
            server.serve(connection.recv())
    os._exit(0)  # no finalisers: buffers hold plaintext and nothing needs to be flushed


class _Server:
    """Seals batches and answers, from two threads."""

    def __init__(
        self, connection: Connection, disk: DiskWriter, writer: PackWriter, sealer: PartSealer
    ) -> None:
        self._connection, self._disk, self._writer, self._sealer = connection, disk, writer, sealer
        self._lock = threading.Lock()
        self._delivery: Future[None] | None = None  # of the part before

    def serve(self, batch: Batch) -> None:
        """Seal one batch; its result is sent once it is durable."""
        try:
            finish = self._sealer.seal(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent must hear of it
            self._writer.abandon()  # once the parts before are safe and told
            self._send(_told(error))
            return
        if self._delivery:
            self._delivery.result()  # a slow disk must hold us back: what is not safe is lost in a crash
        self._delivery = self._disk.then(lambda: self._deliver(finish))
        self._send(READY)

    def _deliver(self, finish: Callable[[], PartResult]) -> None:
        answer: PartResult | Failure
        try:
            answer = finish()
        except Exception as error:  # noqa: BLE001 - as above
            answer = _told(error)
        self._send(answer)

    def _send(self, answer: PartResult | Failure | str) -> None:
        with self._lock:
            self._connection.send(answer)


def _told(error: Exception) -> Failure:
    """Return what the parent is told of a failure."""
    if isinstance(error, OSError):
        kind = "gone" if isinstance(error, SourceGoneError) else "storage"
        return (kind, OSError(error.errno, error.strerror))
    if isinstance(error, BearwitnessError):
        return ("error", error)
    return ("defect", "".join(traceback.format_exception(error)))
