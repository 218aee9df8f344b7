"""What is written out again is what was sealed, is entered in the log before, and leads nowhere else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from workbench import Bench, fill, run, snapshot


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    made = Bench(tmp_path_factory.mktemp("restoring"))
    source = fill(made.folder / "source", {"a.txt": b"a", "b/c.bin": 90_000, "b/d/e": b"", "z.txt": b"z"})
    os.link(source / "a.txt", source / "b/a again.txt")
    (source / "link").symlink_to("a.txt")
    (source / "b/d").chmod(0o750)
    os.utime(source / "b", ns=(7, 1_500_000_000_000_000_007))
    made.seal(source)
    return made


def test_chosen_items_alone_come_back_in_their_folders(bench: Bench, tmp_path: Path) -> None:
    items = bench.items()
    words = ["--item", items["b/c.bin"]["item"], "--item", items["z.txt"]["item"][:10]]
    said = bench.do("restore", tmp_path / "out", *words)
    assert (said["files"], said["not_restored"]) == (2, [])
    there = snapshot(bench.folder / "source")
    found = snapshot(tmp_path / "out")
    assert {name for name, told in found.items() if told[0] == "file"} == {b"b/c.bin", b"z.txt"}
    assert all(found[name] == there[name] for name in (b"b/c.bin", b"z.txt"))


def test_everything_comes_back_folders_too(bench: Bench, tmp_path: Path) -> None:
    bench.do("restore", tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(bench.folder / "source")
    assert stat.S_IMODE((tmp_path / "out/b/d").stat().st_mode) == 0o750


def test_a_second_name_whose_first_is_not_restored_is_told(bench: Bench, tmp_path: Path) -> None:
    items = bench.items()
    (second,) = [item for item in items.values() if "same_as" in item["fate"]]
    words = ["--vault", bench.vault, "--identity", bench.anna, "--item", second["item"], "--json"]
    done = run("restore", tmp_path / "out", *words).ok(3)
    assert "another name" in done.json["not_restored"][0]


def test_a_restore_is_in_the_log_unless_it_was_asked_not_to(bench: Bench, tmp_path: Path) -> None:
    item = bench.items()["z.txt"]["item"]
    bench.do("restore", tmp_path / "out", "--item", item)
    entry = bench.do("log")["entries"][-1]["fields"]
    assert (entry["kind"], entry["items"]) == ("restored", [item])
    size = len(bench.do("log")["entries"])
    bench.do("restore", tmp_path / "again", "--item", item, "--not-recorded")
    assert len(bench.do("log")["entries"]) == size


def test_nothing_is_written_over_or_into_what_is_there(bench: Bench, tmp_path: Path) -> None:
    place = fill(tmp_path / "place", {"mine.txt": b"mine"})
    before = snapshot(place)
    done = run("restore", place, "--vault", bench.vault, "--identity", bench.anna)
    assert done.code == 1
    assert snapshot(place) == before


def test_an_empty_folder_is_a_place_to_restore_to(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    bench.do("restore", tmp_path / "out")


def test_a_file_with_set_user_id_does_not_come_back_with_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "bench")
    source = fill(tmp_path / "source", {"program": b"#!/bin/sh\n"})
    (source / "program").chmod(0o4755)
    bench.seal(source)
    bench.do("restore", tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out/program").stat().st_mode) == 0o755


def test_bytes_that_are_not_those_sealed_are_not_left_behind(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "bench")
    bench.seal(fill(tmp_path / "source", {"a.bin": 200_000, "b.txt": b"b"}))
    pack = max((p for p in (bench.vault / "packs").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[100_000] ^= 1
    pack.write_bytes(data)
    done = run("restore", tmp_path / "out", "--vault", bench.vault, "--identity", bench.anna)
    assert done.code in (1, 3)
    assert not (tmp_path / "out/a.bin").exists()
    assert done.err or "a.bin" in done.out
