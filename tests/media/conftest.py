"""A sandbox for decoders, and files to decode: of the corpus, or made here with PyAV."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bearwitness import media
from bearwitness.media.source import Source
from bearwitness.sandbox.client import Sandbox
from bearwitness.sandbox.status import layers

OpenSource = Callable[[str], Source]


@pytest.fixture(scope="session")
def decoders() -> Iterator[Sandbox]:
    lacking = layers().lacking
    if lacking:
        pytest.skip(f"this kernel can not lock up decoders: {'; '.join(lacking)}")
    with Sandbox(media.TASKS) as sandbox:
        yield sandbox


@pytest.fixture
def open_source(corpus: Path) -> Iterator[OpenSource]:
    """Return a way to open files of the corpus."""
    with ExitStack() as stack:

        def get(name: str) -> Source:
            descriptor = os.open(corpus / name, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            return Source.of_file(descriptor, Path(name).name)

        yield get
