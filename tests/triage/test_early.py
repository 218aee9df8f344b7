"""What is begun early is there for one forked process, is told of where it fails, and is gone afterwards."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection

import numpy as np
import pytest

from bearwitness.errors import BearwitnessError
from bearwitness.inference import speech
from bearwitness.inference.models import ModelError
from bearwitness.inference.speech import Speech
from bearwitness.inference.worker import InferenceWorker
from bearwitness.sandbox.status import layers
from bearwitness.signals.speech import BLOCK, silence
from bearwitness.triage import early, registry
from bearwitness.triage.early import Early, EarlyWorker
from bearwitness.triage.seeing import USUAL_CANVAS
from triaged import Triaged
from workbench import children_of, is_gone

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def begun() -> Iterator[Early]:
    lacking = layers().lacking
    if lacking:
        pytest.skip(f"this kernel can not lock up inference: {'; '.join(lacking)}")
    try:
        InferenceWorker([speech.MODEL])
    except ModelError as error:
        pytest.skip(f"{error.message}; {error.hint}")
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("with one processor no worker is begun early")
    with early.begin(["speech"], brought=False, accept_weak=False) as made:
        yield made


@pytest.fixture
def worker(begun: Early) -> EarlyWorker:
    made = begun.worker([speech.MODEL], brought=False, threads=1, canvas=USUAL_CANVAS)
    assert made is not None
    return made


class Heir:
    """A forked process that takes the early worker, tells its process id, and asks it when told to."""

    def __init__(self, worker: EarlyWorker) -> None:
        self.talk, theirs = FORK.Pipe()
        self.process = FORK.Process(target=self._run, args=(worker, theirs))
        self.process.start()
        theirs.close()

    def _run(self, early_worker: EarlyWorker, talk: Connection) -> None:
        self.talk.close()
        talk.recv()
        worker = early_worker.take()
        talk.send(0 if worker is None else worker.pid)
        while worker is not None:
            talk.recv()
            talk.send(_asked(worker))

    def ask(self) -> object:
        self.talk.send(None)
        return self.talk.recv()

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.talk.close()


def _asked(worker: InferenceWorker) -> str:
    try:
        likely, _ = Speech(worker).likelihoods(np.zeros(BLOCK, np.float32), silence())
    except BearwitnessError as error:
        return error.message
    return f"answered for {len(likely)} windows by {worker.pid}"


def test_of_two_forked_processes_one_has_the_worker_and_it_ends_with_the_block(
    begun: Early, worker: EarlyWorker
) -> None:
    heirs = [Heir(worker), Heir(worker)]
    worker.let_go()
    first, second = (heir.ask() for heir in heirs)
    assert isinstance(first, int)
    assert first > 0
    assert second == 0
    assert heirs[0].ask() == f"answered for {BLOCK // 512} windows by {first}"
    for heir in heirs:
        heir.end()
    begun.close()
    assert is_gone(first)


def test_a_worker_that_nobody_took_ends_with_those_who_might_have(worker: EarlyWorker) -> None:
    heir = Heir(worker)
    pid = worker._worker.pid
    worker.let_go()
    heir.end()
    assert os.waitpid(pid, 0)[0] == pid, "it ends by itself"
    worker._left = 0


def test_who_has_a_worker_that_died_is_told_of_what_and_gets_another(worker: EarlyWorker) -> None:
    heir = Heir(worker)
    worker.let_go()
    pid = heir.ask()
    assert isinstance(pid, int)
    assert f"by {pid}" in str(heir.ask())
    os.kill(pid, signal.SIGSEGV)
    told = str(heir.ask())
    assert "crashed (SIGSEGV)" in told
    assert "answered" in str(heir.ask())
    heir.end()


def test_a_worker_that_does_not_start_is_told_where_it_is_asked(worker: EarlyWorker) -> None:
    heir = Heir(worker)
    os.kill(worker._worker.pid, signal.SIGKILL)
    worker.let_go()
    assert heir.ask()
    assert "did not start" in str(heir.ask())
    assert "answered" in str(heir.ask()), "the next question starts another"
    heir.end()


@pytest.mark.parametrize(
    ("networks", "brought"), [(["silero-vad", "opennsfw"], False), ([], False), (["silero-vad"], True)]
)
def test_a_worker_with_other_networks_than_are_asked_ends(
    begun: Early, networks: list[str], brought: bool
) -> None:
    assert begun._worker is not None
    pid = begun._worker._worker.pid
    assert begun.worker(networks, brought=brought, threads=1, canvas=USUAL_CANVAS) is None
    assert is_gone(pid)


@pytest.mark.parametrize(
    ("only", "brought"), [(["probe"], False), (["speech"], True), (["speech", "transcript"], False)]
)
def test_where_no_network_or_not_the_usual_ones_are_asked_no_worker_is_begun(
    only: list[str], brought: bool
) -> None:
    if layers().lacking:
        pytest.skip("this kernel can not lock up a sandbox")
    with early.begin(only, brought=brought, accept_weak=False) as begun:
        assert begun._worker is None
        assert begun.sandbox is not None
        zygote = begun.sandbox.zygote_pid
    assert is_gone(zygote)


def test_what_the_table_says_of_networks_is_what_analysers_ask() -> None:
    asked = {each.name: tuple(sorted(each.networks)) for each in registry.load() if each.networks}
    assert asked == registry.NETWORKS


def test_the_command_imports_neither_arrays_nor_databases_before_all_has_begun() -> None:
    words = "import sys, bearwitness.cli.main, bearwitness.cli.triage_cmd; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", words], check=True, stdout=subprocess.PIPE, text=True)
    assert {"numpy", "sqlalchemy", "PIL"}.isdisjoint(done.stdout.split())


def test_a_triage_by_the_command_uses_networks_and_leaves_no_process_behind(bench: Triaged) -> None:
    if layers().lacking:
        pytest.skip("this kernel can not lock up a sandbox")
    before = children_of(os.getpid())
    bench.try_triage("--only", "speech").ok()
    assert "done" in {result["outcome"] for result in bench.derived()}
    assert children_of(os.getpid()) <= before
