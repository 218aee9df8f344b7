"""Of boxes that overlap, the surest is kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def keep_best(rows: NDArray[np.float32], overlap_max: float) -> NDArray[np.float32]:
    """Return the rows (x, y, width, height, score, …) by falling score, none that overlaps a surer one.

    Overlap is the shared area over the area of both.
    """
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    x0, y0 = rows[:, 0], rows[:, 1]
    x1, y1 = x0 + rows[:, 2], y0 + rows[:, 3]
    areas = rows[:, 2] * rows[:, 3]
    alive = np.ones(len(rows), bool)
    for at in range(len(rows)):
        if alive[at]:
            width = np.minimum(x1[at], x1[at + 1 :]) - np.maximum(x0[at], x0[at + 1 :])
            height = np.minimum(y1[at], y1[at + 1 :]) - np.maximum(y0[at], y0[at + 1 :])
            shared = np.maximum(width, 0) * np.maximum(height, 0)
            alive[at + 1 :] &= shared < overlap_max * (areas[at] + areas[at + 1 :] - shared)
    return rows[alive]
