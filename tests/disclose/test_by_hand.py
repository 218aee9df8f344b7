"""The check by hand also follows a field kit's delivery to the kit's key, and stands on no tool of ours."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bearwitness.disclose import by_hand
from workbench import Bench, fill, run

BY_HAND = ["sh", "-c", "sed -n '/^# BEGIN/,/^# END/p' VERIFY.txt | sh"]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    made = Bench(tmp_path_factory.mktemp("by-hand"))
    kit = made.folder / "kit"
    run("kit", kit, "--vault", made.vault, "--label", "laptop").ok()
    made.seal(fill(made.folder / "field", {"кит's 100 %.txt": b"in the field"}), vault=kit)
    made.do("import", kit)
    for number in range(3):  # a log of some length has siblings on both sides
        made.seal(fill(made.folder / f"source {number}", {f"{number}.txt": b"at home %d" % number}))
    return made


def by_hand_in(release: Path, *, key: str = "") -> subprocess.CompletedProcess[str]:
    if key:
        text = (release / "VERIFY.txt").read_text("utf-8")
        place = text.index("VAULT=") + len("VAULT=")
        (release / "VERIFY.txt").write_text(text[:place] + key + text[place + 64 :], "utf-8")
    return subprocess.run(BY_HAND, cwd=release, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["кит's 100 %.txt", "0.txt", "1.txt", "2.txt"])
@pytest.mark.parametrize("how", ["--item", "--fields-of"])
def test_every_delivery_is_followed_to_its_log(bench: Bench, tmp_path: Path, name: str, how: str) -> None:
    item = bench.items()[name]["item"]
    bench.do("release", tmp_path / "out", how, item, "--reveal", "path")
    done = by_hand_in(tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "ok         the exhibit leads to the root of the log" in done.stdout
    assert "ok         the log is signed by that key" in done.stdout
    assert "ok         the release is signed by the vault" in done.stdout


def test_the_text_prints_a_keys_fingerprint_and_the_form_that_the_script_holds(
    bench: Bench, tmp_path: Path
) -> None:
    bench.release(tmp_path / "out", ["0.txt"])
    text = (tmp_path / "out/VERIFY.txt").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.startswith(("       KEY=", "       printf"))]
    done = subprocess.run(["sh", "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    held, fingerprint, _ = done.stdout.split()
    assert f"VAULT={held.lower()}\n" in text
    assert fingerprint == bench.fingerprint


def test_another_key_in_the_place_of_the_vaults_is_refused(bench: Bench, tmp_path: Path) -> None:
    bench.release(tmp_path / "out", ["0.txt"])
    done = by_hand_in(tmp_path / "out", key="11" * 32)
    assert done.returncode != 0
    assert "DIFFERENT" in done.stdout


def test_a_statement_altered_after_signing_is_refused(bench: Bench, tmp_path: Path) -> None:
    bench.release(tmp_path / "out", ["0.txt"])
    statement = tmp_path / "out" / "release.json"
    statement.write_bytes(statement.read_bytes().replace(b'"v":"1"', b'"v":"2"'))
    done = by_hand_in(tmp_path / "out")
    assert done.returncode == 1
    assert "DIFFERENT  the release is signed by the vault" in done.stdout


def test_the_script_calls_nothing_but_coreutils_sed_grep_and_openssl(bench: Bench, tmp_path: Path) -> None:
    bench.release(tmp_path / "out", ["0.txt"])
    text = (tmp_path / "out" / "VERIFY.txt").read_text("utf-8")
    script = text[text.index(by_hand.BEGIN) :]
    for word in ("python", "bearwitness-verify", "xxd", "curl", "eval"):
        assert word not in script
