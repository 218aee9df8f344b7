"""What commands answer machines: the members of their JSON; and everybody: where words go, how they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from bearwitness_verify.checkpoint import read_checkpoint
from bearwitness_verify.note import VerifierKey
from workbench import BIN, Bench, fill, recipient_of, run, verify

ASKED = ["--profile", "court", "--recipient", "x", "--purpose", "prosecution", "--minimum", "1"]


class Two(Bench):
    """A vault with one delivery, a release of it, and what `seal` said."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.source = fill(folder / "source", {"a.txt": b"one file", "b/c.bin": 5000})
        os.mkfifo(self.source / "pipe")
        self.sealed = self.seal(self.source)
        self.court = folder / "court"
        self.release(self.court, ["a.txt"])


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Two:
    return Two(tmp_path_factory.mktemp("answers"))


# --- JSON ---------------------------------------------------------------------------------------


def test_seal_answers_with_the_members_promised(bench: Two) -> None:
    said = bench.sealed
    promised = {"delivery", "items", "bytes", "unreadable", "root", "checkpoint", "vault_fingerprint"}
    assert promised <= set(said)
    assert (said["items"], said["bytes"], said["unreadable"]) == (3, 5008, [])
    assert len(said["delivery"]) == 32
    assert len(bytes.fromhex(said["root"])) == 32
    assert said["vault_fingerprint"] == bench.fingerprint
    checkpoint, _ = read_checkpoint(said["checkpoint"].encode(), VerifierKey.parse(bench.made["vault_key"]))
    assert checkpoint.size == 2


def test_unreadable_names_path_and_reason(
    bench: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bearwitness.seal.sources import FolderSource

    def refused(self: FolderSource, found: object) -> object:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(FolderSource, "open", refused)
    source = fill(tmp_path / "source", {"locked": b"x"})
    said = Bench(tmp_path / "bench").seal(source, codes=(3,))
    assert said["unreadable"] == [{"path": "locked", "reason": "Permission denied"}]


def test_list_answers_with_the_members_promised(bench: Two) -> None:
    said = bench.do("list")
    assert {"deliveries", "items", "unreadable", "destroyed"} <= set(said)
    items = {item["path"]: item for item in said["items"]}
    for item in items.values():
        assert {"item", "path", "sha256", "bytes"} <= set(item)
    assert items["a.txt"]["sha256"] == sha256(b"one file").hexdigest()
    assert items["a.txt"]["bytes"] == 8
    assert items["pipe"]["sha256"] is None
    assert all(len(item["item"]) == 32 for item in items.values())


def test_a_delivery_that_is_not_there_is_an_error_and_not_an_empty_answer(bench: Two, tmp_path: Path) -> None:
    for words in (["list"], ["restore", tmp_path / "out"]):
        done = run(*words, "--vault", bench.vault, "--identity", bench.anna, "--delivery", "zz")
        assert done.code == 2
        assert "no delivery begins with 'zz'" in done.err
    shortened = bench.sealed["delivery"][:6] + "…"
    assert bench.do("list", "--delivery", shortened)["deliveries"]


def test_a_mistyped_name_is_told_as_such_and_not_as_a_forged_release(bench: Two, tmp_path: Path) -> None:
    sealed = tmp_path / "court.age"
    sealed.write_bytes(b"age-encryption.org/v1\n")
    for words, said in (
        ([tmp_path / "nothing"], "nothing can not be read"),
        ([sealed], "is encrypted; open it first"),
        ([bench.court, "--escrow", sealed], "is encrypted; open it first"),
        (
            [bench.court, "--vault-key", "36d8"],
            "36d8 is neither a key, nor a fingerprint of 64 digits",
        ),
        ([bench.court, "--checkpoint", bench.anna], f"{bench.anna}, given to check against, can not be used"),
    ):
        done = verify(*words)
        assert (done.code, done.out) == (2, ""), done.err
        assert said in done.err


def test_what_is_taken_for_a_release_a_request_or_a_draft_is_named(bench: Two, tmp_path: Path) -> None:
    note = tmp_path / "note.json"
    note.write_text("{}")
    at = ["--vault", bench.vault, "--identity", bench.anna]
    for words, code, said in (
        (["export", tmp_path / "nothing", tmp_path / "x", "--as", "report"], 2, "nothing can not be read"),
        (["risk", note, *at], 1, "note.json is no release request"),
        (["request", tmp_path / "r", "--draft", note, *at, *ASKED], 1, "note.json is no draft"),
    ):
        done = run(*words)
        assert (done.code, said in done.err) == (code, True), done.err


def test_a_mistyped_command_is_told_which_was_meant() -> None:
    assert "did you mean seal?" in run("seel", "x").err


def test_the_fingerprint_is_the_sha256_of_the_key(bench: Two) -> None:
    assert bench.fingerprint == sha256(bench.made["vault_key"].encode()).hexdigest()
    for said in (bench.do("check"), bench.do("log"), bench.sealed):
        assert said["vault_fingerprint"] == bench.fingerprint


def test_every_command_answers_one_json_object_on_stdout_and_talks_on_stderr(
    bench: Two, tmp_path: Path
) -> None:
    anna = ["--identity", bench.anna]
    at = ["--vault", bench.vault]
    item = bench.items()["a.txt"]["item"]
    for words, codes in (
        (["keys", "new", "-o", tmp_path / "new.key"], (0,)),
        (["init", tmp_path / "vault", "--recipient", recipient_of(bench.anna)], (0,)),
        (["kit", tmp_path / "kit", *at], (0,)),
        (["seal", bench.source, *at], (0,)),
        (["import", tmp_path / "kit", *at, *anna], (0,)),
        (["list", *at, *anna], (0,)),
        (["log", *at], (0,)),
        (["check", *at], (0,)),
        (["rebuild", *at, *anna], (0,)),
        (["restore", tmp_path / "out", *at, *anna], (3,)),
        (["release", tmp_path / "release.zip", *at, *anna, "--item", item], (0,)),
        (["mirror", tmp_path / "mirror", *at], (0,)),
        (["stamp", *at, "--request", tmp_path / "request.tsq"], (0,)),
        (["cosign", "new", "--name", "a.example/b", "-o", tmp_path / "cosigner.key"], (0,)),
        (["keys", "split", *at, *anna, "--threshold", "2", "--shares", "2"], (0,)),
        (["keys", "wrap", *at, *anna, "--recipient", recipient_of(bench.ben)], (0, 1)),
    ):
        done = run(*words, "--json").ok(*codes)
        if done.code == 1:
            assert done.out == ""
            continue
        assert isinstance(json.loads(done.out), dict), words
    verified = verify(bench.court, "--vault-key", bench.fingerprint, "--json").ok()
    assert json.loads(verified.out)["verdict"]


# --- Exit codes ---------------------------------------------------------------------------------


def test_0_is_done_and_verified(bench: Two) -> None:
    assert run("check", "--vault", bench.vault).code == 0
    assert verify(bench.court, "--vault-key", bench.fingerprint).code == 0


def test_1_is_failed_or_refused(bench: Two, tmp_path: Path) -> None:
    assert run("log", "--vault", tmp_path / "nowhere").code == 1
    stranger = bench.key("stranger")
    assert run("list", "--vault", bench.vault, "--identity", stranger).code == 1
    assert verify(bench.court, "--vault-key", "0" * 64).code == 1
    exhibit = next((bench.court / "exhibits").iterdir())
    before = exhibit.read_bytes()
    exhibit.write_bytes(before + b"!")
    assert verify(bench.court, "--vault-key", bench.fingerprint).code == 1
    exhibit.write_bytes(before)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["no-such-command"],
        ["seal"],
        ["seal", "--vault"],
        ["list", "--vault", "{vault}"],
        ["check", "--vault", "{vault}", "--deep"],
        ["check", "--vault", "{vault}", "--since", "/nowhere/at/all"],
        ["keys", "new"],
        ["keys", "dance"],
        ["release", "out", "--vault", "{vault}", "--identity", "{anna}", "--item", "zzz"],
        ["release", "out", "--vault", "{vault}", "--identity", "{anna}", "--item", "000000"],
        ["restore", "{vault}-out", "--vault", "{vault}", "--identity", "{anna}", "--item", "00"],
    ],
)  # fmt: skip
def test_2_is_called_wrongly(bench: Two, words: list[str]) -> None:
    done = run(*(word.format(vault=bench.vault, anna=bench.anna) for word in words))
    assert done.code == 2
    assert words == [] or (done.out == "" and done.err.startswith("bearwitness: "))


