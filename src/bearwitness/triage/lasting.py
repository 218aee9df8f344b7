"""Which of the boxes that a detector is unsure of are believed: those that continue one it was sure of.

A face turned away for a second is seen with a low score where it just was; a shirt's pattern has low scores
alone. So a box counts if its score reaches `sure`, or if, from one picture to the next, before or after, it
is linked to one that counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

Box = Sequence[float]
"""Left, top, width, height, score."""

_FARTHEST: Final = 1.0  # between the middles of two boxes, as a share of the larger one's longer side
_SIZES: Final = 2.0  # how many times one may be as large as the other


def believed(seen: Sequence[Sequence[Box]], sure: float) -> list[list[Box]]:
    """Return, for pictures in order of time, the boxes that count."""
    kept = [[box[4] >= sure for box in boxes] for boxes in seen]
    forth = list(pairwise(range(len(seen))))
    for before, now in [*forth, *((now, before) for before, now in reversed(forth))]:
        for number, box in enumerate(seen[now]):
            if not kept[now][number]:
                kept[now][number] = any(
                    counts and _continues(other, box)
                    for counts, other in zip(kept[before], seen[before], strict=True)
                )
    return [
        [box for box, counts in zip(boxes, marks, strict=True) if counts]
        for boxes, marks in zip(seen, kept, strict=True)
    ]


def _continues(one: Box, other: Box) -> bool:
    larger, smaller = sorted((max(one[2:4]), max(other[2:4])), reverse=True)
    if smaller <= 0 or larger > _SIZES * smaller:
        return False
    apart = [one[axis] + one[axis + 2] / 2 - other[axis] - other[axis + 2] / 2 for axis in (0, 1)]
    return math.hypot(*apart) <= _FARTHEST * larger
