"""Faces are grouped only where two people allowed it for a case, and no longer than they allow it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bearwitness.errors import RefusedError
from bearwitness.triage.analyser import VIDEO, Analyser, Analysis, Material
from bearwitness.triage.planning import plan
from bearwitness.vault import keyring
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.opening import open_vault
from workbench import Bench, fill, run


class Grouping(Analyser):
    """An analyser that needs what this is about."""

    name = "grouping"
    version = "1"
    kinds = frozenset({VIDEO})
    needs_authorisation = True

    def begin(self, material: Material) -> Analysis:
        raise AssertionError("it must not come to this")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.seal(fill(tmp_path / "drive", {"a": b"1"}))
    made.seal(fill(tmp_path / "other", {"b": b"2"}))
    return made


@pytest.fixture
def ask(bench: Bench) -> Callable[[str], None]:
    """Return a function that plans the grouping of a delivery."""
    from bearwitness.catalogue.catalogue import Catalogue

    def asking(delivery: str) -> None:
        vault = open_vault(bench.vault)
        ledger = Ledger(vault, keyring.unlock(vault, keyring.load_given([str(bench.anna)], str)))
        catalogue = Catalogue.in_memory("vault")
        catalogue.refresh(ledger)
        plan(ledger, catalogue, [Grouping()], [delivery], again=False)

    return asking


def authorise(bench: Bench, *words: object, two: bool = True) -> int:
    keys = ["--identity", bench.anna, *(["--identity", bench.ben] if two else [])]
    return run(
        "authorise", "--vault", bench.vault, *keys, "--case", "block 4", "--ground", "needed", *words
    ).code


def test_it_is_off_until_two_allow_it_for_that_delivery_and_off_again_when_they_end_it(
    bench: Bench, ask: Callable[[str], None]
) -> None:
    first, second = (d["delivery"] for d in bench.do("list")["deliveries"])
    with pytest.raises(RefusedError, match="no two people"):
        ask(first)
    assert authorise(bench, "--delivery", first, two=False) == 1
    with pytest.raises(RefusedError, match="no two people"):
        ask(first)
    assert authorise(bench, "--delivery", first) == 0
    ask(first)
    with pytest.raises(RefusedError, match="no two people"):
        ask(second)
    assert authorise(bench, "--end", two=False) == 0
    with pytest.raises(RefusedError, match="no two people"):
        ask(first)


def test_it_stands_in_the_log_with_case_ground_and_both_keepers(bench: Bench) -> None:
    (delivery, _) = (d["delivery"] for d in bench.do("list")["deliveries"])
    assert authorise(bench, "--delivery", delivery[:8]) == 0
    entry = bench.do("log")["entries"][-1]["fields"]
    assert entry["kind"] == "grouping-authorised"
    assert (entry["case"], entry["ground"], entry["deliveries"]) == ("block 4", "needed", [delivery])
    assert len(entry["keepers"]) == 2


def test_a_delivery_that_is_not_there_is_refused(bench: Bench) -> None:
    assert authorise(bench, "--delivery", "ffffff") == 1
    assert authorise(bench) == 2
