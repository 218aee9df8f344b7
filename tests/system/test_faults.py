"""A disk that is full, fails or may not be written, a source pulled out: a sentence, and a whole vault."""

from __future__ import annotations

import ctypes
import os
import random
import resource
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from killing import Killed, dying_run, operations

from workbench import (
    SEED,
    Bench,
    Done,
    Scene,
    fill,
    finish,
    needs_root,
    recipient_of,
    resize,
    run,
    scaled,
    snapshot,
    start,
    tmpfs,
    verify,
    wav,
)

MOMENTS = scaled(1, 30)  # of each command and each fault
SMALL = 4
PR_CAPBSET_DROP = 24


def refused(done: Done | Killed, *sentences: str) -> None:
    """Assert that a command ended with one error that people understand, and said one of `sentences`."""
    assert done.code == 1, f"exit {done.code}: {done.err}"
    assert "Traceback" not in done.err
    assert "defect" not in done.err
    assert any(sentence in done.err for sentence in sentences), done.err
    assert "hint: " in done.err, "it does not say what to do next"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("faults"))


def copy(tree: Path, to: Path) -> Path:
    subprocess.run(["cp", "-a", tree, to], check=True)
    return to


# --- Writing fails at any instant ------------------------------------------------------------------

SAYS = {"ENOSPC": "is full", "EIO": "input/output error"}


class State:
    """Copies of vault, kit and mirror, and where a command puts what it makes."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        folder.mkdir()
        self.scene, self.folder, self.out = scene, folder, folder / "out"
        self.vault, self.kit, self.mirror = (
            copy(place, folder / place.name) for place in (scene.vault, scene.kit, scene.mirror)
        )

    def words(self, verb: str, *words: object) -> list[object]:
        return self.scene.words(verb, *words, vault=self.vault)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Return a scene whose kit has something new, and whose mirror the log does not find."""
    made = Scene(tmp_path_factory.mktemp("ready"))
    made.seal(fill(made.folder / "more", {"x.txt": b"more from the field", "y.bin": 2000}), vault=made.kit)
    fill(made.folder / "third", {"z/1.txt": b"yet another", "z/2.bin": 70_000, "z.wav": wav()})
    made.mirror = made.mirror.rename(made.folder / "mirror-put-away")
    return made


def commands(scene: Scene) -> dict[str, Callable[[State], Sequence[object]]]:
    item, ben = scene.items()["a.txt"]["item"], scene.ben
    return {
        "seal": lambda s: ["seal", scene.folder / "third", "--vault", s.vault],
        "import": lambda s: s.words("import", s.kit),
        "mirror": lambda s: ["mirror", s.out, "--vault", s.vault],
        "mirror-again": lambda s: ["mirror", s.mirror, "--vault", s.vault],
        "destroy": lambda s: s.words(
            "destroy", "--identity", ben, "--item", item, "--leave-copies", "--ground", "law"
        ),
        "release": lambda s: s.words("release", s.out, "--item", item),
        "restore": lambda s: s.words("restore", s.out, "--item", item),
        "rotate": lambda s: s.words("keys", "rotate", "--recipient", recipient_of(scene.anna)),
        "kit": lambda s: ["kit", s.out, "--vault", s.vault],
    }


@pytest.fixture(scope="module")
def count(ready: Scene) -> Callable[[str], int]:
    """Return what counts how often a command needs room on a disk, once for all faults."""

    @cache
    def counted(name: str) -> int:
        state = State(ready, ready.folder / f"counted-{name}")
        return operations(state.folder, *commands(ready)[name](state), fail="EIO")

    return counted


