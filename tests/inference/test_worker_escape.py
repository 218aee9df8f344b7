"""A worker that what it is fed has taken over can not get out; each act would succeed without the lock."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bearwitness.errors import ChildFailedError, SandboxError
from bearwitness.sandbox import landlock
from bearwitness.sandbox.status import layers
from bearwitness.sandbox.worker import Worker, WorkerLimits

TESTS = Path(__file__).parents[1]
ALL_LAYERS = frozenset({"landlock", "limits", "seccomp"})
SECCOMP = frozenset({"seccomp"})
LANDLOCK = frozenset({"landlock"})
DENIED = "not permitted|PermissionError"
KILLED = "made a forbidden system call"

OpenWorker = Callable[[frozenset[str]], Worker]


@pytest.fixture(scope="module")
def open_worker() -> Iterator[OpenWorker]:
    """Return a hostile worker with the layers asked for."""
    lacking = layers().lacking
    if lacking:
        pytest.skip(f"this kernel can not show it: {'; '.join(lacking)}")
    made: dict[frozenset[str], Worker] = {}
    limits = WorkerLimits(60, 20, 256 << 20, 1 << 20)
    folders = [str(TESTS / "inference"), str(TESTS / "sandbox")]
    with ExitStack() as stack:

        def get(chosen: frozenset[str]) -> Worker:
            if chosen not in made:
                worker = Worker("hostile_services", "hostile", "", limits, folders=folders, _layers=chosen)
                made[chosen] = stack.enter_context(worker)
            return made[chosen]

        yield get


def do(worker: Worker, act: str, argument: bytes = b"", *, in_thread: bool = False) -> bytes:
    return worker.ask(json.dumps([act, argument.decode(), in_thread]).encode())


@pytest.fixture
def targets(tmp_path: Path) -> Iterator[dict[str, bytes]]:
    """What the acts are aimed at: all of it is there and open to this user."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"do not read")
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield {
            "open_for_reading": bytes(secret),
            "open_for_writing": bytes(tmp_path / "new"),
            "list_folder": bytes(tmp_path),
            "stat": bytes(secret),
            "remove": bytes(secret),
            "connect": str(server.getsockname()[1]).encode(),
            "signal_process": str(os.getpid()).encode(),
        }


ACTS = {
    "open_for_reading": DENIED,
    "open_for_writing": DENIED,
    "open_own_memory": DENIED,
    "list_folder": DENIED,
    "stat": DENIED,
    "remove": DENIED,
    "open_internet_socket": DENIED,
    "open_local_socket": DENIED,
    "connect": DENIED,
    "execute": DENIED,
    "fork": DENIED,
    "signal_process": DENIED,
    "trace": KILLED,
    "ignore_alarm": DENIED,
}


# Python lets only the main thread set handlers.
IN_THREADS = [(act, in_thread) for act in ACTS for in_thread in (False, True) if act != "ignore_alarm"]


@pytest.mark.parametrize(("act", "in_thread"), [*IN_THREADS, ("ignore_alarm", False)])
def test_the_filter_alone_stops_every_thread(
    act: str, in_thread: bool, targets: dict[str, bytes], open_worker: OpenWorker
) -> None:
    with pytest.raises(ChildFailedError, match=ACTS[act]):
        do(open_worker(SECCOMP), act, targets.get(act, b""), in_thread=in_thread)


@pytest.mark.parametrize("act", ACTS)
def test_all_layers_together_stop(act: str, targets: dict[str, bytes], open_worker: OpenWorker) -> None:
    with pytest.raises(ChildFailedError, match=ACTS[act]):
        do(open_worker(ALL_LAYERS), act, targets.get(act, b""))


@pytest.mark.parametrize("act", sorted(set(ACTS) - {"execute"}))
def test_without_the_lock_the_same_act_succeeds(
    act: str, targets: dict[str, bytes], open_worker: OpenWorker
) -> None:
    assert do(open_worker(frozenset()), act, targets.get(act, b"")) == b"did it"


def test_without_the_lock_a_program_is_executed(open_worker: OpenWorker) -> None:
    open_worker(frozenset()).close()  # the act `trace` made it one that stops when it executes another
    with pytest.raises(ChildFailedError, match=r"ended without an answer \(exit code 0\)"):
        do(open_worker(frozenset()), "execute")


