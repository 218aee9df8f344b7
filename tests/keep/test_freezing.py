"""A frozen item stays frozen: no way of the program shows it, copies it, hands it out or derives from it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bearwitness.catalogue.catalogue import Catalogue
from bearwitness.cli.main import VERBS
from bearwitness.errors import FrozenError, TamperedError
from bearwitness.vault import keyring
from bearwitness.vault.delivery import Record
from bearwitness.vault.freezing import FrozenItem
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.opening import open_vault
from triaged import FILES, Triaged
from workbench import Bench, fill, recipient_of, run

SECRET = b"what nobody may see" * 40


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Triaged:
    """Return a vault that was looked at, with an item and a copy of it; nobody alters it."""
    bench = Bench(tmp_path_factory.mktemp("frozen"))
    files = {**FILES, "stop.txt": SECRET, "deep/copy.txt": SECRET, "big stop.bin": SECRET * 30_000}
    drive = fill(bench.folder / "drive", files)
    (drive / "other name.txt").hardlink_to(drive / "stop.txt")
    bench.seal(drive)
    triaged = Triaged(bench, bench.vault)
    triaged.triage()
    return triaged


@pytest.fixture
def bench(looked: Triaged, tmp_path: Path) -> Triaged:
    """Return a vault of one's own in which stop.txt is frozen."""
    made = Triaged(looked, Path(shutil.copytree(looked.vault, tmp_path / "vault")))
    made.frozen = made.do("freeze", "--item", made.id_of("stop.txt"))
    return made


def keys(bench: Triaged) -> list[object]:
    return ["--identity", bench.anna, "--identity", bench.ben]


def assert_frozen(bench: Triaged, vault: Path | None = None) -> None:
    """No route of the program to the item is open in `vault`."""
    place = vault or bench.vault
    items = bench.items(vault=place)
    frozen = {path for path, item in items.items() if item["frozen"]}
    assert frozen == {"stop.txt", "deep/copy.txt", "other name.txt"}
    opened = open_vault(place)
    ledger = Ledger(opened, keyring.unlock(opened, keyring.load_given([str(bench.anna)], str)))
    for record in ledger.deliveries():
        delivery = ledger.open_delivery(record.delivery)
        for line in delivery.all_lines():
            if (
                isinstance(line, Record)
                and line.path.decode() in ("stop.txt", "deep/copy.txt")
                and line.extents
            ):
                with pytest.raises(FrozenError):
                    list(delivery.content(line))


def test_freezing_takes_along_every_copy_and_locks_what_was_derived(looked: Triaged, bench: Triaged) -> None:
    assert looked.found("nobody may see") == {"stop.txt"} or looked.found("nobody may see") == {
        "deep/copy.txt"
    }
    assert len(bench.frozen["frozen"]) == 3
    assert bench.frozen["derivatives_locked"] == 1
    assert bench.found("nobody may see") == set()
    assert bench.found("--kind", "document") & {"stop.txt", "deep/copy.txt"} == set()
    assert_frozen(bench)
    bench.is_clean()


def test_nobody_is_asked_to_approve_it(bench: Triaged, tmp_path: Path) -> None:
    fixed = ["--profile", "court", "--recipient", "The court", "--purpose", "prosecution", "--minimum", 1]
    for path in ("stop.txt", "deep/copy.txt"):
        item = bench.id_of(path)
        words = ["--item", item, "--nobody", item, "--vault", bench.vault, "--identity", bench.anna]
        done = run("request", tmp_path / "request", *fixed, *words)
        assert done.code == 1
        assert "frozen" in done.err
        assert not (tmp_path / "request").exists()


def test_it_stays_frozen_through_a_rebuilt_catalogue(bench: Triaged) -> None:
    bench.do("rebuild")
    assert_frozen(bench)
    assert bench.found("nobody may see") == set()


def test_it_is_not_restored_by_name_and_left_out_and_told_otherwise(bench: Triaged, tmp_path: Path) -> None:
    item = bench.id_of("stop.txt")
    refused = run(
        "restore", tmp_path / "one", "--vault", bench.vault, "--identity", bench.anna, "--item", item
    )
    assert refused.code == 1
    assert "frozen" in refused.err
    words = ["restore", tmp_path / "all", "--vault", bench.vault, "--identity", bench.anna, "--json"]
    done = run(*words).ok(3)
    assert sorted(line for line in done.json["not_restored"] if "frozen" in line) == [
        "deep/copy.txt: it is frozen", "other name.txt: it is frozen", "stop.txt: it is frozen",
    ]  # fmt: skip
    for path in (tmp_path / "all").rglob("*"):
        assert path.is_dir() or SECRET[:100] != path.read_bytes()[:100] or path.name == "big stop.bin"


