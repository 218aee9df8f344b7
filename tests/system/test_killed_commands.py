"""kill -9 at any instant of every other command: the vault is whole, the same command ends it well."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Callable
from copy import copy
from pathlib import Path

import pytest
from killing import dying_run, operations

from workbench import SEED, Bench, Done, Scene, fill, recipient_of, run, scaled, snapshot, verify

MOMENTS = scaled(4, 60)  # of each command


class State:
    """A vault, a kit and a mirror of it, all copies, on which a command is killed."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        folder.mkdir()
        self.scene, self.folder = scene, folder
        for name, place in (("vault", scene.vault), ("kit", scene.kit), ("mirror", scene.mirror)):
            subprocess.run(["cp", "-a", place, folder / name], check=True)
        self.vault, self.kit, self.mirror = folder / "vault", folder / "kit", folder / "mirror"

    def items(self) -> dict[str, dict[str, object]]:
        return self.scene.items(vault=self.vault)

    def key(self, verb: str, *words: object) -> list[object]:
        return self.scene.words(verb, *words, vault=self.vault)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    made = Scene(tmp_path_factory.mktemp("scene"))
    more = fill(made.folder / "more", {"x.txt": b"more from the field", "y.bin": 2000}, seed=3)
    made.seal(more, vault=made.kit)  # something new to import
    made.mirror = made.mirror.rename(made.folder / "mirror-put-away")  # where the log does not look for it
    return made


def kill_at_many_moments(
    scene: Scene,
    tmp_path: Path,
    command: Callable[[State], list[object]],
    judge: Callable[[State, Done], None],
) -> None:
    """Kill what `command` returns at many moments, each on a fresh copy; `judge` what is left."""
    total = operations(tmp_path, *command(State(scene, tmp_path / "counted")))
    moments = range(1, total + 1)
    chosen = moments if total <= MOMENTS else sorted(random.Random(SEED).sample(moments, MOMENTS))
    for at in chosen:
        state = State(scene, tmp_path / f"at{at}")
        killed = dying_run(*command(state), at=at, who="group")
        assert killed.was_killed, f"not killed at {at} of {total}: {killed.err}"
        scene.is_clean(state.vault)
        judge(state, Done(killed.code, killed.out, killed.err))
        shutil.rmtree(state.folder)


def test_an_import_killed_at_any_moment_brings_nothing_or_all(scene: Scene, tmp_path: Path) -> None:
    def judge(state: State, _: Done) -> None:
        before = set(state.items())
        assert ({"x.txt", "y.bin"} & before) in (set(), {"x.txt", "y.bin"}), "half an import"
        scene.do("import", state.kit, vault=state.vault)
        assert set(state.items()) == {*before, "x.txt", "y.bin"}
        scene.is_clean(state.vault)

    kill_at_many_moments(scene, tmp_path, lambda state: state.key("import", state.kit), judge)


def destroying(state: State) -> list[object]:
    return [*state.key("destroy"), "--identity", state.scene.ben, "--item",
            state.scene.items()["a.txt"]["item"], "--leave-copies", "--ground", "law"]  # fmt: skip


def test_a_destruction_killed_at_any_moment_is_not_begun_or_ends_when_the_vault_is_opened(
    scene: Scene, tmp_path: Path
) -> None:
    packs = {path.name for path in (scene.vault / "packs").rglob("*") if path.is_file()}

    def judge(state: State, _: Done) -> None:
        gone = "a.txt" not in state.items()
        left = {path.name for path in (state.vault / "packs").rglob("*") if path.is_file()}
        assert (packs <= left) is not gone, "the item is destroyed but its pack is there, or the reverse"
        assert not (state.vault / "runs" / "change").exists()
        run(*destroying(state)).ok(3, *([2] if gone else []))
        assert "a.txt" not in state.items()
        scene.is_clean(state.vault)
        assert scene.items(vault=state.vault)["empty"]["bytes"] == 0

    kill_at_many_moments(scene, tmp_path, destroying, judge)


def names_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_first_mirroring_killed_at_any_moment_goes_on(scene: Scene, tmp_path: Path) -> None:
    def judge(state: State, _: Done) -> None:
        run("mirror", state.folder / "new", "--vault", state.vault).ok()
        scene.is_clean(state.folder / "new")
        assert scene.items(vault=state.folder / "new") == state.items()

    kill_at_many_moments(
        scene, tmp_path, lambda state: ["mirror", state.folder / "new", "--vault", state.vault], judge
    )


def test_a_mirror_killed_while_it_learns_of_a_destruction_ends_without_what_was_destroyed(
    scene: Scene, tmp_path: Path
) -> None:
    after = State(scene, tmp_path / "after")
    run(*destroying(after)).ok(3)
    scene.do("keys", "rotate", "--recipient", recipient_of(scene.anna), vault=after.vault)
    changed = copy(scene)
    changed.vault = after.vault

    def judge(state: State, _: Done) -> None:
        run("mirror", state.mirror, "--vault", state.vault).ok()
        scene.is_clean(state.mirror)
        for part in ("packs", "keys"):
            here, there = (names_below(place / part) for place in (state.vault, state.mirror))
            assert there == here, "the mirror keeps what was destroyed"

    kill_at_many_moments(
        changed, tmp_path, lambda state: ["mirror", state.mirror, "--vault", state.vault], judge
    )


