"""A workshop without detectors: footage, planned boxes, the derivative."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bearwitness.media.source import Source as Bytes
from bearwitness.redact import attacker, operations, redaction
from bearwitness.redact.copying import TASKS
from bearwitness.redact.footage import Footage
from bearwitness.redact.geometry import Box
from bearwitness.redact.plan import Detector, Plan, source_of
from bearwitness.sandbox.client import Sandbox
from bearwitness.signals.arrays import Grey
from bearwitness.signals.borders import Box as Edges
from bearwitness.signals.text import Line


class Deaf:
    """In the place of what hears speech: hears in each track what it is told to."""

    def __init__(self, *turns: tuple[int, int]) -> None:
        self.turns = list(turns)

    def speech(self, footage: Footage, *_: object) -> list[tuple[int, int]]:
        return self.turns if footage.sounds else []

    def of_track(self, footage: Footage, stream: int, *_: object, **__: object) -> tuple[int, Any]:
        return footage.facts.streams[stream].sample_rate, []

    def close(self) -> None:
        pass


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch) -> Deaf:
    """Exchange the detector of speech, so that no worker starts; return what hears instead."""
    deaf = Deaf()
    for module in (redaction, attacker):
        monkeypatch.setattr(module, "Listener", lambda **_: deaf)
    return deaf


class Idle:
    """In the place of a worker that is never asked: none starts."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def prepare(self) -> None:
        pass

    def expect(self, height: int, width: int, scale: float) -> None:
        pass

    def close(self) -> None:
        pass


NOBODY = Detector("nobody", "00" * 32, ("1×",), 0)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(TASKS) as one:
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


class Blind:
    """Finds no text, or the lines it is told: (box, words), in every frame."""

    def __init__(self, *lines: tuple[Box, str]) -> None:
        self._lines = lines

    def find(self, grey: Grey) -> list[Edges]:
        return [Edges(box.x, box.y, box.right, box.bottom) for box, _ in self._lines]

    def read(self, grey: Grey) -> Line:
        return Line(self._lines[0][1], 0.9)
