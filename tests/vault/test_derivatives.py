"""Derivatives come back byte for byte, from one pack or several, and only under the item they are of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bearwitness.errors import MalformedError, TamperedError
from bearwitness.store.packs import PACK_BYTES
from bearwitness.vault import derivatives, keyring
from bearwitness.vault.change import Change
from bearwitness.vault.derivatives import Derivation, files_by_item, is_derived, key_path, next_numbers, put
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.opening import open_vault
from bearwitness.vault.vault import Vault
from workbench import Bench

Copy = Callable[[], Path]
ITEM = "ab" * 16
FILES = {"result.json": b"{}", "long.bin": bytes(range(256)) * 70_000, "empty": b""}


def derivation(job: str, files: dict[str, bytes]) -> Derivation:
    return Derivation(job, "kind", "tool", "1", None, {}, {"utc": "now"}, "done", files=files)


def entered(made: Bench, vault: Vault, results: list[Derivation], item: str = ITEM) -> tuple[Ledger, str]:
    """Enter results in the log; return the ledger afterwards and the path of their key file."""
    ledger = Ledger(vault, keyring.unlock(vault, keyring.load_given([str(made.anna)], str)))
    (record,) = ledger.deliveries()
    with vault.writing():
        change = Change(vault)
        number = next_numbers(vault.log.effects()).get((record.delivery, item), 0)
        fields, effect = put(change, ledger.open_delivery(record.delivery), item, number, results)
        change.commit_entries([vault.entry(fields, effect)])
    after = Ledger(vault, keyring.unlock(vault, keyring.load_given([str(made.anna)], str)))
    return after, key_path(record.delivery, item, number)


def test_files_come_back_whole_and_by_ranges_from_several_packs(made: Bench, copy: Copy) -> None:
    vault = open_vault(copy())
    ledger, path = entered(made, vault, [derivation("one", FILES), derivation("two", {"a": b"second"})])
    (record,) = ledger.deliveries()
    derived = ledger.open_derived(ledger.open_delivery(record.delivery), path)
    assert len(FILES["long.bin"]) > 2 * PACK_BYTES
    assert len(derived.packs) == 3
    for name, data in FILES.items():
        assert derived.read("one", name) == data
        assert derived.size("one", name) == len(data)
    assert derived.read("two", "a") == b"second"
    at = PACK_BYTES - 100
    assert derived.read_range("one", "long.bin", at, 500) == FILES["long.bin"][at : at + 500]
    assert derived.read_range("one", "long.bin", len(FILES["long.bin"]) - 3, 500) == FILES["long.bin"][-3:]
    with pytest.raises(KeyError):
        derived.read("one", "nothing")
    assert derived.digests["two"] == derivation("two", {"a": b"second"}).to_json()["digest"]


def test_a_number_is_never_used_twice_and_what_belongs_to_an_item_is_known_without_keys(
    made: Bench, copy: Copy
) -> None:
    vault = open_vault(copy())
    paths = [entered(made, vault, [derivation(f"j{n}", {"a": b"x"})])[1] for n in range(3)]
    assert len(set(paths)) == 3
    ((key, files),) = files_by_item(vault.log.effects()).items()
    assert key[1] == ITEM
    assert sorted(files) == paths
    assert all(len(packs) == 1 for packs in files.values())
    assert [is_derived(effect) for effect in vault.log.effects()][-4:] == [False, True, True, True]


def test_a_key_file_put_in_the_place_of_another_items_is_refused(made: Bench, copy: Copy) -> None:
    vault = open_vault(copy())
    _, mine = entered(made, vault, [derivation("one", {"a": b"x"})])
    ledger, other = entered(made, vault, [derivation("two", {"a": b"y"})], item="cd" * 16)
    (record,) = ledger.deliveries()
    opened = ledger.open_delivery(record.delivery)
    with pytest.raises(TamperedError, match="not those of the item"):
        derivatives.OpenDerived(opened, other, vault.store.read(mine))
    vault.store.write(other, vault.store.read(mine))
    with pytest.raises(TamperedError):
        ledger.open_derived(opened, other)


@pytest.mark.parametrize("name", ["../up", "", "UPPER", "a/b", ".hidden", "x" * 101])
def test_names_of_files_are_plain(name: str) -> None:
    with pytest.raises(MalformedError):
        derivation("j", {name: b""}).to_json()


def test_outcomes_are_those_of_the_document_and_a_reason_is_cut() -> None:
    with pytest.raises(MalformedError):
        Derivation("j", "k", "t", "1", None, {}, {}, "perhaps").to_json()
    told = Derivation("j", "k", "t", "1", None, {}, {}, "failed", "why " * 1000).to_json()
    assert len(str(told["reason"])) == derivatives.REASON_LENGTH_MAX
