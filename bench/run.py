"""Speed and memory as ratios against peers measured in the same run: what `make bench` does.

python bench/run.py [--rounds 5] [--full]     --full: also 10 GB, a million empty files, a throttled drive
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import data
import throttle
import triage
from measure import Runs, Timing, fresh, peak_memory, rounds, timed, warm

OUT = Path("bench-out").resolve()
BIN = Path(sys.executable).parent
SEAL = str(BIN / "bearwitness")
MB = 1_000_000


class Board:
    """Collects what was measured against what was wanted."""

    def __init__(self) -> None:
        self.missed = 0

    def line(
        self, name: str, value: float, target: float | None, unit: str = "×", *, least: bool = False
    ) -> None:
        """Print a figure; with a target say whether it is met."""
        verdict = ""
        if target is not None:
            good = value >= target if least else value <= target
            self.missed += not good
            verdict = (
                f"  {'at least' if least else 'at most'} {target:g}{unit}: {'met' if good else 'MISSED'}"
            )
        print(f"{name:<58} {value:10,.2f}{unit}{verdict}", flush=True)

    def ratio(self, name: str, mine: Runs, peer: Runs, target: float) -> None:
        """Print how many times as long as a peer we took, by the clock and in processor time."""
        found = mine.against(peer)
        self.line(f"  against {name} ({peer.wall:.2f} s)", found.wall, target)
        self.line("    in processor time", found.processor, None)


def main() -> int:
    """Run the measurements; return 0 even if a target is missed: a bench reports, tests judge."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    # An installation keeps compiled modules; where Python is told not to write any, each start compiles all.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    OUT.mkdir(exist_ok=True)
    source = data.make(OUT / "data")
    key = _key()
    board = Board()
    print(f"{platform.platform()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}")
    hot(source, key, options.rounds, board)
    small(source, key, options.rounds, board)
    checking(source, key, options.rounds, board)
    board.line("peak memory sealing 1 GB", peak_memory(_seal_command(source, key)) / MB, 300, " MB")
    redacting(options.rounds, full=options.full)
    triage.main([])
    if options.full:
        full(source, key, board)
    else:
        print("(10 GB, a million empty files, a drive of 300 MB/s: bench/run.py --full)")
    return 0


def redacting(count: int, *, full: bool) -> None:
    """Redact a clip, against deface: a bench of its own, for it loads what the rest does not need."""
    command = [sys.executable, str(Path(__file__).with_name("redact.py")), "--rounds", str(min(count, 3))]
    subprocess.run([*command, *(["--full"] if full else [])], check=False)


def _key() -> Path:
    path = OUT / "bench.key"
    if not path.exists():
        timed([SEAL, "keys", "new", "-o", str(path)])
    return path


def _recipient(key: Path) -> str:
    return key.read_text().split("public key: ")[1].split()[0]


def _seal_command(source: Path, key: Path) -> list[str]:
    """Return the command that seals `source` into a fresh vault, which is made."""
    vault = fresh(OUT / "vault")
    timed([SEAL, "init", str(vault), "--recipient", _recipient(key)])
    return [SEAL, "seal", str(source), "--vault", str(vault)]


def _timed_seal(source: Path, key: Path) -> Callable[[], Timing]:
    def run() -> Timing:
        command = _seal_command(source, key)
        warm(source)
        return timed(command)

    return run


def _timed_peer(command: str, source: Path, output: Path | None = None) -> Callable[[], Timing]:
    def run() -> Timing:
        if output:
            fresh(output)
        warm(source)
        return timed(command)

    return run


