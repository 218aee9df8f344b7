"""Where a new shot begins: a tiny picture of each frame against that of the one before."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bearwitness.media.model import Picture

_THUMB: Final = (18, 32)
_LEVELS: Final = 18.0  # mean difference; a fast pan has some 10, a cut between like shots some 25


@dataclass(slots=True)
class Cuts:
    """Takes in frame after frame; `found` numbers those that begin a shot; `everywhere`: every one does."""

    found: list[int] = field(default_factory=list)
    everywhere: bool = False
    _count: int = 0
    _last: NDArray[np.float32] = field(default_factory=lambda: np.zeros(_THUMB, np.float32))

    def take(self, picture: Picture) -> None:
        """Take in the next frame, BGR or grey."""
        thumb = _thumbnail(picture)
        if self._count and (self.everywhere or float(np.abs(thumb - self._last).mean()) > _LEVELS):
            self.found.append(self._count)
        self._last = thumb
        self._count += 1


def _thumbnail(picture: Picture) -> NDArray[np.float32]:
    plain = picture[::4, ::4].astype(np.float32)
    if plain.ndim == 3:  # plane by plane: along the last axis it takes several times as long
        plain = (plain[:, :, 0] + plain[:, :, 1] + plain[:, :, 2]) / np.float32(3)
    down, across = (_edges(plain.shape[axis], _THUMB[axis]) for axis in (0, 1))
    sums = np.add.reduceat(np.add.reduceat(plain, down[:-1], axis=0), across[:-1], axis=1)
    small = np.zeros(_THUMB, np.float32)
    small[: sums.shape[0], : sums.shape[1]] = sums / np.outer(np.diff(down), np.diff(across))
    return small


@cache
def _edges(length: int, parts: int) -> NDArray[np.intp]:
    """Return where about equal parts of a side begin and the last ends, as many as there is room for."""
    return np.unique(np.linspace(0, length, min(parts, length) + 1).astype(np.intp))
