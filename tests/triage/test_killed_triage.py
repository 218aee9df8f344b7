"""kill -9 of triage and its workers at any instant: no result is lost, none is entered twice."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from triaged import NOTE, QUICK, Triaged, docx, jpeg
from workbench import TESTS, Bench, children_of, fill, finish, scaled, start, wait_until

sys.path.append(str(TESTS / "system"))
from killing import dying_run, operations

KILLS = scaled(6, 100)
SEED = 7


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Return a vault with many small files that was never looked at."""
    bench = Bench(tmp_path_factory.mktemp("many"))
    files: dict[str, bytes | int] = {f"p{n:02}.jpg": jpeg(n) for n in range(6)}
    files |= {f"d{n:02}.docx": docx(f"document {n}") for n in range(6)}
    files |= {f"t{n:02}.txt": f"text {n}".encode() for n in range(6)}
    files["broken.jpg"] = jpeg(99)[:30] + bytes(300)
    bench.seal(fill(bench.folder / "drive", files))
    return bench


@pytest.fixture(scope="module")
def undisturbed(many: Bench, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the outcome of every job of a triage that nobody disturbs."""
    bench = copy(many, tmp_path_factory.mktemp("undisturbed"))
    bench.triage()
    return {result["job"]: result["outcome"] for result in bench.derived()}


def copy(many: Bench, folder: Path) -> Triaged:
    return Triaged(many, Path(shutil.copytree(many.vault, folder / "vault")))


def words(bench: Triaged) -> list[object]:
    return ["triage", "--vault", bench.vault, "--identity", bench.anna, *NOTE, *QUICK, "--workers", "2"]


def assert_whole(bench: Triaged, undisturbed: dict[str, str]) -> None:
    """Everything is in the log once, with the outcome that it has when nobody disturbs."""
    bench.triage()
    entered = [result["job"] for result in bench.derived()]
    assert len(entered) == len(set(entered)), "a job was entered twice"
    assert {result["job"]: result["outcome"] for result in bench.derived()} == undisturbed
    bench.is_clean()


def test_killed_again_and_again_triage_comes_to_its_end_with_every_result_once(
    many: Bench, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    generator = random.Random(SEED)
    bench, killed, round_number = copy(many, tmp_path), 0, 0
    total = operations(tmp_path, *words(copy(many, tmp_path / "counted")))
    while killed < KILLS:
        who = generator.choice(["group", "parent", "self"])
        done = dying_run(*words(bench), at=generator.randrange(1, total + 1), who=who)
        killed += done.was_killed
        if done.code in (0, 3):  # it was done before its moment came: begin with another vault
            assert_whole(bench, undisturbed)
            round_number += 1
            bench = copy(many, tmp_path / f"round{round_number}")
    assert_whole(bench, undisturbed)


def test_workers_and_sandboxes_that_are_killed_cost_nothing_but_time(
    many: Bench, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    generator, killed = random.Random(SEED), set[int]()
    for number in range(scaled(1, 30)):
        bench = copy(many, tmp_path / f"vault{number}")
        process = start(*words(bench))

        wait_until(partial(_kill_some, bench, process, generator, killed), "triage ended")
        finish(process)
        assert_whole(bench, undisturbed)
    assert killed


def _kill_some(
    bench: Triaged, process: subprocess.Popen[str], generator: random.Random, killed: set[int]
) -> bool:
    """Now and then kill a worker or a sandbox of a running triage; say whether it has ended."""
    children = sorted(children_of(process.pid) - killed)
    if children and (bench.vault / "local" / "work.db").exists() and generator.random() < 0.02:
        killed.add(victim := generator.choice(children))
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    return process.poll() is not None
