"""A vault in which everything has happened, and a release of it that tests alter and sign again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from forging import Forged
from workbench import Scene


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Return the vault; nobody alters it."""
    return Scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture
def forged(scene: Scene, tmp_path: Path) -> Callable[[], Forged]:
    """Return a function that gives a copy of the release `court`, to be altered."""
    return lambda: Forged(scene.court, scene.vault, tmp_path)
