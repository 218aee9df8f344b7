"""How long the page takes to verify a package of 500 MB in Chromium, against `openssl dgst -sha256` over it.

python bench/page.py [--rounds 3]     as four files, then as one; from the choice of the folder to the verdict
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from browser import CHROMIUM, browser
from reader import Reader
from workbench import Bench

TOTAL = 500_000_000
TARGET = 3.0


def packages(folder: Path) -> tuple[str, list[Path]]:
    """Make a vault of random files; return its key and a release for each way to split the bytes."""
    bench, source, made = Bench(folder / "bench"), folder / "source", []
    source.mkdir()
    for parts in (4, 1):
        for number in range(parts):
            (source / f"{parts}-{number}").write_bytes(os.urandom(TOTAL // parts))
    bench.seal(source)
    items = bench.items()
    for parts in (4, 1):
        words = [word for n in range(parts) for word in ("--item", items[f"{parts}-{n}"]["item"])]
        bench.do("release", folder / f"of-{parts}", *words)
        made.append(folder / f"of-{parts}")
    return bench.made["vault_key"], made


def hashed(package: Path) -> float:
    """Return the seconds that openssl takes for all files of a package."""
    files = [str(path) for path in package.rglob("*") if path.is_file()]
    begin = time.perf_counter()
    subprocess.run(["openssl", "dgst", "-sha256", *files], check=True, capture_output=True)
    return time.perf_counter() - begin


def verified(reader: Reader, package: Path, key: str) -> float:
    """Return the seconds the page takes to say that a package is verified."""
    begin = time.perf_counter()
    if reader.check(package, key).state != "verified":
        raise SystemExit(f"{package} does not verify in the page")
    return time.perf_counter() - begin


def main() -> int:
    """Measure and print; return 0 even if the target is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    rounds = range(parser.parse_args().rounds)
    if CHROMIUM is None:
        print("(chromium is not installed: the page is not measured)")
        return 0
    with tempfile.TemporaryDirectory() as name, browser(Path(name)) as chromium:
        key, made = packages(Path(name))
        reader = Reader(chromium.tab(made[0] / "index.html"))
        for package in made:
            pairs = [(hashed(package), verified(reader, package, key)) for _ in rounds]
            peer, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
            said = "met" if ours / peer <= TARGET else "MISSED"
            print(f"{package.name}: openssl {peer:.2f} s, page {ours:.2f} s, {ours / peer:.1f} × ({said})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
