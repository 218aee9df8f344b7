"""A small vault with two keepers and a delivery; each test works on a copy of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench import Bench, fill, wav

FILES = {
    "a.txt": b"the first file",
    "b/second.bin": 70_000,
    "b/third.txt": b"third",
    "empty": b"",
    "sound.wav": wav(),
}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Return the vault that the others are copies of; nobody alters it."""
    bench = Bench(tmp_path_factory.mktemp("vault"))
    bench.seal(fill(bench.folder / "drive", dict(FILES)), "--by", "Anna", "--md5")
    return bench


@pytest.fixture
def copy(made: Bench, tmp_path: Path) -> Callable[[], Path]:
    """Return a function that gives a fresh copy of the vault."""
    count = iter(range(10_000))

    def make() -> Path:
        return Path(shutil.copytree(made.vault, tmp_path / f"vault-{next(count)}", symlinks=True))

    return make
