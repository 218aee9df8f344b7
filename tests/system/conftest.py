"""Tests of whole commands in processes of their own, and of what an adversary can do to what they leave."""

from __future__ import annotations

import pytest

from workbench import Scene


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Return a vault in which everything has happened; nobody alters it."""
    return Scene(tmp_path_factory.mktemp("scene"))
