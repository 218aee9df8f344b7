"""A browser that shows the page, and the releases it is given to check."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bearwitness.disclose.webpage import NAME, page
from browser import Browser, browser
from reader import Reader
from workbench import Scene


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("chromium")) as made:
        yield made


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the page lies as a file."""
    path = tmp_path_factory.mktemp("page") / NAME
    path.write_bytes(page())
    return path


@pytest.fixture(scope="session")
def reader(chromium: Browser, place: Path) -> Reader:
    """Return a reader before the page; the page keeps what was picked last."""
    return Reader(chromium.tab(place))


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Return a vault in which everything has happened; nobody alters it."""
    return Scene(tmp_path_factory.mktemp("scene"))
