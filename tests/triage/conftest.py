"""A vault with pictures, documents and sound, a sandbox for the tasks of triage, and files to look at."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bearwitness import media
from bearwitness.inference import speech, texts
from bearwitness.inference.models import ModelError
from bearwitness.inference.worker import InferenceWorker
from bearwitness.media import documents
from bearwitness.media.plans import QUICK
from bearwitness.media.source import Source
from bearwitness.sandbox.client import Sandbox
from bearwitness.sandbox.status import layers
from bearwitness.triage.analyser import Material
from bearwitness.triage.kinds import guess
from bearwitness.triage.metadata import TASKS
from triaged import FILES, Triaged
from workbench import Bench, fill


@pytest.fixture(scope="session")
def sandboxes() -> Iterator[dict[str, Sandbox]]:
    """Return running sandboxes by their module of tasks."""
    names = (TASKS, media.TASKS, documents.TASKS)
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(Sandbox(name)) for name in names}


@pytest.fixture
def material(sandboxes: dict[str, Sandbox]) -> Callable[[bytes], Material]:
    """Return a function that makes material of bytes."""

    def make(data: bytes) -> Material:
        source = Source.of_bytes(data, "a file")
        kind = guess(data[:4096])
        return Material("0" * 32, b"a file", kind, source, QUICK, sandboxes.__getitem__, _no_network)

    return make


@pytest.fixture(scope="session")
def listener() -> Iterator[InferenceWorker]:
    """Return a locked worker that reads text and hears speech; skip where it can not be."""
    lacking = layers().lacking
    if lacking:
        pytest.skip(f"this kernel can not lock up inference: {'; '.join(lacking)}")
    try:
        made = InferenceWorker([texts.FINDER, texts.READER, speech.MODEL], threads=1)
    except ModelError as error:
        pytest.skip(f"{error.message}; {error.hint}")
    with made:
        yield made


@pytest.fixture
def heard(material: Callable[[bytes], Material], listener: InferenceWorker) -> Callable[[bytes], Material]:
    """Return a function that makes material of bytes, with a worker for text and speech."""
    return lambda data: replace(material(data), inference=lambda: listener)


def _no_network() -> InferenceWorker:
    raise AssertionError("no network is needed here")


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Return a vault with a delivery that was never looked at; nobody alters it."""
    bench = Bench(tmp_path_factory.mktemp("triage"))
    bench.seal(fill(bench.folder / "drive", dict(FILES)))
    return bench


@pytest.fixture
def bench(sealed: Bench, tmp_path: Path) -> Triaged:
    """Return a vault of one's own with a delivery that was never looked at."""
    return Triaged(sealed, Path(shutil.copytree(sealed.vault, tmp_path / "vault")))
