"""How much the tests do: samples in `make test`, everything in `make test-all` (BEARWITNESS_ALL)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings

ALL = bool(os.environ.get("BEARWITNESS_ALL"))
_T = TypeVar("_T")


def sample(values: Sequence[_T], count: int) -> list[_T]:
    """Return about `count` of `values`, evenly spread, ends included; all of them with BEARWITNESS_ALL."""
    if ALL or len(values) <= count:
        return list(values)
    return [values[i * (len(values) - 1) // (count - 1)] for i in range(count)]


def examples(count: int) -> Any:
    """Return Hypothesis settings: always the same `count` examples; twenty times as many in `test-all`."""
    return settings(
        max_examples=count * (20 if ALL else 1),
        derandomize=not ALL,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
