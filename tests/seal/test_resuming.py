"""A seal that was interrupted goes on where it stopped; instalments are deliveries of their own."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bearwitness.seal import batches, sources_of
from bearwitness.seal import run as sealing_run
from bearwitness.seal.journal import Run
from bearwitness.seal.reading import FileReading
from workbench import Bench, fill, needs_root, run, snapshot

COUNT = 12


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "bench")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is sealed in parts of three names each."""
    monkeypatch.setattr(batches, "NAMES_MAX", 3)
    return fill(tmp_path / "source", {f"{n:02}.bin": 1000 + n for n in range(COUNT)})


Interrupt = Callable[[Bench, Path, int], None]


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Interrupt:
    """Return a function that seals and presses Ctrl-C once some results are acknowledged."""

    def interrupted(bench: Bench, source: Path, after: int) -> None:
        commit, done = Run.commit, [0]

        def counting(self: Run, results: list[Any]) -> None:
            commit(self, results)
            done[0] += len(results)
            if done[0] >= after:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Run, "commit", counting)
            stopped = run("seal", source, "--vault", bench.vault)
        assert stopped.code == 1
        assert "what was acknowledged is safe" in stopped.err

    return interrupted


def test_what_was_acknowledged_is_not_read_again_and_everything_is_there_once(
    bench: Bench, source: Path, interrupt: Interrupt, tmp_path: Path
) -> None:
    interrupt(bench, source, 2)
    before = {path.name for path in (bench.vault / "packs").rglob("*") if path.is_file()}
    assert before
    sealed = bench.seal(source)
    assert sealed["resumed"]
    assert sealed["items"] == COUNT
    assert before <= {path.name for path in (bench.vault / "packs").rglob("*") if path.is_file()}
    assert len(bench.items()) == COUNT
    bench.do("restore", tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(source)
    assert not list((bench.vault / "runs").iterdir())
    bench.is_clean()


def test_a_file_that_changed_meanwhile_is_there_in_both_states(
    bench: Bench, source: Path, interrupt: Interrupt, tmp_path: Path
) -> None:
    """What was acknowledged is never dropped, and what is on the drive now is not missed."""
    changing = source / "05.bin"
    first = changing.read_bytes()
    interrupt(bench, source, 4)
    changing.write_bytes(b"written anew")
    sealed = bench.seal(source)
    assert (sealed["resumed"], sealed["items"]) == (True, COUNT + 1)
    states = [item for item in bench.do("list")["items"] if item["path"] == "05.bin"]
    assert {item["bytes"] for item in states} == {len(first), len(b"written anew")}
    words = ["--vault", bench.vault, "--identity", bench.anna, "--json"]
    said = run("restore", tmp_path / "out", *words).ok(3).json
    assert len(said["not_restored"]) == 1
    assert "two states" in said["not_restored"][0]
    back = {path.read_bytes() for path in (tmp_path / "out").glob("05.bin*")}
    assert back == {first, b"written anew"}
    bench.is_clean()


def test_a_file_that_is_gone_meanwhile_stays_as_it_was_acknowledged(
    bench: Bench, source: Path, interrupt: Interrupt
) -> None:
    interrupt(bench, source, 4)
    for path in source.iterdir():
        path.unlink()
    assert bench.seal(source)["items"] == COUNT
    assert len(bench.items()) == COUNT
    bench.is_clean()


def test_an_unfinished_seal_can_be_closed_without_its_source(
    bench: Bench, source: Path, interrupt: Interrupt
) -> None:
    interrupt(bench, source, 1)
    said = run("seal", "--finish", "--vault", bench.vault, "--note", "the drive is gone", "--json").ok().json
    assert 0 < said["items"] <= COUNT
    entry = bench.do("log")["entries"][-1]["fields"]
    assert entry["complete"] is False
    assert len(bench.items()) == said["items"]
    assert run("seal", "--finish", "--vault", bench.vault).code == 1  # there is none any more
    bench.is_clean()


def test_another_source_is_a_delivery_of_its_own_and_the_unfinished_one_is_told_of(
    bench: Bench, source: Path, interrupt: Interrupt, tmp_path: Path
) -> None:
    interrupt(bench, source, 1)
    said = bench.seal(fill(tmp_path / "other", {"x.txt": b"x"}))
    assert not said["resumed"]
    assert any("unfinished" in warning for warning in said["warnings"])
    assert bench.seal(source)["resumed"]
    assert len(bench.do("list")["deliveries"]) == 2


def test_the_same_source_sealed_again_is_another_delivery(bench: Bench, source: Path) -> None:
    first, second = bench.seal(source), bench.seal(source)
    assert first["delivery"] != second["delivery"]
    assert first["root"] != second["root"]
    ids = [item["item"] for item in bench.do("list")["items"]]
    assert len(set(ids)) == len(ids) == 2 * COUNT


def test_hard_links_hold_across_an_interruption(
    bench: Bench, source: Path, interrupt: Interrupt, tmp_path: Path
) -> None:
    for n in range(COUNT):
        os.link(source / f"{n:02}.bin", source / f"{n:02} again.bin")
    interrupt(bench, source, 2)
    assert bench.seal(source)["items"] == 2 * COUNT
    bench.do("restore", tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(source)
    bench.is_clean()


def test_the_journal_names_nothing_of_what_is_sealed_in_the_clear(
    bench: Bench, source: Path, interrupt: Interrupt
) -> None:
    fill(source, {"TELLING-NAME.txt": b"TELLING-CONTENT" * 9})
    interrupt(bench, source, 4)
    runs = [path for path in (bench.vault / "runs").rglob("*") if path.is_file()]
    assert runs
    everything = b"".join(path.read_bytes() for path in runs)
    for word in (b"TELLING-NAME", b"TELLING-CONTENT", os.fsencode(source)):
        assert word not in everything


def test_instalments_are_deliveries_that_say_which_of_how_many_they_are(bench: Bench, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        part = fill(tmp_path / f"part{number}", {f"{number}.txt": b"%d" % number})
        bench.seal(part, "--instalment", f"{number}/{3 if number == 3 else '?'}")
    told = [delivery["instalment"] for delivery in bench.do("list")["deliveries"]]
    assert [(one["number"], one["of"]) for one in told] == [("1", "?"), ("2", "?"), ("3", "3")]
    bench.is_clean()


def test_a_seal_that_died_before_it_had_a_key_is_no_unfinished_one(
    bench: Bench, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sealing_run, "write_identity", dying)
        assert run("seal", source, "--vault", bench.vault).code == 1
    done = run("seal", "--finish", "--vault", bench.vault)
    assert done.code == 1
    assert "there is no unfinished seal here" in done.err
    assert not list((bench.vault / "runs").iterdir())
    bench.is_clean()


def test_what_was_acknowledged_is_not_thrown_away_where_the_key_of_its_run_is_lost(
    bench: Bench, source: Path, interrupt: Interrupt
) -> None:
    interrupt(bench, source, 2)
    next((bench.vault / "runs").glob("*/key")).unlink()
    said = bench.seal(source)
    assert (said["resumed"], said["items"]) == (False, COUNT)
    assert any("unfinished" in warning for warning in said["warnings"])
    kept = run("seal", "--finish", "--vault", bench.vault, "--json").ok().json
    assert 0 < kept["items"] < COUNT
    bench.is_clean()


def test_another_drive_at_the_same_place_does_not_go_on_with_the_seal_of_the_first(
    bench: Bench, source: Path, interrupt: Interrupt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What two people handed over would be one delivery, told as one source."""
    plugged = [b"AAAA-1111"]
    monkeypatch.setattr(sources_of, "volume_of", lambda path: plugged[0])
    interrupt(bench, source, 2)
    first = source.rename(tmp_path / "first")
    fill(source, {"of the other drive.txt": b"other"})
    plugged[0] = b"BBBB-2222"
    said = bench.seal(source)
    assert (said["resumed"], said["items"]) == (False, 1)
    assert any("unfinished" in warning for warning in said["warnings"])
    source.rename(tmp_path / "second")
    first.rename(source)
    plugged[0] = b"AAAA-1111"
    said = bench.seal(source)
    assert (said["resumed"], said["items"]) == (True, COUNT)
    bench.is_clean()


@needs_root
def test_a_volume_is_known_by_the_id_that_the_system_has_for_its_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = tmp_path / "by-uuid"
    monkeypatch.setattr(sources_of, "_VOLUMES", ids)
    assert sources_of.volume_of(tmp_path) == b""
    ids.mkdir()
    other = os.stat("/proc").st_dev
    for name, device in (("another", other), ("CAFE-0001", tmp_path.stat().st_dev)):
        os.mknod(tmp_path / name, stat.S_IFBLK | 0o600, device)
        (ids / name).symlink_to(f"../{name}")
    assert sources_of.volume_of(tmp_path) == b"CAFE-0001"
    assert sources_of.volume_of(Path("/proc")) == b"another"


def test_a_seal_that_died_once_it_was_in_the_log_ends_though_its_packs_were_written_anew_since(
    bench: Bench, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stop key is pressed before the same command is run again."""

    def dying(self: Run) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Run, "destroy", dying)
        assert run("seal", source, "--vault", bench.vault).code == 1
    bench.do("freeze", "--item", bench.items()["05.bin"]["item"])
    said = bench.seal(source)
    assert (said["resumed"], said["items"]) == (True, COUNT)
    assert len(bench.do("list")["deliveries"]) == 1
    assert not list((bench.vault / "runs").iterdir())
    bench.is_clean()


def test_a_further_name_of_a_file_that_was_not_whole_names_what_a_later_attempt_made_of_it(
    bench: Bench, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it named was dropped for the better attempt, and it could not be restored."""
    os.link(source / "05.bin", source / "z another name of it")
    read = FileReading._get

    def failing(self: FileReading, view: memoryview, offset: int) -> int:
        if os.readlink(f"/proc/self/fd/{self._file}").endswith(("05.bin", "name of it")):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(self, view, offset)

    def dying(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FileReading, "_get", failing)
        patch.setattr(sealing_run, "close", dying)
        assert run("seal", source, "--vault", bench.vault).code == 1
    said = bench.seal(source)
    assert (said["resumed"], said["items"], said["losses"]) == (True, COUNT + 1, 0)
    bench.do("restore", tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(source)
    bench.is_clean()