@pytest.mark.parametrize("fault", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("name", "seal import mirror mirror-again destroy release restore rotate kit".split())
def test_a_disk_that_fails_at_any_write_is_told_in_a_sentence_and_costs_nothing(
    ready: Scene, count: Callable[[str], int], tmp_path: Path, name: str, fault: str
) -> None:
    command, total = commands(ready)[name], count(name)
    moments = random.Random(SEED).sample(range(1, total + 1), min(MOMENTS, total))
    before = ready.items()
    failures = 0
    for at in sorted(moments):
        state = State(ready, tmp_path / f"at{at}")
        done = dying_run(*command(state), at=at, fail=fault)
        ready.is_clean(state.vault)
        assert before.keys() - {"a.txt"} <= ready.items(vault=state.vault).keys(), f"lost at {at}"
        if done.code not in (0, 3):
            failures += 1
            refused(done, SAYS[fault])
            clear_what_is_half_done(state, name)
            run(*command(state)).ok(0, 3, *([2] if name == "destroy" else []))
            ready.is_clean(state.vault)
        if name.startswith("mirror"):
            ready.is_clean(state.out if name == "mirror" else state.mirror)
        shutil.rmtree(state.folder)
    assert failures or MOMENTS == 1, "no failure was noticed"


def clear_what_is_half_done(state: State, name: str) -> None:
    """Remove what people are told to remove; nothing of a release may be there to be removed."""
    if name == "release":
        assert not state.out.exists() or verify(state.out, "--vault-key", state.scene.fingerprint).code == 0
        left = [path.name for path in state.folder.glob(".bearwitness*")]
        assert not left, "what was begun is left in the clear"
    if name in ("release", "restore", "kit") and state.out.exists():
        shutil.rmtree(state.out)


def test_a_seal_into_a_disk_that_fills_up_again_and_again_ends_with_everything_once(
    bench: Bench, tmp_path: Path
) -> None:
    source = fill(tmp_path / "drive", {f"d{i % 3}/f{i}": 3000 * i for i in range(30)} | {"s.wav": wav(1.0)})
    vault = copy(bench.vault, tmp_path / "vault")
    generator, failures, acknowledged = random.Random(SEED), 0, 0
    while True:
        done = dying_run(
            "seal", source, "--vault", vault, at=generator.randint(50, 90), fail="ENOSPC", small=SMALL
        )
        if done.code == 0:
            break
        refused(done, "is full; ", "is full")
        failures += 1
        assert failures < 60, "it does not come nearer to the end"
        bench.is_clean(vault)
        acknowledged = max(acknowledged, done.acknowledged)
    assert failures > 1
    assert 0 < acknowledged <= 31
    bench.do("restore", tmp_path / "out", vault=vault)
    assert snapshot(tmp_path / "out") == snapshot(source)


def test_a_limit_on_the_size_of_files_is_told_in_a_sentence(bench: Bench, tmp_path: Path) -> None:
    """What a FAT disk says of a file that is too large for it, or a quota."""
    source = fill(tmp_path / "drive", {"large": 3_000_000, "small": 10})
    vault = copy(bench.vault, tmp_path / "vault")
    limit = (1_000_000, resource.RLIM_INFINITY)
    done = finish(
        start(
            "seal", source, "--vault", vault,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
        )
    )  # fmt: skip
    refused(done, "can not be used (File too large)")
    bench.is_clean(vault)
    assert bench.seal(source, vault=vault)["items"] == 2
    bench.is_clean(vault)


# --- A small disk that is really full ---------------------------------------------------------------


@needs_root
def test_a_small_disk_that_is_full_is_told_and_after_room_was_made_the_seal_goes_on(
    bench: Bench, tmp_path: Path
) -> None:
    source = fill(tmp_path / "drive", {f"f{i}": 5_000_000 for i in range(6)})
    with tmpfs(tmp_path / "disk", "24m") as disk:
        vault = copy(bench.vault, disk / "vault")
        done = finish(start("seal", source, "--vault", vault))
        refused(done, f"{vault} is full", "is full")
        assert "goes on where it stopped" in done.err
        bench.is_clean(vault)
        resize(disk, "80m")
        sealed = bench.seal(source, vault=vault)
        assert sealed["resumed"]
        assert sealed["items"] == 6
        bench.is_clean(vault)
        bench.do("restore", tmp_path / "out", vault=vault)
    assert snapshot(tmp_path / "out") == snapshot(source)


@needs_root
@pytest.mark.parametrize("verb", ["import", "mirror", "restore", "release", "destroy"])
def test_any_other_command_on_a_small_disk_that_is_full_is_told_and_does_no_harm(
    bench: Bench, tmp_path: Path, verb: str
) -> None:
    source = fill(tmp_path / "drive", {"film": 9_000_000, "other": 4_000_000})
    kit = tmp_path / "kit"
    with tmpfs(tmp_path / "disk", "40m") as disk:
        vault = copy(bench.vault, disk / "vault")
        run("kit", kit, "--vault", vault).ok()
        bench.seal(source, vault=kit)
        if verb != "import":
            bench.do("import", kit, vault=vault)
        items = bench.items(vault=vault)
        used = sum(path.stat().st_blocks * 512 for path in disk.rglob("*"))
        resize(disk, f"{used // 1024 + 1500}k")
        item = ["--item", items["film"]["item"]] if items else []
        words: list[object] = {
            "import": [kit], "mirror": [disk / "mirror"],
            "restore": [disk / "out"], "release": [disk / "out", *item],
            "destroy": ["--identity", bench.ben, *item, "--ground", "law"],
        }[verb]  # fmt: skip
        if verb == "destroy":  # what stays must find room before anything goes
            (disk / "ballast").write_bytes(bytes(free(disk) - 4096))
        done = run(*bench.words(verb, *words, vault=vault))
        if done.code in (0, 3) and verb == "destroy":
            assert "film" not in bench.items(vault=vault)
        else:
            refused(done, "is full")
            (disk / "ballast").unlink(missing_ok=True)
            assert bench.items(vault=vault).keys() == items.keys()
        bench.is_clean(vault)
        assert not list(disk.glob(".bearwitness*"))


def free(disk: Path) -> int:
    status = os.statvfs(disk)
    return status.f_bavail * status.f_frsize


# --- A source that is pulled out --------------------------------------------------------------------


@pytest.mark.parametrize("part", range(scaled(3, 12)))
def test_a_source_pulled_out_while_it_is_read_is_no_unreadable_file_and_goes_on_when_it_is_back(
    bench: Bench, tmp_path: Path, part: int
) -> None:
    source = fill(tmp_path / "drive", {f"d{i % 3}/f{i}": 40_000 for i in range(24)} | {"big": 900_000})
    vault, away = copy(bench.vault, tmp_path / "vault"), tmp_path / "away"
    at = 1 + 7 * part % 25  # every file is read at least once
    done = dying_run("seal", source, "--vault", vault, pull=[at, str(source), str(away)], small=SMALL)
    refused(done, "the source is gone: it was pulled out or its connection failed")
    assert "goes on where it stopped" in done.err
    assert not source.exists()
    bench.is_clean(vault)
    assert bench.items(vault=vault) == {}, "a delivery was closed without its source"
    away.rename(source)
    sealed = bench.seal(source, vault=vault)
    assert (sealed["items"], sealed["losses"], sealed["unreadable"]) == (25, 0, [])
    bench.is_clean(vault)
    bench.do("restore", tmp_path / "out", vault=vault)
    assert snapshot(tmp_path / "out") == snapshot(source)


@needs_root
def test_a_drive_unmounted_between_two_files_leaves_no_closed_delivery(bench: Bench, tmp_path: Path) -> None:
    """The folder it was mounted at is still there, and empty."""
    files: dict[str, Any] = {f"f{i:02}": 8_500_000 for i in range(8)}
    vault = copy(bench.vault, tmp_path / "vault")
    with tmpfs(tmp_path / "drive", "80m") as drive:
        fill(drive, files)
        process = start("seal", drive, "--vault", vault)
        while not any(path.stat().st_size for path in (vault / "runs").glob("[!.]*/journal")):
            assert process.poll() is None, "it ended before anything was stored"
        subprocess.run(["umount", "-l", str(drive)], check=True)
        refused(finish(process), "the source is gone")
        bench.is_clean(vault)
        assert bench.items(vault=vault) == {}


# --- What may not be read or written ----------------------------------------------------------------


def drop_capabilities() -> None:
    """Have root be a user like any other once a program is executed: rights of files hold for it too."""
    libc = ctypes.CDLL(None)
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability)