@pytest.mark.parametrize("path", ["stop.txt", "deep/copy.txt"])
def test_it_is_not_released(bench: Triaged, tmp_path: Path, path: str) -> None:
    words = ["--vault", bench.vault, "--identity", bench.anna, "--item", bench.id_of(path)]
    refused = run("release", tmp_path / "release", *words)
    assert refused.code == 1
    assert "frozen" in refused.err
    assert not (tmp_path / "release").exists()


def test_it_is_not_destroyed_before_two_have_thawed_it(bench: Triaged) -> None:
    words = ["--vault", bench.vault, *keys(bench), "--item", bench.id_of("stop.txt"), "--ground", "x"]
    refused = run("destroy", *words, "--leave-copies")
    assert refused.code == 1
    assert "frozen" in refused.err
    assert_frozen(bench)


def test_it_is_not_looked_at_again_and_copies_that_come_in_later_freeze_too(
    bench: Triaged, tmp_path: Path
) -> None:
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "again.txt").write_bytes(SECRET)
    bench.seal(tmp_path / "later")
    said = run("list", "--vault", bench.vault, "--identity", bench.anna).ok().err
    assert f"WARNING: item {bench.id_of('again.txt')} is not frozen and holds the bytes" in said
    before = len(bench.derived())
    report = bench.triage("--again")
    assert report["late"] == 1
    assert bench.items()["again.txt"]["frozen"]
    frozen = {item["item"] for item in bench.items().values() if item["frozen"]}
    assert not {result["item"] for result in bench.derived()[before:]} & frozen


def test_a_mirror_does_not_hold_it_and_one_that_held_it_loses_it(looked: Triaged, tmp_path: Path) -> None:
    bench = Triaged(looked, Path(shutil.copytree(looked.vault, tmp_path / "vault")))
    mirror = tmp_path / "mirror"
    bench.do("mirror", mirror)
    held = {path.name for path in (mirror / "packs").rglob("*") if path.is_file()}
    bench.do("freeze", "--item", bench.id_of("stop.txt"))
    frozen = [
        FrozenItem.decode(p.read_bytes(), f"frozen/{p.name}") for p in (bench.vault / "frozen").iterdir()
    ]
    packs = {name for item in frozen for name in item.packs}
    bench.do("mirror", mirror)
    now = {path.name for path in (mirror / "packs").rglob("*") if path.is_file()}
    assert packs
    assert not packs & now
    assert held - now, "the packs that held it before are gone"
    bench.is_clean(mirror)
    assert_frozen(bench, mirror)
    others = bench.items().keys() - {"stop.txt", "deep/copy.txt", "other name.txt"}
    out = tmp_path / "out"
    run("restore", out, "--vault", mirror, "--identity", bench.anna, "--not-recorded", "--json").ok(3)
    assert {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()} == others