def test_a_rotation_killed_at_any_moment_leaves_a_vault_that_its_keepers_open(
    scene: Scene, tmp_path: Path
) -> None:
    def command(state: State) -> list[object]:
        return state.key("keys", "rotate", "--recipient", recipient_of(scene.anna))

    def judge(state: State, _: Done) -> None:
        run(*command(state)).ok()
        scene.is_clean(state.vault)
        assert run("list", "--vault", state.vault, "--identity", scene.ben).code == 1
        assert state.items() == scene.items()

    kill_at_many_moments(scene, tmp_path, command, judge)


def test_a_cosignature_killed_while_it_is_kept_leaves_the_latest_checkpoint_whole(
    scene: Scene, tmp_path: Path
) -> None:
    request, line = tmp_path / "request", tmp_path / "line"
    state = State(scene, tmp_path / "signed")
    run("cosign", "request", request, "--vault", state.vault, "--old", 0).ok()
    key = scene.folder / "cosigner.key"
    words = ["--key", key, "--state", tmp_path / "seen", "--log-key", scene.made["vault_key"]]
    line.write_text(run("cosign", "sign", request, *words).ok().out)

    def command(state: State) -> list[object]:
        return ["cosign", "add", line, "--vault", state.vault, "--cosigner", scene.cosigner]

    def judge(state: State, _: Done) -> None:
        run(*command(state)).ok()
        scene.is_clean(state.vault)

    kill_at_many_moments(scene, tmp_path, command, judge)


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_a_release_killed_at_any_moment_is_not_there_or_verifies(
    scene: Scene, tmp_path: Path, name: str
) -> None:
    def command(state: State) -> list[object]:
        item = scene.items()["a.txt"]["item"]
        return state.key("release", state.folder / "for" / name, "--item", item)

    def judge(state: State, _: Done) -> None:
        made = state.folder / "for" / name
        recorded = len(
            run("log", "--vault", state.vault, "--identity", scene.anna, "--json").ok().json["entries"]
        )
        if made.exists():
            assert verify(made, "--vault-key", scene.fingerprint).code == 0
            assert recorded > len(scene_entries), "a release went out that the log does not know"
        else:
            run(*command(state)).ok()
        assert [path.name for path in made.parent.iterdir()] == [name] or made.parent.exists()
        again = state.key("release", made.with_name("again"), "--item", scene.items()["empty"]["item"])
        run(*again).ok()
        assert {path.name for path in made.parent.iterdir()} == {name, "again"}, (
            "what was begun is left in the clear"
        )

    scene_entries = (
        run("log", "--vault", scene.vault, "--identity", scene.anna, "--json").ok().json["entries"]
    )
    kill_at_many_moments(scene, tmp_path, command, judge)


def test_a_restore_killed_at_any_moment_is_in_the_log(scene: Scene, tmp_path: Path) -> None:
    def command(state: State) -> list[object]:
        return state.key("restore", state.folder / "out", "--item", scene.items()["a.txt"]["item"])

    def judge(state: State, _: Done) -> None:
        entries = run("log", "--vault", state.vault, "--identity", scene.anna, "--json").ok().json["entries"]
        out = state.folder / "out"
        if out.exists() and snapshot(out):
            assert entries[-1]["fields"]["kind"] == "restored", "files left in the clear, unrecorded"

    kill_at_many_moments(scene, tmp_path, command, judge)


def test_a_vault_whose_making_was_killed_is_whole_or_refused_with_a_sentence(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "bench")
    words = ["--recipient", recipient_of(bench.anna), "--recipient", recipient_of(bench.ben)]
    total = operations(tmp_path, "init", tmp_path / "counted", *words)
    whole = 0
    for at in range(1, total + 1, 1 if MOMENTS > 10 else 5):
        vault = tmp_path / f"at{at}"
        assert dying_run("init", vault, *words, at=at, who="group").was_killed
        done = run("check", "--vault", vault, "--identity", bench.anna)
        if done.code == 0:
            whole += 1
            bench.seal(fill(tmp_path / "drive", {"a": 10}), vault=vault)
            bench.is_clean(vault)
            continue
        assert done.code == 1, done.err
        assert "Traceback" not in done.err
        again = run("init", vault, *words)
        assert again.code == 0 or "not empty" in again.err
        shutil.rmtree(vault)
        run("init", vault, *words).ok()
    assert whole < total


def test_a_kit_whose_making_was_killed_can_not_be_sealed_into_unless_its_vault_knows_it(
    scene: Scene, tmp_path: Path
) -> None:
    source = fill(tmp_path / "drive", {"found.txt": b"found"})

    def judge(state: State, _: Done) -> None:
        kit = state.folder / "new"
        done = run("seal", source, "--vault", kit)
        if done.code == 0:
            scene.do("import", kit, vault=state.vault)
            assert "found.txt" in state.items()
        else:
            assert "no vault and no kit" in done.err

    kill_at_many_moments(
        scene, tmp_path, lambda state: ["kit", state.folder / "new", "--vault", state.vault], judge
    )
