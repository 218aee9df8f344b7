"""A mirror is the vault's ciphertext elsewhere: resumable, checked, never overwritten by an older one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from bearwitness.keep import mirroring
from bearwitness.vault.opening import open_vault_proper
from workbench import Bench, fill, run, snapshot


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path / "bench")
    made.seal(fill(made.folder / "source", {"a.txt": b"a", "b/c.bin": 9000}))
    return made


def test_a_mirror_checks_clean_restores_and_can_not_be_written(bench: Bench, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    said = bench.do("mirror", mirror)
    assert said["copied"] > 5
    bench.is_clean(mirror)
    words = ["--vault", mirror, "--identity", bench.anna, "--not-recorded"]
    run("restore", tmp_path / "out", *words).ok()
    assert snapshot(tmp_path / "out") == snapshot(bench.folder / "source")
    assert not (mirror / "local/device.key").exists()
    assert run("seal", bench.folder / "source", "--vault", mirror).code == 1


def test_a_second_run_copies_what_is_new_alone(bench: Bench, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    bench.do("mirror", mirror)
    assert bench.do("mirror", mirror)["copied"] == 0
    bench.seal(fill(tmp_path / "more", {"d.txt": b"d"}))
    said = bench.do("mirror", mirror)
    assert 0 < said["copied"] < 10
    bench.is_clean(mirror)


def test_a_mirroring_that_was_interrupted_goes_on(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror, copy, left = tmp_path / "mirror", mirroring._copy, [3]

    def interrupted(*arguments: Any) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return copy(*arguments)

    monkeypatch.setattr(mirroring, "_copy", interrupted)
    assert run("mirror", mirror, "--vault", bench.vault).code == 1
    monkeypatch.undo()
    whole = len(list(mirroring.wanted_files(open_vault_proper(bench.vault))))
    assert bench.do("mirror", mirror)["copied"] == whole - 3
    bench.is_clean(mirror)


def test_a_damaged_file_of_a_mirror_is_noticed_by_check_and_put_right_by_mirror(
    bench: Bench, tmp_path: Path
) -> None:
    mirror = tmp_path / "mirror"
    bench.do("mirror", mirror)
    pack = next(path for path in (mirror / "packs").rglob("*") if path.is_file())
    pack.write_bytes(pack.read_bytes()[:-1])
    assert run("check", "--vault", mirror).code == 1
    assert bench.do("mirror", mirror)["copied"] == 1
    bench.is_clean(mirror)


def test_a_vault_put_back_to_an_older_state_is_not_mirrored_over_a_newer_mirror(
    bench: Bench, tmp_path: Path
) -> None:
    mirror, old = tmp_path / "mirror", tmp_path / "old"
    shutil.copytree(bench.vault, old, symlinks=True)
    bench.seal(fill(tmp_path / "more", {"d.txt": b"d"}))
    bench.do("mirror", mirror)
    before = snapshot(mirror)
    done = run("mirror", mirror, "--vault", old)
    assert done.code == 1
    assert snapshot(mirror) == before
    bench.seal(fill(tmp_path / "other", {"e.txt": b"e"}), vault=old)
    bench.seal(fill(tmp_path / "other", {"e.txt": b"e"}), vault=old)
    bench.seal(fill(tmp_path / "other", {"e.txt": b"e"}), vault=old)
    forked = run("mirror", mirror, "--vault", old)
    assert forked.code == 1
    assert "FORK" in forked.err
    assert snapshot(mirror) == before


def test_a_folder_with_something_in_it_is_no_place_for_a_mirror(bench: Bench, tmp_path: Path) -> None:
    place = fill(tmp_path / "place", {"holiday.jpg": b"x"})
    before = snapshot(place)
    assert run("mirror", place, "--vault", bench.vault).code == 1
    assert snapshot(place) == before


def test_what_is_destroyed_in_the_vault_is_destroyed_in_the_mirror(bench: Bench, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    bench.do("mirror", mirror)
    item = bench.items()["a.txt"]["item"]
    said = bench.destroy(item)
    assert len(said["copies_reached"]) == 1
    bench.is_clean(mirror)
    assert set(bench.items(vault=mirror)) == {"b/c.bin"}


def test_a_mirror_that_is_away_is_certified_as_not_reached_and_reached_later(
    bench: Bench, tmp_path: Path
) -> None:
    mirror, away = tmp_path / "mirror", tmp_path / "away"
    bench.do("mirror", mirror)
    mirror.rename(away)
    said = bench.destroy(bench.items()["a.txt"]["item"], codes=(3,))
    assert said["copies_reached"] == []
    assert len(said["copies_not_reached"]) == 1
    entry = bench.do("log")["entries"][-1]["fields"]
    assert entry["kind"] == "copies-reached"
    assert len(entry["not_reached"]) == 1
    assert bench.do("mirror", away)["removed"] > 0
    bench.is_clean(away)
    assert set(bench.items(vault=away)) == {"b/c.bin"}
