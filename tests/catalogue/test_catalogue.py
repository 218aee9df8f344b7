"""The catalogue is a projection: encrypted, thrown away and built again to the same rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bearwitness.catalogue.catalogue import Catalogue
from bearwitness.crypto import age
from bearwitness.errors import UsageError
from bearwitness.vault import keyring
from bearwitness.vault.opening import open_vault_proper
from workbench import Bench, fill, run

MARK = b"MARK-OF-A-NAME"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path / "bench")
    files: dict[str, bytes | int] = {f"{MARK.decode()}.txt": b"one", "b/c.bin": 5000, "d.txt": b"d"}
    made.seal(fill(made.folder / "source", files), "--note", "a NOTE-MARK")
    made.items()
    return made


def database(bench: Bench) -> Path:
    return bench.vault / "local/catalogue.db"


def dump(bench: Bench) -> list[str]:
    vault = open_vault_proper(bench.vault)
    unlocked = keyring.unlock(vault, keyring.load_given([str(bench.anna)], input))
    catalogue = Catalogue.open(database(bench), keyring.require_vault(unlocked))
    rows = catalogue.dump()
    catalogue.close()
    return rows


def test_rebuilt_it_is_the_same(bench: Bench) -> None:
    bench.seal(fill(bench.folder / "more", {"e.txt": b"e"}))
    bench.destroy(bench.items()["d.txt"]["item"])
    bench.items()
    before = dump(bench)
    assert len(before) > 6
    said = bench.do("rebuild")
    assert (said["deliveries"], said["items"], said["tombstones"]) == (2, 3, 1)
    assert dump(bench) == before


def test_it_follows_the_log_step_by_step_as_if_it_had_been_built_at_once(bench: Bench) -> None:
    for number in range(3):
        bench.seal(fill(bench.folder / f"s{number}", {f"{number}.txt": b"%d" % number}))
        bench.items()
    stepwise = dump(bench)
    bench.do("rebuild")
    assert dump(bench) == stepwise


@pytest.mark.parametrize("harm", ["removed", "cut", "noise", "another vault's", "empty"])
def test_whatever_becomes_of_the_file_nothing_is_lost(bench: Bench, tmp_path: Path, harm: str) -> None:
    before, path = dump(bench), database(bench)
    data = path.read_bytes()
    if harm == "removed":
        path.unlink()
    elif harm == "another vault's":
        other = Bench(tmp_path / "other")
        other.seal(fill(tmp_path / "others", {"x": b"x"}))
        other.items()
        path.write_bytes(database(other).read_bytes())
    else:
        path.write_bytes({"cut": data[: len(data) // 2], "noise": bytes(len(data)), "empty": b""}[harm])
    first = run("list", "--vault", bench.vault, "--identity", bench.anna)
    assert first.code == 0 or "nothing is lost" in first.err
    assert len(bench.items()) == 3
    assert dump(bench) == before


def test_nothing_in_it_can_be_read_without_the_key(bench: Bench) -> None:
    everything = b"".join(p.read_bytes() for p in (bench.vault / "local").rglob("*") if p.is_file())
    for mark in (MARK, b"NOTE-MARK", b"SQLite format", b"CREATE TABLE", b"b/c.bin"):
        assert mark not in everything


def test_a_dump_names_its_columns(bench: Bench) -> None:
    tables = {json.loads(row)["table"] for row in dump(bench)}
    assert tables == {"meta", "deliveries", "items"}


def test_an_item_is_found_by_the_beginning_of_its_id_if_it_is_one_alone(bench: Bench, tmp_path: Path) -> None:
    vault = open_vault_proper(bench.vault)
    identity = keyring.require_vault(keyring.unlock(vault, keyring.load_given([str(bench.anna)], input)))
    catalogue = Catalogue.open(database(bench), identity)
    item = bench.items()["d.txt"]["item"]
    assert catalogue.find(item).path == catalogue.find(item[:8].upper()).path == b"d.txt"
    for wrong in (item[:5], "", "not hex!", "0" * 32, item + "0"):
        with pytest.raises(UsageError):
            catalogue.find(wrong)
    catalogue.close()


def test_what_source_keepers_see_leaves_no_trace(bench: Bench) -> None:
    catalogue = Catalogue.in_memory("source")
    assert list(catalogue.items()) == []
    catalogue.close()
    assert [path.name for path in (bench.vault / "local").glob("catalogue*")] == ["catalogue.db"]


def test_a_catalogue_opened_with_another_key_is_built_anew(bench: Bench) -> None:
    catalogue = Catalogue.open(database(bench), age.Identity.generate())
    assert catalogue.deliveries() == []
    catalogue.close()
    assert len(bench.items()) == 3


def test_where_a_new_one_can_not_be_built_the_old_one_still_shows_what_is_left(
    bench: Bench, tmp_path: Path
) -> None:
    other = bench.seal(fill(bench.folder / "more", {"e.txt": b"e"}))["delivery"]
    before = bench.items()
    lost = next(d["delivery"] for d in bench.do("list")["deliveries"] if d["delivery"] != other)
    described = json.loads((bench.vault / f"deliveries/{lost}.json").read_bytes())
    manifest = described["parts"][0]["manifest"]
    (bench.vault / f"packs/{manifest[:2]}/{manifest}").unlink()
    done = run("rebuild", "--vault", bench.vault, "--identity", bench.anna)
    assert done.code == 1
    assert manifest in done.err
    assert bench.items() == before
    words = ["--vault", bench.vault, "--identity", bench.anna, "--delivery", other, "--not-recorded"]
    run("restore", tmp_path / "out", *words).ok()
    assert (tmp_path / "out/e.txt").read_bytes() == b"e"
