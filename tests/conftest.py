"""Fixtures that tests of every folder share. Longer runs are asked for with BEARWITNESS_ALL (scale.py)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings
from PIL import Image

from astronaut import photograph
from priority import stay_ordinary
from scale import ALL

stay_ordinary()
pytest.register_assert_rewrite("containers.media")  # it asserts too; tests of several folders import it
settings.register_profile("ours", deadline=None, derandomize=not ALL, database=None)  # no test asserts speed
settings.load_profile("ours")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Return the folder of real media with ground truth; skip where it is not there."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "corpus"
    folder = Path(os.environ.get("BEARWITNESS_CORPUS") or beside)
    if not (folder / "corpus.json").is_file():
        pytest.skip(f"the corpus is not at {folder}; BEARWITNESS_CORPUS can name another place")
    return folder


@pytest.fixture(scope="session")
def astronaut() -> Image.Image:
    """Return a photograph with one face in it."""
    return photograph()
