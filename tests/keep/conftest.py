"""A vault in which everything has happened, made once a session."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self

import pytest

from bearwitness.keep import sharing_out
from workbench import Scene


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Return the vault; whoever alters it works on a copy, or puts everything back."""
    return Scene(tmp_path_factory.mktemp("scene"))


class InlinePool:
    """A process pool that is this process: thousands of checks of a tiny vault need no processes."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, function: Callable[..., Any], *arguments: Iterable[Any]) -> Iterator[Any]:
        return map(function, *arguments)


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> Sequence[object]:
    """Let `check` work in this process alone."""
    monkeypatch.setattr(sharing_out, "ProcessPoolExecutor", InlinePool)
    return ()
