"""Work shared out among forked processes, where there is something to share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from bearwitness.machine import keep_off_the_disk

Mapping = Callable[..., Iterable[Any]]  # as `map` of the language


@contextmanager
def shared_out(jobs: int, workers: int) -> Iterator[Mapping]:
    """Give a `map` for so many jobs: among `workers` processes at most; one job is done in this process.

    To fork costs a large process more than a small vault takes to be checked.
    """
    if jobs < 2:
        yield map
        return
    with ProcessPoolExecutor(min(workers, jobs), get_context("fork"), keep_off_the_disk) as pool:
        yield pool.map
