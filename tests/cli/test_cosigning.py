"""Somebody else cosigns the log, by hand or over the network, and refuses a fork."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from workbench import Bench, Done, fill, run, verify


class Witnessed(Bench):
    """A vault, and a cosigner who knows its log."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.cosigner_key, self.state = folder / "cosigner.key", folder / "seen"
        words = ["--name", "paper.example/desk", "-o", self.cosigner_key]
        self.cosigner = run("cosign", "new", *words, "--json").ok().json["cosigner"]
        self.seal(fill(folder / "source", {"a.txt": b"a"}))

    def ask(self, vault: Path | None = None, *words: object) -> Done:
        """Carry the latest checkpoint to the cosigner."""
        request = self.folder / "request"
        run("cosign", "request", request, "--vault", vault or self.vault, *words).ok()
        known = ["--key", self.cosigner_key, "--state", self.state, "--log-key", self.made["vault_key"]]
        return run("cosign", "sign", request, *known)

    def cosign(self) -> None:
        """Have the latest checkpoint cosigned and kept."""
        line = self.folder / "line"
        line.write_text(self.ask(None, "--cosigner", self.cosigner).ok().out)
        run("cosign", "add", line, "--vault", self.vault, "--cosigner", self.cosigner).ok()


@pytest.fixture
def bench(tmp_path: Path) -> Witnessed:
    return Witnessed(tmp_path / "bench")


def test_a_cosignature_is_kept_is_an_act_and_vouches_for_a_release(bench: Witnessed, tmp_path: Path) -> None:
    size = len(bench.do("log")["entries"])
    bench.cosign()
    assert bench.do("log")["entries"][-1]["fields"]["kind"] == "cosigned"
    bench.is_clean()
    kept = tmp_path / "kept"
    shutil.copy(bench.vault / f"log/vault/notes/{size}.note", kept)
    bench.release(tmp_path / "court", ["a.txt"], "--checkpoint", kept)
    verify(tmp_path / "court", "--cosigner", bench.cosigner).ok(0)


def test_a_log_that_grows_is_cosigned_again(bench: Witnessed) -> None:
    for number in range(3):
        bench.cosign()
        bench.seal(fill(bench.folder / f"s{number}", {"x.txt": b"%d" % number}))
    bench.is_clean()


def test_a_fork_is_refused_and_called_one(bench: Witnessed, tmp_path: Path) -> None:
    """A copy of the vault goes another way than the one the cosigner has seen."""
    fork = tmp_path / "fork"
    shutil.copytree(bench.vault, fork, symlinks=True)
    bench.cosign()
    bench.seal(fill(tmp_path / "one", {"x.txt": b"one"}))
    bench.ask(None, "--cosigner", bench.cosigner).ok()
    for word in (b"another", b"history"):
        bench.seal(fill(tmp_path / word.decode(), {"x.txt": word}), vault=fork)
    done = bench.ask(fork, "--old", "2")
    assert done.code == 1
    assert done.out == ""
    assert "fork" in done.err.lower()


def test_an_older_state_is_not_cosigned(bench: Witnessed, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(bench.vault, old, symlinks=True)
    bench.cosign()
    bench.ask(None, "--cosigner", bench.cosigner).ok()
    assert bench.ask(old).code == 1


def test_the_log_of_another_vault_is_not_cosigned_under_this_name(bench: Witnessed, tmp_path: Path) -> None:
    other = Bench(tmp_path / "other")
    assert bench.ask(other.vault).code == 1


def test_a_cosignature_by_another_key_or_of_another_log_is_not_kept(bench: Witnessed, tmp_path: Path) -> None:
    line = tmp_path / "line"
    line.write_text(bench.ask().ok().out)
    stranger = (
        run("cosign", "new", "--name", "x.example/y", "-o", tmp_path / "k", "--json").ok().json["cosigner"]
    )
    at = ["cosign", "add", line, "--vault", bench.vault]
    assert run(*at, "--cosigner", stranger).code == 1
    other = Bench(tmp_path / "other")
    assert run("cosign", "add", line, "--vault", other.vault, "--cosigner", bench.cosigner).code == 1
    text = line.read_text()
    line.write_text(text[:-8] + ("A" if text[-8] != "A" else "B") + text[-7:])
    assert run(*at, "--cosigner", bench.cosigner).code in (1, 2)
    bench.is_clean()