def test_a_mirror_that_lacks_anything_else_is_not_whole(bench: Triaged, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    bench.do("mirror", mirror)
    max((p for p in (mirror / "packs").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size).unlink()
    assert run("check", "--vault", mirror, "--json").code == 1
    marks = [(path.read_bytes(), f"frozen/{path.name}") for path in (bench.vault / "frozen").iterdir()]
    name = next(packs[0] for packs in (FrozenItem.decode(*mark).packs for mark in marks) if packs)
    (bench.vault / "packs" / name[:2] / name).unlink()
    assert run("check", "--vault", bench.vault, "--json").code == 1, (
        "in the vault itself it must not be missing"
    )


@pytest.mark.parametrize("harm", ["gone", "emptied", "of another item"])
def test_who_tampers_with_the_mark_thaws_nothing(bench: Triaged, harm: str) -> None:
    first, second, *_ = sorted((bench.vault / "frozen").iterdir())
    if harm == "gone":
        first.unlink()
    else:
        first.write_bytes(second.read_bytes() if harm == "of another item" else b"")
    vault = open_vault(bench.vault)
    with pytest.raises(TamperedError):
        Ledger(vault, keyring.unlock(vault, keyring.load_given([str(bench.anna)], str)))
    assert run("mirror", bench.vault.parent / "m", "--vault", bench.vault).code == 1


def test_rotating_keys_thaws_nothing(bench: Triaged) -> None:
    bench.do(
        "keys", "rotate", "--recipient", recipient_of(bench.anna), "--recipient", recipient_of(bench.ben)
    )
    assert_frozen(bench)
    bench.is_clean()


def test_one_keeper_freezes_and_two_thaw_with_a_ground_that_stands_in_the_log(bench: Triaged) -> None:
    item = bench.id_of("stop.txt")
    words = ["--vault", bench.vault, "--item", item, "--ground", "the lawyer says so", "--json"]
    refused = run("thaw", *words, "--identity", bench.anna)
    assert refused.code == 1
    assert "two people" in refused.err
    assert_frozen(bench)
    said = run("thaw", *words, *keys(bench)).ok().json
    assert set(said["still_frozen"]) == {bench.id_of("deep/copy.txt"), bench.id_of("other name.txt")}
    assert not bench.items()["stop.txt"]["frozen"]
    assert bench.items()["deep/copy.txt"]["frozen"], "each is thawed by name"
    (thawed,) = [e["fields"] for e in bench.do("log")["entries"] if e["fields"]["kind"] == "thawed"]
    assert thawed["ground"] == "the lawyer says so"
    assert len(thawed["keepers"]) == 2
    bench.is_clean()


def test_what_is_thawed_is_as_it_was(bench: Triaged, tmp_path: Path) -> None:
    for item in bench.frozen["frozen"]:
        run("thaw", "--vault", bench.vault, *keys(bench), "--item", item, "--ground", "no minor").ok()
    assert bench.found("nobody may see")
    run("restore", tmp_path / "out", "--vault", bench.vault, "--identity", bench.anna).ok()
    assert (tmp_path / "out" / "stop.txt").read_bytes() == SECRET
    assert (tmp_path / "out" / "other name.txt").read_bytes() == SECRET
    bench.is_clean()


def test_the_lawyers_task_holds_the_dated_rules_and_can_be_edited(bench: Triaged, tmp_path: Path) -> None:
    (task,) = bench.do("freeze", "--tasks")["tasks"]
    assert len(task["items"]) == 3
    assert task["task"]["checked"] == "never"
    rules = bench.vault / "local" / "jurisdictions.toml"
    utopia = {"checked": "2026-11-01", "sources": "law 1", "preserve": "30 days", "report": "court"}
    lines = [f"{name} = '{value}'" for name, value in {**utopia, "surrender": "keys"}.items()]
    rules.write_text("\n".join(["[utopia]", *lines]))
    words = ["freeze", "--vault", bench.vault, "--identity", bench.anna, "--item", bench.id_of("report.txt")]
    assert run(*words, "--jurisdiction", "france").code == 2
    assert run(*words, "--jurisdiction", "utopia").ok().err == ""
    tasks = bench.do("freeze", "--tasks")["tasks"]
    assert tasks[1]["task"] == {
        "checked": "2026-11-01", "preserve": "30 days", "report": "court", "rules": "utopia (law 1)",
        "surrender": "keys",
    }  # fmt: skip
    rules.write_text("[utopia]\nchecked='2026-11-01'\n")
    assert run(*words, "--jurisdiction", "utopia").code == 1


def test_no_verb_that_reads_items_was_forgotten_here() -> None:
    """Whoever adds a verb adds it here, and to the tests above if it shows or copies what is in items."""
    reads = {"restore", "release", "request", "mirror", "triage", "find", "similar", "destroy"}
    reads |= {"clocks", "redact", "repair", "still", "view"}  # tested in tests/triage, redact, disclose
    reads |= {"redo", "trace"}  # tests/redact/test_items.py, tests/redact/test_marked_copies.py
    reads |= {"faces"}  # tests/triage/test_facegroups.py
    never = (
        "init kit seal import list log check rebuild stamp cosign keys freeze thaw authorise people risk "
        "approve consent receipt export"
    )
    assert reads | set(never.split()) == VERBS.keys()


def test_a_catalogue_kept_in_memory_knows_what_is_frozen(bench: Triaged) -> None:
    vault = open_vault(bench.vault)
    ledger = Ledger(vault, keyring.unlock(vault, keyring.load_given([str(bench.anna)], str)))
    catalogue = Catalogue.in_memory("vault")
    catalogue.refresh(ledger)
    assert all(catalogue.is_frozen(item) for item in bench.frozen["frozen"])
    catalogue.close()
