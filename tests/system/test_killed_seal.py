"""kill -9 at any instant of sealing: what was acknowledged is there, the same command goes on."""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from killing import Killed, dying_run, operations

from bearwitness.seal.part import unpack_marks
from bearwitness.seal.walk import walk
from workbench import (
    SEED,
    Bench,
    children_of,
    fill,
    is_gone,
    kill,
    run,
    scaled,
    snapshot,
    start,
    wait_until,
    wav,
)

KILLS = scaled(16, 160)  # of sealing with many small parts; the rest is killed from outside
KILLS_OUTSIDE = scaled(4, 40)
SMALL = 4


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("killed"))


@pytest.fixture(scope="module")
def drive(bench: Bench) -> Path:
    """Return a source with every kind of file there is to lose."""
    small: dict[str, bytes | int] = {f"d{i % 3}/f{i}": 311 * i for i in range(25)}
    source = fill(bench.folder / "drive", {**small, "big": 450_000, "mid": 150_000, "s.wav": wav(1.0)})
    (source / "d0" / "new\nline").write_bytes(b"a name of two lines")
    (source / os.fsdecode(b"\xff\xfe")).write_bytes(b"a name that is no text")
    (source / "hollow").mkdir()
    (source / "link").symlink_to("nowhere")
    os.link(source / "big", source / "d1" / "the same as big")
    return source


@pytest.fixture(scope="module")
def total(bench: Bench, drive: Path) -> int:
    """Return how many changes to a disk the sealing of the drive makes."""
    counted = copy(bench.vault, bench.folder / "count.v")
    return operations(bench.folder, "seal", drive, "--vault", counted, small=SMALL)


def acknowledged_names(vault: Path, source: Path, count: int) -> list[bytes]:
    """Return the names of the first `count` items in the journal of the one unfinished run."""
    (folder,) = [path.parent for path in (vault / "runs").glob("[!.]*/key")]
    lines = (folder / "journal").read_bytes().split(b"\n")[:-1]
    marks = [m for line in lines for m in unpack_marks(base64.b64decode(json.loads(line)["marks"]))]
    key = (folder / "key").read_bytes()
    by_tag = {found.tag: found.path for found in walk(os.fsencode(source), key, frozenset())}
    assert len(marks) >= count, "what was acknowledged is not in the journal"
    return [by_tag[mark.tag] for mark in marks[:count]]


def copy(tree: Path, to: Path) -> Path:
    subprocess.run(["cp", "-a", tree, to], check=True)
    return to


def judge(bench: Bench, vault: Path, source: Path, killed: Killed, *, delete: bool) -> None:
    """Check the vault, go on, restore: all that was acknowledged is there, and all else, once."""
    whole = snapshot(source)
    bench.is_clean(vault)
    unfinished = {path.parent.name for path in (vault / "runs").glob("[!.]*/key")}
    if not unfinished and list((vault / "deliveries").glob("*") if (vault / "deliveries").exists() else []):
        assert bench.items(vault=vault).keys() == expected_items(whole), "sealed, and not all is there"
        return
    if delete and killed.acknowledged and unfinished:
        names = acknowledged_names(vault, source, killed.acknowledged)
        links = {path for path in names if os.lstat(os.path.join(os.fsencode(source), path)).st_nlink > 1}
        for name in names:
            if len(links) != 1 or name not in links:  # its other name would change with it
                os.unlink(os.path.join(os.fsencode(source), name))
    sealed = bench.seal(source, vault=vault)
    if killed.acknowledged:
        assert unfinished == {sealed["delivery"]}, "the same command began anew"
        assert sealed["resumed"]
    assert not list((vault / "runs").glob("[!.]*")), "a run is left"
    items = bench.items(vault=vault)
    assert items.keys() == expected_items(whole)
    assert sealed["items"] == len(items)
    assert sum(i["bytes"] or 0 for i in items.values() if "same_as" not in i["fate"]) == sealed["bytes"]
    bench.is_clean(vault)
    out = vault.with_name(vault.name + ".out")
    bench.do("restore", out, vault=vault)
    compare(snapshot(out), whole, deleted=delete)


def expected_items(whole: dict[bytes, tuple[object, ...]]) -> set[str]:
    return {os.fsdecode(name) for name, what in whole.items() if what[0] != "folder"}


def compare(
    got: dict[bytes, tuple[object, ...]], wanted: dict[bytes, tuple[object, ...]], *, deleted: bool
) -> None:
    """Compare what was restored with the source; `deleted`: not times of folders and links."""
    assert got.keys() == wanted.keys()
    for name, what in wanted.items():
        if what[0] == "file" and deleted:
            assert got[name][:4] == what[:4], name
        elif what[0] == "file" or not deleted:
            assert got[name] == what, name


