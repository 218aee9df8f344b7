"""Puts prints of faces together that may be of one person: near to the middle of their group, not to a chain.

Chains (this is like that, that like a third) join strangers, so a print joins a group only by its distance to
the group's middle. The order is fixed, the surest first, so the same prints give the same groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

NEAR: Final = 0.5
"""Distance to the middle from which a face is left out; dlib's author takes 0.6 between two pictures."""


@dataclass(frozen=True)
class Group:
    """Numbers of the prints of a group, the surest first, and how far each is from the middle."""

    members: tuple[int, ...]
    distances: tuple[float, ...]


def group_prints(prints: NDArray[np.float32], order: Sequence[int], near: float = NEAR) -> list[Group]:
    """Return the groups of (n, 128) prints, the largest first; `order` has each number once, surest first."""
    sums: list[NDArray[np.float64]] = []
    members: list[list[int]] = []
    for number in order:
        place = _nearest(sums, members, prints[number], near)
        if place is None:
            sums.append(prints[number].astype(np.float64))
            members.append([number])
        else:
            sums[place] += prints[number]
            members[place].append(number)
    groups = []
    for total, numbers in zip(sums, members, strict=True):
        apart = np.linalg.norm(prints[numbers] - total / len(numbers), axis=1)
        groups.append(Group(tuple(numbers), tuple(round(float(each), 3) for each in apart)))
    return sorted(groups, key=lambda group: -len(group.members))


def _nearest(
    sums: list[NDArray[np.float64]], members: list[list[int]], one: NDArray[np.float32], near: float
) -> int | None:
    if not sums:
        return None
    middles = np.array(sums) / np.array([[len(each)] for each in members])
    apart = np.linalg.norm(middles - one, axis=1)
    best = int(np.argmin(apart))
    return best if apart[best] < near else None
