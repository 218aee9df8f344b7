"""The executor of this machine: every lease ends once, whatever becomes of the worker that has it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from functools import partial

import pytest

from bearwitness.errors import RefusedError
from bearwitness.jobs.executor import LocalExecutor
from bearwitness.jobs.model import Ended, Job, Lease
from workbench import is_gone, wait_until


def lease(number: int, step: str) -> Lease:
    return Lease(f"item {number}", (Job(f"job {number}", f"item {number}", step),), number, 1, 0)


def _refuse(lease: Lease) -> object:
    raise RefusedError(f"{lease.item} is not for me")


def _break(lease: Lease) -> object:
    raise ZeroDivisionError(lease.item)


def _die(lease: Lease) -> object:
    os.kill(os.getpid(), signal.SIGKILL)
    return lease


def _wait(lease: Lease) -> object:
    while True:
        time.sleep(3600)


STEPS = {
    "say": lambda lease: (lease.item, os.getpid()),
    "refuse": _refuse,
    "break": _break,
    "die": _die,
    "wait": _wait,
}


@pytest.fixture
def executor() -> Iterator[LocalExecutor]:
    with LocalExecutor(STEPS, 2) as made:
        yield made


def drain(executor: LocalExecutor, count: int) -> list[Ended]:
    ended: list[Ended] = []

    def enough() -> bool:
        ended.extend(executor.collect(0.2))
        return len(ended) >= count

    wait_until(enough, "all leases ended")
    return ended


def test_steps_run_by_name_in_other_processes(executor: LocalExecutor) -> None:
    assert executor.free == 2
    executor.submit(lease(1, "say"))
    executor.submit(lease(2, "say"))
    assert executor.free == 0
    ended = sorted(drain(executor, 2), key=lambda e: e.lease.fence)
    assert [e.answer[0] for e in ended if isinstance(e.answer, tuple)] == ["item 1", "item 2"]
    pids = {e.answer[1] for e in ended if isinstance(e.answer, tuple)}
    assert os.getpid() not in pids
    assert len(pids) == 2
    assert executor.free == 2


def test_a_step_that_fails_says_why_and_the_worker_lives_on(executor: LocalExecutor) -> None:
    before = executor.pids
    executor.submit(lease(1, "refuse"))
    executor.submit(lease(2, "break"))
    refused, broken = sorted(drain(executor, 2), key=lambda e: e.lease.fence)
    assert refused.failure == "item 1 is not for me"
    assert "ZeroDivisionError" in broken.failure
    assert "defect" in broken.failure
    assert not refused.died
    assert executor.pids == before


def test_a_worker_that_is_killed_costs_its_lease_alone_and_is_replaced(executor: LocalExecutor) -> None:
    before = executor.pids
    executor.submit(lease(1, "die"))
    executor.submit(lease(2, "say"))
    dead, well = sorted(drain(executor, 2), key=lambda e: e.lease.fence)
    assert dead.died
    assert "killed" in dead.failure
    assert well.answer
    assert len(set(executor.pids) & set(before)) == 1
    executor.submit(lease(3, "say"))
    executor.submit(lease(4, "say"))
    assert len(drain(executor, 2)) == 2


def test_a_worker_that_died_while_it_was_idle_is_replaced_when_it_is_needed(executor: LocalExecutor) -> None:
    for pid in executor.pids:
        os.kill(pid, signal.SIGKILL)
        wait_until(partial(is_gone, pid), "the worker is gone")
    executor.submit(lease(1, "say"))
    (ended,) = drain(executor, 1)
    assert ended.answer or ended.died, "it ends, one way or the other"


def test_closing_ends_workers_that_would_never_end() -> None:
    executor = LocalExecutor(STEPS, 1)
    (pid,) = executor.pids
    executor.submit(lease(1, "wait"))
    executor.close()
    assert is_gone(pid)
