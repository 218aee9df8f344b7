"""One worker with the networks for pictures, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bearwitness.inference.models import ModelError
from bearwitness.inference.worker import InferenceWorker
from bearwitness.sandbox.status import layers


@pytest.fixture(scope="session")
def worker() -> Iterator[InferenceWorker]:
    lacking = layers().lacking
    if lacking:
        pytest.skip(f"this kernel can not lock up inference: {'; '.join(lacking)}")
    try:
        made = InferenceWorker(["centerface", "movenet-multipose", "opennsfw"])
    except ModelError as error:
        pytest.skip(f"{error.message}; {error.hint}")
    with made:
        yield made
