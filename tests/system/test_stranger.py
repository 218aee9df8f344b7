"""Three strangers with next to nothing: one has Python and the verifier's wheel, one a browser, one a shell.

Each is handed a good release, one altered on the way, and one that somebody else made and passes off as the
vault's. Each does what the package's own text says, and nothing else: the commands are read from that text.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from browser import browser, needs_chromium
from reader import Reader
from workbench import Bench, fill, recipient_of, run

ROOT = Path(__file__).resolve().parents[2]
FILES = {"a.txt": b"what happened on the third of March", "b.bin": 200_000}
# GNU coreutils, the POSIX tools sed and grep that come with every system, and openssl and age.
SHELL = "sh sed grep tr cut head tail cat rm mktemp printf test sha256sum basenc openssl age".split()
PACKAGES = ("cryptography", "cffi", "_cffi_backend*", "cryptography-*", "cffi-*")


@dataclass(frozen=True)
class Handed:
    """Releases as handed to strangers, and the vault's key as a newspaper printed it."""

    good: Path
    altered: Path
    passed_off: Path
    sealed: Path
    sealed_command: str
    key: str
    fingerprint: str
    recipient: Path


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Handed:
    folder = tmp_path_factory.mktemp("stranger")
    bench, other = Bench(folder / "true"), Bench(folder / "false")
    for each in (bench, other):
        each.seal(fill(each.folder / "source", dict(FILES)))
        each.release(each.folder / "release", list(FILES), "--reveal", "path")
    altered = folder / "altered"
    shutil.copytree(bench.folder / "release", altered)
    exhibit = max((altered / "exhibits").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(exhibit.read_bytes())
    data[len(data) // 2] ^= 1
    exhibit.write_bytes(data)
    recipient, sealed = bench.key("recipient"), bench.folder / "release.age"
    items = [word for item in bench.items().values() for word in ("--item", item["item"])]
    words = ["release", sealed, *items, "--to", recipient_of(recipient), "--vault", bench.vault]
    said = run(*words, "--identity", bench.anna).ok().out
    (command,) = re.findall(r"age -d -i KEY -o release\.zip", said)
    return Handed(
        bench.folder / "release", altered, other.folder / "release", sealed, command,
        bench.made["vault_key"], bench.fingerprint, recipient,
    )  # fmt: skip


def indented(package: Path, program: str) -> list[str]:
    """Return the lines of a package's own text that are commands of this program."""
    lines = (package / "VERIFY.txt").read_text("utf-8").splitlines()
    return [line.strip() for line in lines if line.startswith("       ") and line.split()[0] == program]


# --- Python and the wheel -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python that has `cryptography` and the verifier's wheel, built here, and nothing else."""
    folder = tmp_path_factory.mktemp("python")
    source = folder / "source"
    shutil.copytree(ROOT / "packaging" / "verify", source)
    shutil.copytree(
        ROOT / "src" / "bearwitness_verify", source / "bearwitness_verify",
        ignore=shutil.ignore_patterns("__pycache__"),
    )  # fmt: skip
    shutil.copy(ROOT / "LICENSE", source)
    pip = [sys.executable, "-m", "pip"]
    quiet = ["--quiet", "--no-deps", "--no-index"]
    build = [*pip, "wheel", *quiet, "--no-build-isolation", "--wheel-dir", folder, source]
    subprocess.run(build, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    (wheel,) = folder.glob("bearwitness_verify-*.whl")
    install = [*pip, "--python", folder / "venv" / "bin" / "python", "install", *quiet, wheel]
    subprocess.run(install, check=True, capture_output=True)
    (site,) = (folder / "venv" / "lib").glob("python3*/site-packages")
    own = Path(__import__("cryptography").__file__).parents[1]
    for pattern in PACKAGES:
        for path in own.glob(pattern):
            copy = shutil.copytree if path.is_dir() else shutil.copy
            copy(path, site / path.name)
    return folder / "venv"


def with_python(machine: Path, package: Path, handed: Handed) -> subprocess.CompletedProcess[str]:
    (line,) = indented(package, "bearwitness-verify")
    words = {"FOLDER": str(package), "KEY-OR-FINGERPRINT": handed.fingerprint}
    program, *rest = [words.get(word, word) for word in line.split()]
    command = [str(machine / "bin" / program), *rest]
    return subprocess.run(command, env={}, cwd="/", capture_output=True, text=True, check=False)


def test_with_python_and_the_wheel_alone_each_gets_its_verdict(machine: Path, handed: Handed) -> None:
    there = "import importlib.util as u; print([n for n in ('bearwitness', 'numpy', 'av') if u.find_spec(n)])"
    seen = subprocess.run(
        [machine / "bin/python", "-I", "-c", there], capture_output=True, text=True, check=True
    )
    assert seen.stdout == "[]\n", "nothing else of ours is on that machine"
    good = with_python(machine, handed.good, handed)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "VERIFIED" in good.stdout
    for package in (handed.altered, handed.passed_off):
        done = with_python(machine, package, handed)
        assert done.returncode == 1, done.stdout
        assert "REFUSED" in done.stdout
        assert "VERIFIED" not in done.stdout


# --- A shell --------------------------------------------------------------------------------------


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """Return the environment of somebody who has the tools of :data:`SHELL` and no other program."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in SHELL:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"{name} is not installed")
        (folder / name).symlink_to(found)
    return {"PATH": str(folder), "TMPDIR": str(tmp_path)}


def by_hand(package: Path, shell: dict[str, str], handed: Handed) -> tuple[bool, str]:
    """Do what the text says; return whether all lines begin with ok and VAULT is the key one trusts."""
    (line,) = indented(package, "sed")
    sh = str(Path(shell["PATH"]) / "sh")
    done = subprocess.run(
        [sh, "-c", line], cwd=package, env=shell, capture_output=True, text=True, check=False
    )
    text = " ".join((package / "VERIFY.txt").read_text("utf-8").split())
    assert "must begin with ok, and VAULT must be the key you trust" in text
    assert (
        "after the second + of the vault's key, from base64, without its first byte, in hexadecimal" in text
    )
    trusted = base64.b64decode(handed.key.split("+", 2)[2])[1:].hex()
    (named,) = re.findall(r"^VAULT=([0-9a-f]{64})$", (package / "VERIFY.txt").read_text("utf-8"), re.M)
    lines = done.stdout.splitlines()
    every = bool(lines) and all(said.startswith("ok") for said in lines)
    return every and not done.returncode and named == trusted, done.stdout + done.stderr


def test_with_coreutils_and_openssl_alone_each_gets_its_verdict(
    handed: Handed, shell: dict[str, str]
) -> None:
    for package, right in ((handed.good, True), (handed.altered, False), (handed.passed_off, False)):
        held, said = by_hand(package, shell, handed)
        assert held == right, f"{package}: {said}"
        assert "not found" not in said, said


def test_an_encrypted_release_opens_with_age_alone_and_holds(
    handed: Handed, shell: dict[str, str], tmp_path: Path
) -> None:
    words = [{"KEY": str(handed.recipient)}.get(word, word) for word in handed.sealed_command.split()]
    command = [str(Path(shell["PATH"]) / words[0]), *words[1:], str(handed.sealed)]
    subprocess.run(command, cwd=tmp_path, env=shell, check=True)
    with zipfile.ZipFile(tmp_path / "release.zip") as archive:  # as a file manager opens it
        archive.extractall(tmp_path / "release")
    held, said = by_hand(tmp_path / "release", shell, handed)
    assert held, said


# --- A browser ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium_of_a_stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    with browser(tmp_path_factory.mktemp("stranger-browser")) as made:
        yield made


@needs_chromium
@pytest.mark.parametrize(
    ("which", "state"), [("good", "verified"), ("altered", "failed"), ("passed_off", "failed")]
)
def test_with_a_browser_alone_each_gets_its_verdict(
    chromium_of_a_stranger: object, handed: Handed, which: str, state: str
) -> None:
    package: Path = getattr(handed, which)
    assert "index.html in this release checks the same in a browser" in (package / "VERIFY.txt").read_text(
        "utf-8"
    )
    tab = chromium_of_a_stranger.tab(package / "index.html")  # type: ignore[attr-defined]
    label = tab.do("document.querySelector('label[for=anchors]').innerText")
    assert "key" in label.lower(), "the page says where the key goes"
    assert Reader(tab).check(package, "").state != "failed" or which == "altered", (
        "without a key nothing is known"
    )
    outcome = Reader(tab).check(package, handed.key)
    assert outcome.state == state, outcome
    assert not [
        e
        for e in tab.said("Network.requestWillBeSent")
        if not e["request"]["url"].startswith(("file:", "blob:"))
    ]
    tab.close()


def test_the_strangers_have_nothing_of_ours(shell: dict[str, str]) -> None:
    assert "python" not in " ".join(os.listdir(shell["PATH"]))
