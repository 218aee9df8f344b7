"""kill -9 at any instant of sealing an image: the same command ends with one quarantine and one evidence."""

from __future__ import annotations

import hashlib
import random
import subprocess
from pathlib import Path

import pytest
from killing import Killed, dying_run, operations

from disks.fat import Fat
from disks.tree import Node, noise
from workbench import SEED, Bench, run, scaled

KILLS = scaled(6, 80)
SMALL = 2
FILES = {f"film {n}.mp4": noise(20_000 + n, n) for n in range(6)}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("killed-image"))


@pytest.fixture(scope="module")
def image(bench: Bench) -> Path:
    nodes = [Node(name, data) for name, data in FILES.items()]
    nodes += [Node("Thumbs.db", b"a trace"), Node("gone.mp4", noise(2_000, 9), deleted=True)]
    path = bench.folder / "disk.img"
    path.write_bytes(Fat(8_000, bits=16).write(nodes))
    return path


@pytest.fixture(scope="module")
def total(bench: Bench, image: Path) -> int:
    """Return how many changes to a disk the seal makes."""
    vault = copy(bench.vault, bench.folder / "count.v")
    return operations(bench.folder, "seal", image, "--vault", vault, "--recover-deleted", small=SMALL)


def copy(tree: Path, to: Path) -> Path:
    subprocess.run(["cp", "-a", tree, to], check=True)
    return to


def quarantined(bench: Bench, vault: Path) -> dict[str, str]:
    """Return what is in the quarantine by path, as SHA-256; no path may be there twice."""
    words = ["--identity", bench.keeper, "--quarantine", "--json"]
    items = run("list", "--vault", vault, *words).ok().json["items"]
    found = {item["path"]: item["sha256"] for item in items}
    assert len(found) == len(items), "a path is twice in the quarantine"
    return found


@pytest.mark.parametrize("number", range(KILLS))
def test_a_kill_at_any_change_to_the_disk_ends_with_one_image_and_each_file_once(
    bench: Bench, image: Path, total: int, tmp_path: Path, number: int
) -> None:
    generator = random.Random(SEED + number)
    at, who = generator.randint(1, total), ("group", "self", "parent")[number % 3]
    killed = Killed(0, "", "")
    while killed.code in (0, 3):  # how many things are done depends a little on which worker is faster
        vault = copy(bench.vault, tmp_path / f"vault{at}")
        words = ["seal", image, "--vault", vault, "--recover-deleted"]
        killed = dying_run(*words, at=at, who=who, small=SMALL)
        at -= 5
    bench.is_clean(vault)
    unfinished = {path.parent.name for path in (vault / "runs").glob("[!.]*/key")}
    if unfinished or not list(vault.glob("deliveries/*")):
        sealed = bench.seal(image, "--recover-deleted", vault=vault, codes=(0, 3))
        if killed.acknowledged:
            assert sealed["delivery"] in unfinished, "the same command began anew"
    assert not list((vault / "runs").glob("[!.]*")), "a run is left"
    items = bench.items(vault=vault)
    assert {path: item["sha256"] for path, item in items.items()} == {
        path: hashlib.sha256(data).hexdigest() for path, data in FILES.items()
    }
    kept = quarantined(bench, vault)
    assert kept["image.raw"] == hashlib.sha256(image.read_bytes()).hexdigest()
    assert {"device.json", "unstable.json", "traces/Thumbs.db"} <= kept.keys()
    assert sum(path.startswith("deleted/") for path in kept) == 1
    entries = run("log", "--vault", vault, "--identity", bench.anna, "--json").ok().json["entries"]
    sources = [e["fields"]["source"] for e in entries if e.get("fields", {}).get("kind") == "sealed"]
    assert [source["readings"] for source in sources] == ["2"]
    bench.is_clean(vault)
