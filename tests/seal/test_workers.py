"""A worker that dies is told of in one sentence, however its end of the pipe goes."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import Any

import pytest

from bearwitness.errors import BearwitnessError
from bearwitness.seal import workers
from bearwitness.seal.workers import WorkerPool


class _Place:
    folder = "vault"


def leaves_a_batch_unread(connection: Any, *_: Any) -> None:
    connection.poll(None)  # the other side is then told "connection reset by peer"
    os._exit(9)


def dies_in_mid_message(connection: Any, *_: Any) -> None:
    connection.recv()
    os.write(connection.fileno(), struct.pack("!i", 1000) + b"half")
    os._exit(9)


def dies_after_reading(connection: Any, *_: Any) -> None:
    connection.recv()
    os._exit(9)


def told(pool: WorkerPool) -> None:
    """Collect until the failure is told: what others made safe is handed out before it."""
    pool.collect(None)
    pool.collect(None)


@pytest.mark.parametrize("death", [leaves_a_batch_unread, dies_in_mid_message, dies_after_reading])
def test_a_death_is_never_taken_for_a_fault_of_the_disk(
    death: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "work", death)
    pool = WorkerPool(_Place(), None, None, 1)  # type: ignore[arg-type]
    try:
        assert pool.submit(["a batch"])  # type: ignore[arg-type]
        with pytest.raises(BearwitnessError, match="a worker process was killed"):
            told(pool)
    finally:
        pool.close()


def test_a_worker_that_died_while_idle_is_told_of_by_the_next_collect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "work", lambda *_: os._exit(9))
    pool = WorkerPool(_Place(), None, None, 1)  # type: ignore[arg-type]
    try:
        for worker in pool._workers:
            worker.process.join()
            assert not pool.submit(["a batch"])  # type: ignore[arg-type]
        with pytest.raises(BearwitnessError, match="a worker process was killed"):
            told(pool)
    finally:
        pool.close()