@pytest.mark.parametrize("act", ["open_for_reading", "open_for_writing", "list_folder", "remove", "connect"])
def test_landlock_alone_stops_it_in_threads_too(
    act: str, targets: dict[str, bytes], open_worker: OpenWorker
) -> None:
    if act == "connect" and landlock.abi() < 4:
        pytest.skip("this kernel's Landlock knows no network; the filter stops it")
    with pytest.raises(ChildFailedError, match=DENIED):
        do(open_worker(LANDLOCK), act, targets[act], in_thread=True)


def test_a_worker_may_make_code_which_its_networks_need(open_worker: OpenWorker) -> None:
    assert do(open_worker(ALL_LAYERS), "make_code") == b"did it"


@pytest.mark.parametrize("act", ["reserve_8_gigabytes", "fill_8_gigabytes"])
def test_memory_is_bounded(act: str, open_worker: OpenWorker) -> None:
    with pytest.raises(ChildFailedError, match=r"memory|OSError"):
        do(open_worker(ALL_LAYERS), act)


def test_a_worker_that_crashed_is_told_and_the_next_question_starts_another(open_worker: OpenWorker) -> None:
    worker = open_worker(ALL_LAYERS)
    before = do(worker, "pid")
    with pytest.raises(ChildFailedError, match="crashed"):
        do(worker, "crash")
    after = do(worker, "pid")
    assert before != after
    assert not Path(f"/proc/{int(before)}").exists()


def test_a_worker_that_hangs_is_ended(tmp_path: Path) -> None:
    limits = WorkerLimits(60, 0.2, 256 << 20, 1 << 20)
    folders = [str(TESTS / "inference"), str(TESTS / "sandbox")]
    with Worker("hostile_services", "hostile", "", limits, folders=folders) as worker:
        pid = int(do(worker, "pid"))
        with pytest.raises(ChildFailedError, match="gave no answer within"):
            do(worker, "use_the_processor")
        assert not Path(f"/proc/{pid}").exists()


@pytest.fixture
def with_inbox(open_worker: OpenWorker) -> Iterator[Worker]:
    limits = WorkerLimits(60, 20, 256 << 20, 1 << 20)
    folders = [str(TESTS / "inference"), str(TESTS / "sandbox")]
    with Worker("hostile_services", "hostile", "", limits, folders=folders, inbox_bytes=8192) as worker:
        yield worker


def test_a_worker_reads_what_its_parent_puts_into_the_inbox_and_can_not_write_there(
    with_inbox: Worker,
) -> None:
    with_inbox.start()
    with_inbox.inbox[:5] = b"hello"
    assert do(with_inbox, "read_inbox", b"5") == b"hello"
    with pytest.raises(ChildFailedError, match=r"PermissionError|Permission denied"):
        do(with_inbox, "scribble")
    assert bytes(with_inbox.inbox[:5]) == b"hello"
    with_inbox.inbox[:5] = b"again"
    assert do(with_inbox, "read_inbox", b"5") == b"again"


def test_a_worker_that_crashed_gets_an_empty_inbox_with_the_next(with_inbox: Worker) -> None:
    with_inbox.start()
    with_inbox.inbox[:5] = b"hello"
    with pytest.raises(ChildFailedError, match="crashed"):
        do(with_inbox, "crash")
    assert len(with_inbox.inbox) == 0
    assert do(with_inbox, "read_inbox", b"5") == bytes(5)


def test_a_prepared_worker_waits_for_the_hint_and_then_answers(with_inbox: Worker) -> None:
    with_inbox.prepare()
    with_inbox._hint = b"what will come"
    assert do(with_inbox, "hint") == b"what will come"
    assert do(with_inbox, "read_inbox", b"2") == bytes(2)


def test_a_worker_that_can_not_start_says_why() -> None:
    with (
        Worker("bearwitness.no_such_module", "x", "", WorkerLimits(60, 20, 1 << 28, 1 << 20)) as worker,
        pytest.raises(SandboxError, match="did not start: ModuleNotFoundError"),
    ):
        worker.start()


def test_closing_ends_the_process(open_worker: OpenWorker) -> None:
    worker = open_worker(ALL_LAYERS)
    pid = int(do(worker, "pid"))
    worker.close()
    assert not Path(f"/proc/{pid}").exists()
