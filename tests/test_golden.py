"""The vault and release of version 1: whatever changes, they must be read, checked and gone on with."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from bearwitness.catalogue.catalogue import Catalogue
from bearwitness.vault import keyring
from bearwitness.vault.opening import open_vault_proper
from workbench import fill, run, verify

V1 = Path(__file__).resolve().parent / "golden" / "v1"
ROOT = V1.parents[2]
BYTES_MAX = 1_500_000
EXPECTED: dict[str, Any] = json.loads((V1 / "expected.json").read_text())
RELEASES = ("release", "release.zip")


@pytest.fixture
def golden(tmp_path: Path) -> Iterator[Path]:
    """Return a copy to work on: commands make folders of their own and enter acts in the log."""
    copy = tmp_path / "v1"
    shutil.copytree(V1, copy, symlinks=True)
    yield copy
    shutil.rmtree(copy)


def on_vault(golden: Path, verb: str, *words: object, codes: tuple[int, ...] = (0,)) -> Any:
    identity = ("--identity", golden / "keys/anna.key")
    return run(verb, *words, "--vault", golden / "vault", *identity, "--json").ok(*codes).json


def path_of(item: dict[str, Any]) -> bytes:
    return base64.b64decode(item["path"])


def of_folder() -> list[dict[str, Any]]:
    """Return the items that were sealed from a folder, the first delivery."""
    first = next(i["delivery"] for i in EXPECTED["items"] if path_of(i) == b"papers/long.bin")
    return [item for item in EXPECTED["items"] if item["delivery"] == first]


def test_all_of_it_is_in_the_repository_and_stays_small() -> None:
    files = [path for path in V1.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < BYTES_MAX
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout: what is committed can not be seen")
    known = subprocess.run(
        ["git", "ls-files", "-z", "--", str(V1)], cwd=ROOT, capture_output=True, check=True
    ).stdout.split(b"\x00")
    assert {ROOT / os.fsdecode(name) for name in known if name} == set(files)


def test_it_is_never_made_anew() -> None:
    before = (V1 / "expected.json").stat().st_mtime_ns
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools/make_golden.py")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "never again" in done.stderr
    assert (V1 / "expected.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("keys", [(), ("anna",), ("anna", "sara"), ("carla",), ("ben",)])
def test_the_vault_is_found_as_it_must_be(golden: Path, keys: tuple[str, ...]) -> None:
    identities = [word for name in keys for word in ("--identity", golden / f"keys/{name}.key")]
    words = [*identities, *(["--deep"] if keys else []), "--tsa-root", golden / "tsa-root.pem"]
    since = ["--since", golden / "early.checkpoint"]
    found = run("check", "--vault", golden / "vault", *words, *since, "--json").ok().json
    assert found["problems"] == []
    assert found["vault_fingerprint"] == EXPECTED["vault_fingerprint"]
    assert found["checked"]["entries"] >= 20
    if keys:
        assert found["checked"]["items"] >= len(EXPECTED["items"])


def test_one_altered_byte_of_it_is_noticed(golden: Path) -> None:
    pack = max((golden / "vault/packs").rglob("*"), key=lambda p: p.stat().st_size if p.is_file() else 0)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    assert run("check", "--vault", golden / "vault").code == 1


def test_the_same_items_are_listed(golden: Path) -> None:
    listed = on_vault(golden, "list")
    assert listed["destroyed"] == EXPECTED["destroyed"]
    found = {item["item"]: item for item in listed["items"]}
    assert set(found) == {item["item"] for item in EXPECTED["items"]}
    for item in EXPECTED["items"]:
        now = found[item["item"]]
        assert now["path"].encode("utf-8", "surrogateescape") == path_of(item)
        assert str(now["mtime_ns"]) == item["mtime"]
        for name in ("sha256", "bytes", "fate", "delivery"):
            assert now[name] == item[name]


def test_every_file_comes_back_with_its_bytes_name_and_time(golden: Path, tmp_path: Path) -> None:
    items = of_folder()
    words = ["--delivery", items[0]["delivery"], "--not-recorded"]
    on_vault(golden, "restore", tmp_path / "out", *words, codes=(3,))  # 3: a pipe can not be restored
    for item in items:
        path = os.path.join(os.fsencode(tmp_path / "out"), path_of(item))
        kind = item["fate"]["type"]
        if kind == "fifo":
            assert not os.path.lexists(path)
            continue
        assert str(os.lstat(path).st_mtime_ns) == item["mtime"]
        if kind == "symlink":
            assert os.readlink(path) == base64.urlsafe_b64decode(item["fate"]["target"] + "===")
            continue
        with open(path, "rb") as file:
            assert sha256(file.read()).hexdigest() == item["sha256"]
        assert os.path.getsize(path) == item["bytes"]


def test_the_quarantine_opens_for_the_source_keeper_alone(golden: Path, tmp_path: Path) -> None:
    words = ["--vault", golden / "vault", "--quarantine"]
    sara, anna = (["--identity", golden / f"keys/{name}.key"] for name in ("sara", "anna"))
    assert run("list", *words, *anna).code == 1
    image = [i for i in run("list", *words, *sara, "--json").ok().json["items"] if i["bytes"]]
    assert image
    restore = ["restore", tmp_path / "out", *words, *sara, "--not-recorded", "--json"]
    run(*restore).ok()
    restored = {sha256(p.read_bytes()).hexdigest() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert {item["sha256"] for item in image} <= restored


def test_a_rebuilt_catalogue_holds_the_rows_it_held(golden: Path) -> None:
    on_vault(golden, "rebuild")
    vault = open_vault_proper(golden / "vault")
    keys = keyring.load_given([str(golden / "keys/anna.key")], input)
    identity = keyring.require_vault(keyring.unlock(vault, keys))
    catalogue = Catalogue.open(vault.local / "catalogue.db", identity)
    now = [json.loads(row) for row in catalogue.dump()]
    catalogue.close()
    held = [json.loads(row) for row in (V1 / "dump.jsonl").read_text().splitlines()]
    assert len([row for row in now if row["table"] != "meta"]) == len(held)
    for row in held:  # a later version may know more of a row, never less
        assert [found for found in now if row.items() <= found.items()], row


@pytest.mark.parametrize("form", RELEASES)
def test_the_release_verifies_with_each_anchor_and_with_none_is_consistent_only(form: str) -> None:
    package = V1 / form
    anchors: list[list[object]] = [
        ["--vault-key", EXPECTED["vault_fingerprint"]],
        ["--cosigner", (V1 / "cosigner.vkey").read_text().strip()],
        ["--checkpoint", V1 / "later.checkpoint"],
    ]
    for anchor in anchors:
        verify(package, *anchor, "--tsa-root", V1 / "tsa-root.pem").ok(0)
    verify(package).ok(4)
    refused: list[list[object]] = [["--vault-key", "0" * 64], ["--checkpoint", V1 / "early.checkpoint"]]
    for anchor in refused:  # the early checkpoint holds one of the two deliveries only
        assert verify(package, *anchor).code == 1


def test_the_release_shows_the_files_that_were_sealed() -> None:
    sealed = {item["sha256"] for item in EXPECTED["items"] if item["sha256"]}
    shown = [sha256(path.read_bytes()).hexdigest() for path in (V1 / "release/exhibits").iterdir()]
    assert len(shown) == 6
    assert set(shown) <= sealed


def test_two_of_three_keepers_open_the_shared_vault_and_one_does_not(golden: Path) -> None:
    anna, ben = (["--identity", golden / f"keys/{name}.key"] for name in ("anna", "ben"))
    words = ["list", "--vault", golden / "shared", "--json"]
    assert run(*words, *anna).code == 1
    assert [item["path"] for item in run(*words, *anna, *ben).ok().json["items"]] == ["a.txt"]


def test_the_kit_can_still_be_imported_from_and_the_vault_gone_on_with(golden: Path, tmp_path: Path) -> None:
    assert on_vault(golden, "import", golden / "kit")["deliveries"] == []
    run("seal", fill(tmp_path / "new", {"later.txt": b"years later"}), "--vault", golden / "vault").ok()
    wanted = next(i["item"] for i in EXPECTED["items"] if path_of(i) == b"papers/long.bin")
    on_vault(golden, "release", tmp_path / "again", "--item", wanted)
    verify(tmp_path / "again", "--vault-key", EXPECTED["vault_fingerprint"]).ok()
    check = ["check", "--vault", golden / "vault", "--identity", golden / "keys/anna.key"]
    run(*check, "--since", V1 / "vault/log/vault/checkpoint").ok()
