"""`check` says what is as it must be, and with a checkpoint kept elsewhere, that nothing was put back."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bearwitness.store.local import LocalStore
from bearwitness.store.packs import pack_path
from bearwitness.vault.delivery import Descriptor
from bearwitness.vault.opening import open_vault_proper
from workbench import Bench, fill, run


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path / "bench")
    made.seal(fill(made.folder / "source", {"a.txt": b"a", "b/c.bin": 300_000}))
    return made


def keep_checkpoint(bench: Bench, name: str) -> Path:
    """Keep the latest checkpoint elsewhere, as `seal` prints it."""
    kept = bench.folder / name
    shutil.copy(bench.vault / "log/vault/checkpoint", kept)
    return kept


def test_without_a_key_it_says_what_it_could_not_check(bench: Bench) -> None:
    done = run("check", "--vault", bench.vault).ok()
    assert "all is as it must be" in done.out
    assert "was not checked" in done.out
    assert "was not checked" not in run("check", "--vault", bench.vault, "--identity", bench.anna).ok().out


def test_with_a_key_every_item_and_byte_is_counted(bench: Bench) -> None:
    assert bench.do("check")["checked"]["items"] == 2
    assert run("check", "--vault", bench.vault, "--json").ok().json["checked"].get("items", 0) == 0


def test_a_checkpoint_kept_elsewhere_holds_as_the_log_grows(bench: Bench) -> None:
    kept = keep_checkpoint(bench, "kept")
    for number in range(3):
        bench.seal(fill(bench.folder / f"s{number}", {"x": b"%d" % number}))
        run("check", "--vault", bench.vault, "--since", kept).ok()


def test_a_vault_put_back_as_a_whole_is_noticed_with_it_and_only_with_it(
    bench: Bench, tmp_path: Path
) -> None:
    shutil.copytree(bench.vault, tmp_path / "old", symlinks=True)
    bench.seal(fill(bench.folder / "later", {"later.txt": b"later"}))
    kept = keep_checkpoint(bench, "kept")
    run("check", "--vault", tmp_path / "old").ok()  # by itself it is a perfect vault
    done = run("check", "--vault", tmp_path / "old", "--since", kept)
    assert done.code == 1
    assert "older state" in done.out


def test_another_history_of_the_same_length_is_noticed_with_it(bench: Bench, tmp_path: Path) -> None:
    shutil.copytree(bench.vault, tmp_path / "other", symlinks=True)
    for vault, word in ((bench.vault, b"one"), (tmp_path / "other", b"another")):
        bench.seal(fill(tmp_path / word.decode(), {"x.txt": word}), vault=vault)
    kept = keep_checkpoint(bench, "kept")
    run("check", "--vault", tmp_path / "other").ok()
    assert run("check", "--vault", tmp_path / "other", "--since", kept).code == 1


def test_a_checkpoint_of_another_vault_and_one_that_was_altered_are_refused(
    bench: Bench, tmp_path: Path
) -> None:
    stranger = Bench(tmp_path / "stranger")
    assert run("check", "--vault", bench.vault, "--since", stranger.vault / "log/vault/checkpoint").code in (
        1,
        2,
    )
    kept = keep_checkpoint(bench, "kept")
    text = kept.read_text()
    for altered in (
        text.replace("\n2\n", "\n1\n"),
        text[:-10],
        "",
        text.replace("bearwitness/", "bearwitless/"),
    ):
        kept.write_text(altered)
        assert run("check", "--vault", bench.vault, "--since", kept).code in (1, 2)


def test_all_problems_are_listed_not_the_first_alone(bench: Bench) -> None:
    packs = [path for path in (bench.vault / "packs").rglob("*") if path.is_file()]
    assert len(packs) >= 2
    for pack in packs:
        pack.write_bytes(pack.read_bytes()[:-1] + b"!")
    done = run("check", "--vault", bench.vault, "--json")
    assert done.code == 1
    for pack in packs:
        assert any(pack.name[:16] in problem for problem in done.json["problems"])


def test_a_kit_can_be_checked_where_it_is(bench: Bench) -> None:
    kit = bench.folder / "kit"
    run("kit", kit, "--vault", bench.vault).ok()
    bench.seal(bench.folder / "source", vault=kit)
    run("check", "--vault", kit).ok()
    victim = next(path for path in (kit / "packs").rglob("*") if path.is_file())
    victim.write_bytes(victim.read_bytes()[1:])
    assert run("check", "--vault", kit).code == 1


def test_nothing_is_altered_by_checking(bench: Bench) -> None:
    before = {path: path.read_bytes() for path in bench.vault.rglob("*") if path.is_file()}
    bench.is_clean()
    assert {path: path.read_bytes() for path in bench.vault.rglob("*") if path.is_file()} == before


class Failing:
    """A disk on which some files can not be read: reading them ends with an input/output error."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.bad: set[str] = set()
        for name in ("read", "read_range", "read_into"):
            patch.setattr(LocalStore, name, self._wrapped(getattr(LocalStore, name)))

    def _wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def read(store: LocalStore, path: str, *rest: Any) -> Any:
            if path in self.bad:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(store, path, *rest)

        return read


def test_every_file_that_the_disk_does_not_give_is_named_and_all_others_are_checked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.seal(fill(bench.folder / "more", {"d.txt": b"d"}))
    vault = open_vault_proper(bench.vault)
    path, digest = next(p for p in vault.expected_files().items() if p[0].startswith("deliveries/"))
    found = Descriptor.decode(vault.read_expected(path, digest), path)
    manifest, packs = found.parts[0].manifest, found.parts[0].packs
    for words in ([], ["--identity", bench.anna], ["--identity", bench.anna, "--deep"]):
        notes = ("log/vault/notes/1.note", "log/vault/checkpoint")
        for bad in (found.key_path(0), pack_path(packs[0]), pack_path(manifest), *notes):
            with monkeypatch.context() as patch:
                Failing(patch).bad.add(bad)
                done = run("check", "--vault", bench.vault, *words, "--json")
            assert done.code == 1, done.err
            problems = [text for text in done.json["problems"] if "can not be read: Input/output" in text]
            assert any(bad.rpartition("/")[2] in text for text in problems), done.json
            assert done.json["checked"]["packs"] == 4


def test_a_card_of_a_mirror_laid_into_the_vault_hides_no_loss(bench: Bench) -> None:
    item = bench.items()["a.txt"]["item"]
    bench.do("freeze", "--item", item)
    held = json.loads(next((bench.vault / "frozen").iterdir()).read_bytes())["packs"]
    for name in held:
        (bench.vault / pack_path(name)).unlink()
    (bench.vault / "mirror.json").write_text('{"mirror":"00","v":"1"}')
    for words in ([], ["--identity", bench.anna]):
        done = run("check", "--vault", bench.vault, *words, "--json")
        assert done.code == 1
        assert any(held[0] in problem for problem in done.json["problems"])
