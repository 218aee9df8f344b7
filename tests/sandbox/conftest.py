"""Sandboxes whose tasks do what a hostile file would do, with any layers of the lock put on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bearwitness.sandbox.client import Sandbox
from bearwitness.sandbox.limits import Limits
from bearwitness.sandbox.status import layers

HERE = str(Path(__file__).parent)
ALL_LAYERS = frozenset({"landlock", "limits", "seccomp"})

OpenSandbox = Callable[[frozenset[str]], Sandbox]


@pytest.fixture(scope="session")
def open_sandbox() -> Iterator[OpenSandbox]:
    """Return a sandbox of the hostile tasks with the layers asked for."""
    lacking = layers().lacking
    if lacking:
        pytest.skip(f"this kernel can not show it: {'; '.join(lacking)}")
    made: dict[frozenset[str], Sandbox] = {}
    with ExitStack() as stack:

        def get(chosen: frozenset[str]) -> Sandbox:
            if chosen not in made:
                made[chosen] = stack.enter_context(Sandbox("hostile_tasks", _layers=chosen, _folders=[HERE]))
            return made[chosen]

        yield get


@pytest.fixture
def sandbox(open_sandbox: OpenSandbox) -> Sandbox:
    return open_sandbox(ALL_LAYERS)


@pytest.fixture
def unlocked(open_sandbox: OpenSandbox) -> Sandbox:
    """The same tasks with every layer off: shows that what is denied else would succeed."""
    return open_sandbox(frozenset())


@pytest.fixture
def limits() -> Limits:
    return Limits(cpu_seconds=10, wall_seconds=20, memory_bytes=64 << 20, answer_bytes_max=1 << 20)


@pytest.fixture
def hasty() -> Limits:
    """For tasks that never come to an end by themselves."""
    return Limits(cpu_seconds=10, wall_seconds=0.2, memory_bytes=64 << 20, answer_bytes_max=1 << 20)
