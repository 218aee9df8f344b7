"""The release of version 2: whatever changes, it must be accepted, with the same findings; and by hand."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from workbench import verify

V2 = Path(__file__).resolve().parent / "golden" / "v2"
EXPECTED: dict[str, Any] = json.loads((V2 / "expected.json").read_text("utf-8"))
BYTES_MAX = 1_000_000


def test_it_stays_small() -> None:
    assert sum(path.stat().st_size for path in V2.rglob("*") if path.is_file()) < BYTES_MAX


def test_its_findings_are_still_those_it_was_made_with() -> None:
    found = verify(V2 / "release", "--vault-key", EXPECTED["vault_key"], "--json").ok().json
    assert found["verdict"] == "verified"
    assert found["findings"] == EXPECTED["findings"]


def test_the_archive_of_one_clip_of_sound_is_still_accepted() -> None:
    found = verify(V2 / "sound.zip", "--vault-key", EXPECTED["vault_key"]).ok()
    assert "100 % of its packets" in found.out


def test_without_the_vaults_key_it_is_only_consistent() -> None:
    verify(V2 / "release").ok(4)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_script_in_it_still_says_ok() -> None:
    words = ["sh", "-c", "sed -n '/^# BEGIN/,/^# END/p' VERIFY.txt | sh"]
    done = subprocess.run(words, cwd=V2 / "release", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("ok ") for line in done.stdout.splitlines())
