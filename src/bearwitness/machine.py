"""What this machine is good for."""

from __future__ import annotations

import os
from typing import Final

WORKERS_MAX: Final = 8  # beyond this the disk is the limit on every machine we know


def worker_count() -> int:
    """Return how many worker processes to use."""
    return max(1, min(len(os.sched_getaffinity(0)), WORKERS_MAX))