def hot(source: Path, key: Path, count: int, board: Board) -> None:
    """Seal everything, cache hot, against openssl, tar | age and borg."""
    floor = f"{sys.executable} {Path(__file__).with_name('floor.py')} {source}"
    contestants = {"seal": _timed_seal(source, key), "floor": _timed_peer(floor, source)}
    if shutil.which("openssl"):
        command = f"find {source} -type f -print0 | xargs -0 -n 100000 openssl dgst -sha256"
        contestants["openssl"] = _timed_peer(command, source)
    if shutil.which("age"):
        age = f"tar c -C {source} . | age -r {_recipient(key)} > {OUT}/tar.age"
        contestants["age"] = _timed_peer(age, source, OUT / "tar.age")
    if shutil.which("borg"):
        contestants["borg"] = _borg(source)
    got = rounds(contestants, count)
    board.line("seal: 1 GB of MP4s and 20,000 small files", got["seal"].wall, None, " s")
    names = {"openssl": "openssl dgst -sha256", "age": "tar | age", "borg": "borg create, repokey"}
    for peer, target in (("openssl", 2.5), ("age", 0.8), ("borg", 0.6)):
        if peer in got:
            board.ratio(names[peer], got["seal"], got[peer], target)
        else:
            print(f"  ({peer} is not installed)")
    if "floor" in got and "age" in got:
        board.ratio("tar | age: three hashes and encryption, nothing else", got["floor"], got["age"], 0.8)


def _borg(source: Path) -> Callable[[], Timing]:
    def run() -> Timing:
        repository = fresh(OUT / "borg")
        env = os.environ | {"BORG_PASSPHRASE": "x", "BORG_REPO": str(repository), "BORG_BASE_DIR": str(OUT)}
        timed(["borg", "init", "-e", "repokey"], env=env)
        warm(source)
        return timed(["borg", "create", "-C", "none", "::a", str(source)], env=env)

    return run


def small(source: Path, key: Path, count: int, board: Board) -> None:
    """Seal 20,000 files of 4 KB."""
    got = rounds({"small": _timed_seal(source / "small", key)}, count)
    board.line("small files a second", data.SMALL_FILES / got["small"].wall, 12_000, "/s", least=True)


def checking(source: Path, key: Path, count: int, board: Board) -> None:
    """Check with key, against age -d of the same packs on both cores."""
    timed(_seal_command(source, key))
    vault = OUT / "vault"
    contestants = {
        "check": _timed_peer(f"{SEAL} check --vault {vault} --identity {key}", vault),
        "deep": _timed_peer(f"{SEAL} check --deep --vault {vault} --identity {key}", vault),
    }
    if shutil.which("age"):
        copies = fresh(OUT / "aged")
        copies.mkdir()
        for number, pack in enumerate(sorted((vault / "packs").rglob("*"))):
            if pack.is_file():
                timed(f"age -r {_recipient(key)} -o {copies}/{number}.age {pack}")
        command = f"ls {copies}/* | xargs -P {os.cpu_count()} -n 1 age -d -i {key}"
        contestants["age"] = _timed_peer(command, copies)
    got = rounds(contestants, count)
    board.line("check with key", got["check"].wall, None, " s")
    board.line("check --deep", got["deep"].wall, None, " s")
    if "age" in got:
        board.ratio("age -d, both cores", got["check"], got["age"], 1.5)


def full(source: Path, key: Path, board: Board) -> None:
    """What takes long: ten times as much, a million names, a slow drive."""
    large = OUT / "large"
    if not large.exists():
        for copy in range(10):
            shutil.copytree(source / "mp4", large / str(copy))
    board.line("peak memory sealing 10 GB", peak_memory(_seal_command(large, key)) / MB, 300, " MB")
    shutil.rmtree(large)
    million = OUT / "million"
    if not million.exists():
        for number in range(1_000_000):
            if number % 1000 == 0:
                (million / f"{number // 1000:04}").mkdir(parents=True)
            os.close(os.open(f"{million}/{number // 1000:04}/{number:07}", os.O_CREAT | os.O_WRONLY))
    command = _seal_command(million, key)
    begin = time.perf_counter()
    board.line("peak memory sealing a million empty files", peak_memory(command) / MB, 300, " MB")
    board.line("  empty files a second", 1_000_000 / (time.perf_counter() - begin), None, "/s")
    shutil.rmtree(million)
    throttle.measure(source / "mp4", lambda: _seal_command(source / "mp4", key), board)


if __name__ == "__main__":
    sys.exit(main())
