"""A workshop without detectors: footage, planned boxes, the derivative."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bearwitness import media
from bearwitness.media.source import Source as Bytes
from bearwitness.redact import operations
from bearwitness.redact.footage import Footage
from bearwitness.redact.geometry import Box
from bearwitness.redact.plan import Detector, Plan, source_of
from bearwitness.sandbox.client import Sandbox

NOBODY = Detector("nobody", "00" * 32, ("1×",), 0)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(media.TASKS) as one:
        yield one


@pytest.fixture
def opened(sandbox: Sandbox) -> Iterator[Callable[[Path], Footage]]:
    descriptors = []

    def open_it(path: Path) -> Footage:
        descriptors.append(os.open(path, os.O_RDONLY))
        return Footage(sandbox, Bytes.of_file(descriptors[-1], path.name))

    yield open_it
    for descriptor in descriptors:
        os.close(descriptor)


def empty_plan(path: Path, footage: Footage) -> Plan:
    """Return a plan that hides nothing; the frames count as seen."""
    times = tuple(frame.pts for frame in footage.frames())
    return Plan(source_of(iter([path.read_bytes()])), footage.picture, times, (NOBODY,))


def hiding(plan: Plan, box: Box, begin: int, end: int) -> Plan:
    """Return the plan that hides `box` in frames number `begin` to `end` - 1."""
    first, last = (plan.seconds(plan.times[n]) for n in (begin, end - 1))
    return operations.add_box(plan, box, first, last)