def test_2_is_an_anchor_that_can_not_be_used(bench: Two, tmp_path: Path) -> None:
    assert verify(bench.court, "--vault-key", "no key").code == 2
    assert verify(bench.court, "--checkpoint", tmp_path / "missing").code == 2


def test_3_is_done_with_losses_all_of_them_listed(bench: Two, tmp_path: Path) -> None:
    words = ["--delivery", bench.sealed["delivery"], "--vault", bench.vault, "--identity", bench.anna]
    done = run("restore", tmp_path / "out", *words)
    assert done.code == 3
    assert " x  pipe" in done.out
    assert (tmp_path / "out/a.txt").read_bytes() == b"one file"


def test_4_is_consistent_only_for_a_forger_s_own_vault_would_look_the_same(bench: Two) -> None:
    done = verify(bench.court)
    assert done.code == 4
    assert "CONSISTENT ONLY" in done.out


# --- Words --------------------------------------------------------------------------------------


def test_an_error_is_a_sentence_with_a_hint_on_stderr_and_never_a_traceback(
    bench: Two, tmp_path: Path
) -> None:
    for words in (
        ["seal", tmp_path / "missing", "--vault", bench.vault],
        ["check", "--vault", tmp_path],
        ["list", "--vault", bench.vault, "--identity", tmp_path / "missing.key"],
        ["restore", bench.source, "--vault", bench.vault, "--identity", bench.anna],
        ["init", bench.vault, "--recipient", recipient_of(bench.anna)],
        ["init", tmp_path / "v", "--recipient", "age1nonsense"],
        ["mirror", bench.source, "--vault", bench.vault],
        ["import", bench.vault, "--vault", bench.vault, "--identity", bench.anna],
        ["destroy", "--vault", bench.vault, "--identity", bench.anna, "--item", "a" * 32, "--ground", "x"],
    ):
        done = run(*words)
        assert done.code in (1, 2), words
        assert done.out == ""
        assert done.err.startswith("bearwitness: "), done.err
        assert "Traceback" not in done.err
        assert len(done.err.splitlines()[0]) > 20


def test_the_program_as_installed_ends_with_the_same_codes_and_survives_a_closed_pipe(bench: Two) -> None:
    program = [str(BIN / "bearwitness"), "log", "--vault", str(bench.vault)]
    assert subprocess.run(program, capture_output=True, check=False).returncode == 0
    assert subprocess.run([*program, "--no"], capture_output=True, check=False).returncode == 2
    shell = f"'{program[0]}' log --vault '{bench.vault}' | true"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    module = [sys.executable, "-m", "bearwitness_verify", str(bench.court)]
    assert subprocess.run(module, capture_output=True, check=False).returncode == 4


def test_the_version_is_told() -> None:
    assert run("--version").ok().out.startswith("bearwitness 0.")