@pytest.mark.parametrize("number", range(KILLS))
def test_a_kill_at_any_change_to_the_disk_loses_nothing_that_was_acknowledged(
    bench: Bench, drive: Path, total: int, tmp_path: Path, number: int
) -> None:
    generator = random.Random(SEED + number)
    source = copy(drive, tmp_path / "drive")
    at, who = generator.randint(1, total), ("group", "self", "parent")[number % 3]
    killed = Killed(0, "", "")
    while killed.code == 0:  # how many things are done depends a little on which worker is faster
        vault = copy(bench.vault, tmp_path / f"vault{at}")
        killed = dying_run("seal", source, "--vault", vault, at=at, who=who, small=SMALL)
        at -= 5
    judge(bench, vault, source, killed, delete=generator.random() < 0.6)


def test_a_kill_again_and_again_ends_with_one_delivery_that_holds_everything(
    bench: Bench, drive: Path, tmp_path: Path
) -> None:
    source, vault = copy(drive, tmp_path / "drive"), copy(bench.vault, tmp_path / "vault")
    whole, generator = snapshot(source), random.Random(SEED)
    kills, killed = 0, Killed(1, "", "")
    while killed.code != 0:
        at = generator.randint(60, 130)
        killed = dying_run("seal", source, "--vault", vault, at=at, who="group", small=SMALL)
        kills += killed.was_killed
        bench.is_clean(vault)
        assert kills < 100, "it does not come nearer to the end"
        if bench.items(vault=vault):  # killed after the end: one more run would be one more delivery
            break
    assert kills >= 2
    assert bench.items(vault=vault).keys() == expected_items(whole)
    bench.do("restore", tmp_path / "out", vault=vault)
    compare(snapshot(tmp_path / "out"), whole, deleted=False)


@pytest.mark.parametrize("number", range(KILLS_OUTSIDE))
def test_the_command_as_installed_killed_from_outside_goes_on(
    bench: Bench, tmp_path: Path, number: int
) -> None:
    generator = random.Random(SEED + number)
    source = fill(tmp_path / "drive", {f"f{i:02}": 8_500_000 for i in range(6)}, seed=number)
    vault = copy(bench.vault, tmp_path / "vault")
    process = start("seal", source, "--vault", vault)
    parts = generator.randrange(5)
    wait_until(
        lambda: process.poll() is not None or lines_in_journal(vault) >= parts, f"{parts} parts are stored"
    )
    others = children_of(process.pid)
    done = kill(process)
    wait_until(lambda: all(map(is_gone, others)), "workers and zygote were gone")
    judge(bench, vault, source, Killed(done.code, done.out, done.err), delete=True)


def lines_in_journal(vault: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in (vault / "runs").glob("[!.]*/journal"))


def test_a_second_seal_of_the_same_source_is_a_delivery_of_its_own(
    bench: Bench, drive: Path, tmp_path: Path
) -> None:
    vault = copy(bench.vault, tmp_path / "vault")
    first, second = bench.seal(drive, vault=vault), bench.seal(drive, vault=vault)
    assert not second["resumed"]
    assert first["delivery"] != second["delivery"]
    assert first["root"] != second["root"]
    assert (first["items"], first["bytes"]) == (second["items"], second["bytes"])


def test_a_journal_cut_by_a_power_failure_anywhere_after_what_was_acknowledged_is_taken_up(
    bench: Bench, drive: Path, tmp_path: Path
) -> None:
    vault = copy(bench.vault, tmp_path / "vault")
    killed = dying_run("seal", drive, "--vault", vault, at=200, who="group", small=SMALL)
    (journal,) = (vault / "runs").glob("[!.]*/journal")
    data = journal.read_bytes()
    ends = [at + 1 for at, byte in enumerate(data) if byte == 10]
    assert killed.was_killed
    assert len(ends) > 3
    generator = random.Random(SEED)
    torn = [ends[-1] + extra for extra in (1, 30)] + generator.sample(range(ends[-1]), scaled(4, 40))
    for number, length in enumerate(torn):
        again = copy(vault, tmp_path / f"torn{number}")
        line = data + data[:40] if length > ends[-1] else data
        (again / journal.relative_to(vault)).write_bytes(line[:length])
        sealed = bench.seal(drive, vault=again)
        assert bench.items(vault=again).keys() == expected_items(snapshot(drive))
        assert sealed["delivery"] == journal.parent.name
        bench.is_clean(again)
        shutil.rmtree(again)


def test_a_worker_that_dies_is_told_of_and_the_same_command_goes_on(bench: Bench, tmp_path: Path) -> None:
    source = fill(tmp_path / "drive", {f"f{i}": 9_000_000 for i in range(4)})
    vault = copy(bench.vault, tmp_path / "vault")
    killed = dying_run("seal", source, "--vault", vault, at=40, who="self")
    assert killed.code in (1, -9)
    if killed.code == 1:
        assert "a worker process was killed" in killed.err
        assert "run the command again" in killed.err
    assert bench.seal(source, vault=vault)["items"] == 4
    run("check", "--vault", vault).ok()