def as_anybody(*words: object) -> Done:
    """Run a command without privileges."""
    return finish(start(*words, preexec_fn=drop_capabilities))


def test_what_may_not_be_read_on_a_source_is_listed_by_name_and_all_else_is_sealed(
    bench: Bench, tmp_path: Path
) -> None:
    vault = copy(bench.vault, tmp_path / "vault")
    source = fill(tmp_path / "drive", {"open": b"open", "closed": b"closed", "shut/in": b"in it"})
    (source / "closed").chmod(0)
    (source / "shut").chmod(0)
    done = as_anybody("seal", source, "--vault", vault, "--json")
    done.ok(3)
    assert {(u["path"], u["reason"]) for u in done.json["unreadable"]} == {
        ("closed", "Permission denied"), ("shut", "Permission denied")
    }  # fmt: skip
    bench.is_clean(vault)
    fates = {path: item["fate"] for path, item in bench.items(vault=vault).items()}
    assert fates["open"]["type"] == "file"
    assert fates["closed"] == {"type": "unreadable", "reason": "Permission denied"}
    assert fates["shut"]["reason"] == "Permission denied"


def test_a_source_that_may_not_be_read_at_all_or_is_not_there_is_refused(
    bench: Bench, tmp_path: Path
) -> None:
    vault = copy(bench.vault, tmp_path / "vault")
    shut = fill(tmp_path / "shut", {"a": b"a"})
    shut.chmod(0)
    closed = fill(tmp_path / "place", {"file": b"a"}) / "file"
    closed.chmod(0)
    for source in (shut, closed, tmp_path / "nowhere"):
        done = as_anybody("seal", source, "--vault", vault)
        assert done.code == 1, (source, done)
        assert str(source) in done.err
        assert "Traceback" not in done.err
        bench.is_clean(vault)
        assert bench.items(vault=vault) == {}


def test_a_vault_that_may_not_be_written_says_so_and_is_as_it_was(bench: Bench, tmp_path: Path) -> None:
    vault = copy(bench.vault, tmp_path / "vault")
    source = fill(tmp_path / "drive", {"a": b"a"})
    places = ("packs", "keys", "runs", "local", "log/vault/notes", "log/vault/entries/000000")
    for number, place in enumerate(places):
        mine = copy(vault, tmp_path / f"vault{number}")
        (mine / place).mkdir(exist_ok=True)
        (mine / "local/lock").unlink()
        (mine / place).chmod(0o555)
        done = as_anybody("seal", source, "--vault", mine)
        (mine / place).chmod(0o755)
        refused(done, "can not be written with your rights")
        bench.is_clean(mine)
        assert bench.items(vault=mine) == {}


def test_an_identity_that_may_not_be_read_is_told_by_name(bench: Bench, tmp_path: Path) -> None:
    vault = copy(bench.vault, tmp_path / "vault")
    key = tmp_path / "closed.key"
    shutil.copy(bench.anna, key)
    key.chmod(0)
    done = as_anybody("list", "--vault", vault, "--identity", key)
    assert done.code == 1
    assert f"the identity file {key} can not be read: Permission denied" in done.err
