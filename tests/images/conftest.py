"""The sandbox that reads images, one for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bearwitness.images.disk_image import TASKS
from bearwitness.sandbox.client import Sandbox
from bearwitness.sandbox.status import layers


@pytest.fixture(scope="session")
def image_sandbox() -> Iterator[Sandbox]:
    """Return the sandbox of the module of tasks that reads images."""
    lacking = layers().lacking
    if lacking:
        pytest.skip(f"this kernel can not lock up parsers: {'; '.join(lacking)}")
    with Sandbox(TASKS) as sandbox:
        sandbox.start()
        yield sandbox
