"""`--identity` is a file, several shares, or a prompt; and no secret is ever shown."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from workbench import BIN, Bench, fill, recipient_of, run


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    made = Bench(tmp_path_factory.mktemp("identities"))
    made.seal(fill(made.folder / "source", {"a.txt": b"one file"}))
    return made


def secret_of(key: Path) -> str:
    return key.read_text().splitlines()[-1]


def test_a_file_opens(bench: Bench) -> None:
    run("list", "--vault", bench.vault, "--identity", bench.anna).ok()


def test_an_identity_typed_at_the_prompt_opens(bench: Bench) -> None:
    words = ["list", "--vault", bench.vault, "--identity", "-", "--json"]
    done = run(*words, stdin=secret_of(bench.anna) + "\n").ok()
    assert [item["path"] for item in done.json["items"]] == ["a.txt"]
    assert secret_of(bench.anna) not in done.out + done.err


def test_what_is_typed_at_a_terminal_is_not_shown_there(bench: Bench) -> None:
    secret = secret_of(bench.anna)
    words = [str(BIN / "bearwitness"), "list", "--vault", str(bench.vault), "--identity", "-"]
    spawn = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
    command = [sys.executable, "-c", spawn, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        shown = b""
        while b":" not in shown:  # the prompt
            shown += os.read(process.stdout.fileno(), 4096)
        process.stdin.write(secret.encode() + b"\n")
        process.stdin.flush()
        shown += process.stdout.read()
    assert process.returncode == 0
    assert b"a.txt" in shown
    assert secret.encode() not in shown


def test_nobody_to_ask_is_told(bench: Bench) -> None:
    done = run("list", "--vault", bench.vault, "--identity", "-")
    assert done.code == 1
    assert "nobody to ask" in done.err


def test_several_shares_open_together_and_each_alone_does_not(bench: Bench, tmp_path: Path) -> None:
    words = ["--vault", bench.vault, "--identity", bench.anna, "--threshold", "2", "--shares", "3", "--json"]
    shares = run("keys", "split", *words).ok().json["shares"]
    files = []
    for number, mnemonic in enumerate(shares):
        files.append(tmp_path / f"share{number}.txt")
        files[-1].write_text(mnemonic + "\n")
    given = [["--identity", file] for file in files]
    run("list", "--vault", bench.vault, *given[0], *given[2]).ok()
    for one in given:
        done = run("list", "--vault", bench.vault, *one)
        assert done.code == 1
        # pairs, for some single words of such a list are also words of our own sentences
        assert not any(" ".join(pair) in done.err for pair in pairwise(shares[0].split()[4:]))
    typed = run("list", "--vault", bench.vault, *given[0], "--identity", "-", stdin=shares[1] + "\n")
    typed.ok()


def test_two_keepers_of_a_split_vault_open_it_together(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "split", "--threshold", "2")
    bench.seal(fill(tmp_path / "source", {"a.txt": b"one file"}))
    anna, ben = ["--identity", bench.anna], ["--identity", bench.ben]
    run("list", "--vault", bench.vault, *anna, *ben).ok()
    done = run("list", "--vault", bench.vault, *anna)
    assert done.code == 1
    assert done.err.startswith("bearwitness: ")


def test_a_new_key_is_readable_by_its_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    key = tmp_path / "anna.key"
    first = run("keys", "new", "-o", key, "--json").ok()
    assert key.stat().st_mode & 0o777 == 0o600
    assert first.json["recipient"] == recipient_of(key)
    assert secret_of(key) not in first.out + first.err
    before = key.read_bytes()
    assert run("keys", "new", "-o", key).code == 1
    assert key.read_bytes() == before


def test_a_key_given_on_the_command_line_by_mistake_is_not_repeated(bench: Bench) -> None:
    secret = secret_of(bench.anna)
    done = run("list", "--vault", bench.vault, "--identity", secret)
    assert done.code == 1
    assert secret not in done.out + done.err


@pytest.mark.parametrize("verb", ["init", "wrap"])
def test_a_key_given_in_the_place_of_a_recipient_is_not_repeated(
    bench: Bench, tmp_path: Path, verb: str
) -> None:
    secret = secret_of(bench.anna)
    for given in (secret, secret.lower(), f" {secret}", f"age1{secret}"):
        words = ["init", tmp_path / "vault"] if verb == "init" else ["keys", "wrap", "--vault", bench.vault]
        known = [] if verb == "init" else ["--identity", bench.anna]
        done = run(*words, *known, "--recipient", given)
        assert done.code == 1
        assert secret[15:] not in (done.out + done.err).upper()


@pytest.mark.parametrize("verb", ["keys", "cosign", "people"])
def test_a_key_that_found_no_room_leaves_nothing_that_keeps_it_from_being_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    key = tmp_path / "key"
    words = {
        "keys": ["keys", "new", "-o", key],
        "cosign": ["cosign", "new", "--name", "paper.example/desk", "-o", key],
        "people": ["people", "new", "-o", key, "--plain"],
    }[verb]

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        done = run(*words)
    assert done.code == 1
    assert f"{key} is full" in done.err
    run(*words).ok()
