"""What others do to the vault while triage runs counts at once: the stop key, destruction, their results."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bearwitness.catalogue.catalogue import Catalogue
from bearwitness.errors import BearwitnessError
from bearwitness.jobs.executor import Step
from bearwitness.jobs.model import Ended, Lease
from bearwitness.jobs.queue import ATTEMPTS_MAX, Queue
from bearwitness.triage import registry, running
from bearwitness.triage.planning import plan
from bearwitness.triage.running import Report, Triage
from bearwitness.triage.work import STEP
from bearwitness.vault import keyring
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.opening import open_vault
from triaged import Triaged
from workbench import Bench, fill, run


class Inline:
    """An executor that works in this process, one lease at a time, and lets something happen after each."""

    def __init__(self, steps: dict[str, Step], meanwhile: Callable[[Lease], None]) -> None:
        self._step, self._meanwhile = steps[STEP], meanwhile
        self._lease: Lease | None = None

    @property
    def free(self) -> int:
        return int(self._lease is None)

    def submit(self, lease: Lease) -> None:
        self._lease = lease

    def collect(self, timeout: float) -> list[Ended]:
        lease, self._lease = self._lease, None
        if lease is None:
            return []
        try:
            ended = Ended(lease, self._step(lease))
        except BearwitnessError as error:  # as a worker does
            ended = Ended(lease, failure=str(error))
        self._meanwhile(lease)
        return [ended]

    def close(self) -> None:
        self._lease = None


def triage_with(bench: Triaged, meanwhile: Callable[[Lease], None]) -> Report:
    """Run triage of documents with something happening after each item."""
    return triage_by(bench, lambda steps: Inline(steps, meanwhile))


def triage_by(bench: Triaged, make: Callable[[dict[str, Step]], Inline]) -> Report:
    """Run triage of documents with this executor."""
    vault = open_vault(bench.vault)
    unlocked = keyring.unlock(vault, keyring.load_given([str(bench.anna)], str))
    ledger = Ledger(vault, unlocked)
    catalogue = Catalogue.open(vault.local / "catalogue.db", keyring.require_vault(unlocked))
    catalogue.refresh(ledger)
    deliveries = [str(delivery["delivery"]) for delivery in catalogue.deliveries()]
    made = plan(ledger, catalogue, registry.load(["document"]), deliveries, again=False)
    report = Triage(vault, unlocked, catalogue, made).run(make)
    catalogue.close()
    return report


@pytest.fixture
def ids(bench: Triaged) -> dict[str, str]:
    return {str(path): str(item["item"]) for path, item in bench.items().items()}


def once(item: str, act: Callable[[], object]) -> Callable[[Lease], None]:
    """Return what acts after the first lease of `item`."""
    left = [act]

    def meanwhile(lease: Lease) -> None:
        if lease.item == item and left:
            left.pop()()

    return meanwhile


def test_a_result_of_an_item_that_was_frozen_meanwhile_is_not_entered(
    bench: Triaged, ids: dict[str, str]
) -> None:
    item = ids["report.txt"]
    report = triage_with(bench, once(item, lambda: bench.do("freeze", "--item", item)))
    assert report.dropped == 1
    assert item not in {result["item"] for result in bench.derived()}
    assert {ids["протокол.docx"], ids["cp1251.txt"]} <= {result["item"] for result in bench.derived()}
    bench.is_clean()


def test_a_result_of_an_item_that_was_destroyed_meanwhile_is_not_entered(
    bench: Triaged, ids: dict[str, str]
) -> None:
    item = ids["report.txt"]
    report = triage_with(bench, once(item, lambda: bench.destroy(item)))
    assert report.dropped == 1
    assert not list(bench.vault.glob(f"keys/*/derived/{item}-*"))
    assert ids["протокол.docx"] in {result["item"] for result in bench.derived()}
    assert report.entered["done"] == 2, (
        "the others, whose packs were written anew, were looked at all the same"
    )
    bench.is_clean()


def test_what_somebody_else_entered_first_is_not_entered_twice(bench: Triaged, ids: dict[str, str]) -> None:
    def other_one() -> None:  # on another machine, say: this one's lock does not hold it up
        (bench.vault / "local" / "triage.lock").unlink()
        bench.triage("--only", "document")

    triage_with(bench, once(ids["report.txt"], other_one))
    bench.do("rebuild")
    derived = bench.derived()
    entered = {result["job"] for result in derived}
    assert len(bench.do("find", "prisoners")["found"]) == 1
    assert len(entered) == len(derived)


def test_who_only_looks_meanwhile_does_not_have_the_work_begun_anew(
    bench: Triaged, ids: dict[str, str], tmp_path: Path
) -> None:
    bench.triage("--only", "proxies")
    rounds: list[None] = []

    def look(lease: Lease) -> None:
        bench.do("view", tmp_path / f"seen meanwhile {lease.item}", "--item", ids["photo.jpg"])

    def make(steps: dict[str, Step]) -> Inline:
        rounds.append(None)
        return Inline(steps, look)

    report = triage_by(bench, make)
    assert report.entered["done"] == 3
    assert len(rounds) == 1


class Beside(Inline):
    """One that works on many items at once and comes to the end of `slow` last."""

    def __init__(self, steps: dict[str, Step], meanwhile: Callable[[Lease], None], slow: str) -> None:
        super().__init__(steps, meanwhile)
        self._slow, self._held = slow, list[Lease]()

    @property
    def free(self) -> int:
        return 2 * ATTEMPTS_MAX - len(self._held)

    def submit(self, lease: Lease) -> None:
        self._held.append(lease)

    def collect(self, timeout: float) -> list[Ended]:
        for lease in sorted(self._held, key=lambda each: each.item == self._slow)[:1]:
            self._held.remove(lease)
            self._lease = lease
        return super().collect(timeout)

    def close(self) -> None:
        self._held.clear()


def test_work_that_others_keep_from_ending_is_not_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_SECONDS_AT_MOST", -1.0)  # what is done is entered at once
    made = Bench(tmp_path / "bench")
    made.seal(fill(made.folder / "drive", {f"{n}.txt": b"number %d" % n for n in range(ATTEMPTS_MAX + 3)}))
    bench = Triaged(made, made.vault)
    bench.triage("--only", "probe")  # for the note
    item, keys = bench.id_of("0.txt"), ["--identity", bench.anna, "--identity", bench.ben]

    def stop_and_go(_: Lease) -> None:
        bench.do("freeze", "--item", item)
        run("thaw", "--vault", bench.vault, *keys, "--item", item, "--ground", "x").ok()

    slow = bench.id_of("1.txt")
    report = triage_by(bench, lambda steps: Beside(steps, stop_and_go, slow))
    assert report.failures == []
    assert report.entered["done"] == ATTEMPTS_MAX + 3


def test_a_run_that_somebody_stops_does_not_count_against_the_files(bench: Triaged) -> None:
    bench.triage("--only", "probe")  # for the note

    def stop(_: Lease) -> None:
        raise KeyboardInterrupt

    for _ in range(ATTEMPTS_MAX + 1):
        with pytest.raises(KeyboardInterrupt):
            triage_with(bench, stop)
    attempts: list[int] = []
    assert triage_with(bench, lambda lease: attempts.append(lease.attempt)).failures == []
    assert set(attempts) == {1}


@pytest.mark.parametrize("times_locked", [0, 2])
def test_a_machine_that_slept_or_a_vault_that_was_locked_for_hours_loses_no_work(
    bench: Triaged, monkeypatch: pytest.MonkeyPatch, times_locked: int
) -> None:
    bench.triage("--only", "probe")  # for the note
    now, left = [time.time()], [None] * times_locked
    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setattr(running, "Queue", lambda path, key: Queue(path, key, lambda: now[0]))
    monkeypatch.setattr(running, "_SECONDS_AT_MOST", -1.0)  # what is done is entered at once
    enter = Triage._commit

    def commit(triage: Triage, queue: Queue) -> None:
        if left:  # another command writes
            left.pop()
            now[0] += 3 * 3600
        else:
            enter(triage, queue)

    monkeypatch.setattr(Triage, "_commit", commit)
    attempts: list[int] = []

    def sleep(lease: Lease) -> None:
        now[0] += 3 * 3600
        attempts.append(lease.attempt)

    report = triage_with(bench, sleep)
    assert report.failures == []
    assert set(attempts) == {1}
    assert report.entered["done"] == 3
