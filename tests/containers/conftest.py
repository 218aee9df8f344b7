"""Files made with FFmpeg, each made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .media import Recipe, make


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Recipe], Path]:
    """Return a function that makes a recipe's file or finds it made."""
    folder = tmp_path_factory.mktemp("media")
    done: dict[str, Path] = {}

    def find(recipe: Recipe) -> Path:
        if recipe.name not in done:
            done[recipe.name] = make(folder, recipe)
        return done[recipe.name]

    return find
