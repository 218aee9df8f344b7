"""What is written out again is what was sealed, is entered in the log before, and leads nowhere else."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from bearwitness.keep.restoring import Restorer
from bearwitness.vault.delivery import Folder
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


def test_a_disk_that_keeps_no_rights_of_files_gets_the_files_and_that_is_told_once(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems in user space or over a network refuse to set any."""

    def refusing(file: int, mode: int) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "fchmod", refusing)
    done = run("restore", tmp_path / "out", "--vault", bench.vault, "--identity", bench.anna, "--json").ok(3)
    monkeypatch.undo()
    assert [told for told in done.json["not_restored"] if "rights of files" not in told] == []
    assert len(done.json["not_restored"]) == 1
    there, found = (snapshot(place) for place in (bench.folder / "source", tmp_path / "out"))
    assert {name: told[:3] for name, told in found.items()} == {n: told[:3] for n, told in there.items()}


def test_what_is_restored_is_for_its_owner_alone_whatever_the_umask_says(
    bench: Bench, tmp_path: Path
) -> None:
    before = os.umask(0)
    try:
        bench.do("restore", tmp_path / "out")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700


def test_a_folder_that_can_not_be_made_costs_itself_alone(tmp_path: Path) -> None:
    restorer = Restorer(tmp_path / "out", lambda done: None)
    (tmp_path / "out/taken").write_bytes(b"a file, or on a disk without capitals another folder's")
    names = [b"taken", b"../out of it", b"fine"]
    restorer.folders([Folder(name, 0o750, 1_500_000_000) for name in names], b"")
    problems = restorer.finish().problems
    assert [problem.partition(":")[0] for problem in problems] == ["taken", "../out of it"]
    assert stat.S_IMODE((tmp_path / "out/fine").stat().st_mode) == 0o750
    assert not (tmp_path / "out of it").exists()


def test_names_that_a_disk_does_not_take_use_nothing_up(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAT has no folder with a colon in its name; a thousand files in one left no descriptors."""
    make = os.mkdir

    def mkdir(path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        if path == b"b":
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        make(path, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", mkdir)
    before = len(os.listdir("/proc/self/fd"))
    done = run("restore", tmp_path / "out", "--vault", bench.vault, "--identity", bench.anna, "--json").ok(3)
    assert len(os.listdir("/proc/self/fd")) == before
    assert {told.partition(":")[0] for told in done.json["not_restored"]} >= {"b/c.bin", "b/d/e", "b", "b/d"}
    assert (tmp_path / "out/z.txt").read_bytes() == b"z"
