"""What others do to the vault while triage runs counts at once: the stop key, destruction, their results."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bearwitness.catalogue.catalogue import Catalogue
from bearwitness.errors import BearwitnessError
from bearwitness.jobs.executor import Step
from bearwitness.jobs.model import Ended, Lease
from bearwitness.triage import registry
from bearwitness.triage.planning import plan
from bearwitness.triage.running import Report, Triage
from bearwitness.triage.work import STEP
from bearwitness.vault import keyring
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.opening import open_vault
from triaged import Triaged


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
    vault = open_vault(bench.vault)
    unlocked = keyring.unlock(vault, keyring.load_given([str(bench.anna)], str))
    ledger = Ledger(vault, unlocked)
    catalogue = Catalogue.open(vault.local / "catalogue.db", keyring.require_vault(unlocked))
    catalogue.refresh(ledger)
    deliveries = [str(delivery["delivery"]) for delivery in catalogue.deliveries()]
    made = plan(ledger, catalogue, registry.load(["document"]), deliveries, again=False)
    report = Triage(vault, unlocked, catalogue, made).run(lambda steps: Inline(steps, meanwhile))
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
