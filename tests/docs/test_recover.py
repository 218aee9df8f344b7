"""When we are all gone: the script printed in docs/format.md brings everything back, with `age` alone."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench import Bench, needs_age, recipient_of, run, snapshot

ROOT = Path(__file__).resolve().parents[2]


def printed_script() -> str:
    """Return the script exactly as it is printed."""
    text = (ROOT / "docs" / "format.md").read_text("utf-8")
    found = re.findall(r"<!-- recover\.py -->\n```python\n(.*?)```\n<!-- /recover\.py -->", text, re.DOTALL)
    assert len(found) == 1
    return str(found[0])


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the drive of the demo: videos, pictures, a duplicate, a damaged file, odd names."""
    pytest.importorskip("av", reason="PyAV draws the sample drive")
    spec = importlib.util.spec_from_file_location("sample_drive", ROOT / "tools" / "sample_drive.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    folder = tmp_path_factory.mktemp("sample") / "drive"
    maker.make(folder)
    with (folder / "large.bin").open("wb") as file:  # more than one pack, and a hole
        file.write(os.urandom(20 << 20))
        file.seek(8 << 20, os.SEEK_CUR)
        file.write(b"end")
    return folder


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, drive: Path) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("recover"))
    made.seal(drive)
    yield made
    shutil.rmtree(made.folder)


def recover(folder: Path, identity: Path, vault: Path, *, ok: bool = True) -> Path:
    """Run the printed script on its own, without anything of ours to import."""
    script, out = folder / "recover.py", folder / "recovered"
    script.write_text(printed_script(), "utf-8")
    command = [sys.executable, "-I", str(script), str(identity), str(vault), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert (done.returncode == 0) is ok, done.stderr
    return out


def regular(root: Path) -> dict[bytes, tuple[bytes, int]]:
    """Return bytes and modification time of every file by name."""
    return {name: (told[1], told[2]) for name, told in snapshot(root).items() if told[0] == "file"}


def test_the_script_is_short_and_needs_nothing_but_the_standard_library() -> None:
    script = printed_script()
    assert len(script.splitlines()) <= 45
    imported = set(re.findall(r"^import (.*)$", script, re.MULTILINE))
    assert imported == {"base64, json, os, pathlib, subprocess, sys"}
    assert "bearwitness" not in script


@needs_age
def test_every_file_comes_back_with_its_name_and_time(bench: Bench, drive: Path, tmp_path: Path) -> None:
    out = recover(tmp_path, bench.anna, bench.vault)
    there = regular(drive)
    assert len(there) >= 18
    assert regular(out) == there
    shutil.rmtree(out)


@needs_age
def test_they_come_back_after_the_keys_were_rotated_and_an_item_destroyed(
    bench: Bench, drive: Path, tmp_path: Path
) -> None:
    vault = tmp_path / "vault"
    shutil.copytree(bench.vault, vault, symlinks=True)
    gone = bench.items(vault=vault)["papers/roster.csv"]["item"]
    keys = ["--identity", bench.anna, "--identity", bench.ben]
    run("destroy", "--vault", vault, *keys, "--item", gone, "--ground", "court order").ok()
    bench.do("keys", "rotate", "--recipient", recipient_of(bench.ben), vault=vault)
    out = recover(tmp_path, bench.ben, vault)
    left = regular(drive)
    del left[b"papers/roster.csv"]
    assert regular(out) == left
    shutil.rmtree(out)


@needs_age
def test_they_come_back_from_a_mirror(bench: Bench, drive: Path, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    bench.do("mirror", mirror)
    out = recover(tmp_path, bench.anna, mirror)
    assert regular(out) == regular(drive)
    shutil.rmtree(tmp_path)


@needs_age
def test_shares_put_together_by_the_reference_implementation_open_a_split_vault(tmp_path: Path) -> None:
    from shamir_mnemonic import combine_mnemonics

    from bearwitness.crypto import bech32

    made = Bench(tmp_path / "split")
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.txt").write_text("opened from paper\n")
    made.seal(source)
    words = ["--vault", made.vault, "--identity", made.anna, "--threshold", "2", "--shares", "3", "--json"]
    shares = run("keys", "split", *words).ok().json["shares"]
    secret = combine_mnemonics([shares[0], shares[2]])
    identity = tmp_path / "vault.key"
    identity.write_text(bech32.encode("age-secret-key-", secret).upper() + "\n")
    out = recover(tmp_path, identity, made.vault)
    assert regular(out) == regular(source)


@needs_age
def test_a_stranger_s_identity_gets_nothing(bench: Bench, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.key"
    run("keys", "new", "-o", stranger).ok()
    out = recover(tmp_path, stranger, bench.vault, ok=False)
    assert not out.exists()
