"""Finds a mark (:mod:`.marks`) again in a file that was encoded anew, scaled, cut, cropped or brightened.

It is looked for by those who hold what the mark was put into: pictures of both are shrunk, laid over each
other in time and place, what the marked copy has more of light and dark is what remains, and each key is
asked how far that follows its pattern. Keys that nobody was given say how far chance goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .arrays import Doubles, Floats
from .marks import COLUMNS, KEY_BYTES, ROWS, VARIANCE, WINDOW_SECONDS, pattern, spread, weights

HEIGHT: Final = 54
WIDTH: Final = 96
"""To what pictures are shrunk: (HEIGHT, WIDTH), whatever their shape."""
THRESHOLD: Final = 6.0
"""From how many standard deviations of chance on a mark counts as found."""
STRANGERS: Final = 1000
"""How many keys that nobody was given are asked."""
_WINDOWS_MAX: Final = 120
_ALIGN_MAX: Final = 120
_OFFSETS_MAX: Final = 6
_NEARLY: Final = 0.002
_SIZE: Final = (12, 20)
_EDGE: Final = 4.0
_OUTLIER: Final = 4.0
_SHARE_MIN: Final = 0.25
_STEPS: Final = (0.02, 0.01, 0.005, 0.002, 0.001)
_SIDE_MIN: Final = 0.6
_PICTURES: Final = 5
_TONES: Final = 32

Rect = tuple[float, float, float, float]
"""Which part of the whole picture is seen: top, left, height, width, in shares of it."""
WHOLE: Final[Rect] = (0.0, 0.0, 1.0, 1.0)


@dataclass
class Shrunk:
    """Pictures of one file, shrunk and upright: seconds since its first picture, each (HEIGHT, WIDTH)."""

    times: list[float] = field(default_factory=list)
    pictures: list[NDArray[np.float16]] = field(default_factory=list)

    def add(self, seconds: float, picture: Floats) -> None:
        """Take in the next picture."""
        self.times.append(seconds)
        self.pictures.append(picture.astype(np.float16))

    def every_other(self) -> Shrunk:
        """Return the first, the third, and so on."""
        return Shrunk(self.times[::2], self.pictures[::2])

    def picture(self, number: int) -> Floats:
        """Return a picture by its number."""
        return self.pictures[number].astype(np.float32)


@dataclass(frozen=True)
class Fit:
    """How a file lies over the whole: seconds to add to its times, and which part of the picture it shows."""

    offset: float
    rect: Rect


@dataclass(frozen=True)
class Found:
    """How far each key is followed, in standard deviations of chance, and the farthest of all strangers."""

    scores: list[float]
    strangers: float
    fit: Fit
    seconds: float


def search(whole: Shrunk, leaked: Shrunk, keys: Sequence[bytes], turns: int = 0) -> Found | None:
    """Return how far `leaked` follows the pattern of each key, None where it is not of these pictures.

    `whole` is the unmarked original; `turns`: by how many quarters clockwise the marked pictures are turned
    to be upright, as these are.
    """
    offsets = _offsets(whole, leaked)
    if not offsets:
        return None
    rect = _rect(whole, leaked, offsets[0])
    best: tuple[list[float], Fit, _Rests] | None = None
    for offset, part in product(offsets, dict.fromkeys((WHOLE, rect))):
        fit = Fit(offset, part)
        rests = _rests(whole, leaked, fit, turns)
        scores = [rests.follows(key) for key in keys]
        if best is None or max(scores, default=0) > max(best[0], default=0):
            best = scores, fit, rests
    if best is None:
        return None
    scores, fit, rests = best
    strangers = max(rests.follows(number.to_bytes(KEY_BYTES, "big")) for number in range(STRANGERS))
    return Found(scores, strangers, fit, rests.seconds)


def _offsets(whole: Shrunk, leaked: Shrunk) -> list[float]:
    """Return what may be added to the times of `leaked`, the likeliest first."""
    if not whole.times or not leaked.times:
        return []
    chosen = np.unique(np.linspace(0, len(leaked.times) - 1, min(_ALIGN_MAX, len(leaked.times))).astype(int))
    ours = np.array([_signature(whole.picture(n)) for n in range(len(whole.times))])
    theirs = np.array([_signature(leaked.picture(n)) for n in chosen])
    alike, times = theirs @ ours.T, np.array(whole.times)
    at = np.array([leaked.times[n] for n in chosen])
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    rows = np.arange(len(chosen))
    tried = np.unique(np.round(np.concatenate([[0.0], times - at[0], times - at[-1]]), 6))
    scores = np.zeros(len(tried))
    for number, offset in enumerate(tried):
        near, inside = _nearest(times, at + offset, step)
        if inside.mean() >= _SHARE_MIN:
            scores[number] = alike[rows, near][inside].sum() / len(chosen)
    best = scores.max()
    if best <= 0:
        return []
    nearly = np.flatnonzero(scores >= best - _NEARLY).tolist()
    order = sorted(nearly, key=lambda n: (-scores[n], abs(tried[n])))
    found: list[float] = []
    for number in order:
        if all(abs(tried[number] - other) > WINDOW_SECONDS / 4 for other in found):
            found.append(float(tried[number]))
        if len(found) == _OFFSETS_MAX:
            break
    return found


def _nearest(times: Doubles, wanted: Doubles, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of the time nearest to each wanted one, and whether it is near."""
    after = np.clip(np.searchsorted(times, wanted), 1, max(1, len(times) - 1))
    after = np.minimum(after, len(times) - 1)
    before = np.maximum(after - 1, 0)
    near = np.where(wanted - times[before] < times[after] - wanted, before, after)
    return near, np.abs(times[near] - wanted) <= max(step, 0.02)


def _signature(picture: Floats) -> Floats:
    """Return what a picture looks like from afar, as a vector of length 1 without its brightness."""
    rows, columns = HEIGHT // _SIZE[0], WIDTH // _SIZE[1]
    cut = picture[: rows * _SIZE[0], : columns * _SIZE[1]]
    small = cut.reshape(_SIZE[0], rows, _SIZE[1], columns).mean(axis=(1, 3)).ravel()
    small = small - small.mean()
    found: Floats = (small / max(float(np.linalg.norm(small)), 1e-6)).astype(np.float32)
    return found


def _pairs(whole: Shrunk, leaked: Shrunk, offset: float) -> Iterator[tuple[float, Floats, Floats]]:
    """Yield the time in the whole, its picture and the leaked one, where both have one."""
    times = np.array(whole.times)
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    near, inside = _nearest(times, np.array(leaked.times) + offset, step)
    for number in np.flatnonzero(inside).tolist():
        ours = int(near[number])
        yield whole.times[ours], whole.picture(ours), leaked.picture(number)


def _seen(picture: Floats, rect: Rect) -> Floats:
    """Return the part of a picture, at the size of the whole."""
    if rect == WHOLE:
        return picture
    top, left, height, width = rect
    down, across = spread(HEIGHT, HEIGHT, top, height), spread(WIDTH, WIDTH, left, width)
    return np.asarray(down @ picture @ across.T, np.float32)


def _rest(seen: Floats, leaked: Floats) -> Floats:
    """Return what `leaked` has more than `seen` once brightness, contrast, gamma and clipping are taken out.

    Any tone of `seen` has become another; which, the mean of `leaked` tells where `seen` has about that tone.
    """
    ours, theirs = seen.ravel(), leaked.ravel()
    tones = (ours * (_TONES / 256)).astype(np.int64)
    counts = np.bincount(tones)
    there = counts > 0
    before, after = (np.bincount(tones, one)[there] / counts[there] for one in (ours, theirs))
    return np.asarray((theirs - np.interp(ours, before, after)).reshape(leaked.shape), np.float32)


def _rect(whole: Shrunk, leaked: Shrunk, offset: float) -> Rect:
    """Return which part of the picture is seen: where the least remains."""
    pairs = [(one, other) for _, one, other in _pairs(whole, leaked, offset)]
    if not pairs:
        return WHOLE
    chosen = [pairs[n] for n in sorted({*np.linspace(0, len(pairs) - 1, _PICTURES).astype(int)})]

    def cost(rect: Rect) -> float:
        return sum(float(np.abs(_rest(_seen(one, rect), other)).mean()) for one, other in chosen)

    starts = [((1 - size) / 2, (1 - size) / 2, size, size) for size in (1.0, 0.96, 0.92, 0.86)]
    best = min(((cost(rect), rect) for rect in starts), key=lambda pair: pair[0])
    for step in _STEPS:
        while True:
            tried = [(cost(rect), rect) for rect in _around(best[1], step)]
            nearest = min(tried, key=lambda pair: pair[0], default=best)
            if nearest[0] >= best[0]:
                break
            best = nearest
    return best[1]


def _around(rect: Rect, step: float) -> Iterable[Rect]:
    """Yield rectangles of which one edge, or two opposite ones, lie a step farther in or out."""
    top, left, height, width = rect
    for moves in ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (1, 1, 0, 0), (0, 0, 1, 1)):
        for sign in (step, -step):
            a, b, c, d = (
                top + sign * moves[0],
                top + height + sign * moves[1],
                left + sign * moves[2],
                left + width + sign * moves[3],
            )
            if min(a, c) < -1e-9 or max(b, d) > 1 + 1e-9:
                continue
            a, c = max(0.0, a), max(0.0, c)
            high, wide = min(1.0, b) - a, min(1.0, d) - c
            if min(high, wide) >= _SIDE_MIN:
                yield round(a, 6), round(c, 6), round(high, 6), round(wide, 6)


@dataclass
class _Rests:
    """What remains on the points of the grid, by window: (ROWS, COLUMNS); how many seconds were compared."""

    windows: dict[int, Doubles]
    seconds: float

    def follows(self, key: bytes) -> float:
        """Return how far this follows a key's pattern, in standard deviations of what chance gives.

        A pattern's numbers are independent, so the sum over all of them has the variance of what remains.
        """
        if not self._chance:
            return 0.0
        told = sum(float((pattern(key, at) * rest).sum()) for at, rest in self.windows.items())
        return told / self._chance

    @cached_property
    def _chance(self) -> float:
        return float(np.sqrt(VARIANCE * sum(np.square(rest).sum() for rest in self.windows.values())))


def _rests(whole: Shrunk, leaked: Shrunk, fit: Fit, turns: int) -> _Rests:
    """Return what remains where the files lie over each other like this, of at most _WINDOWS_MAX windows."""
    top, left, height, width = fit.rect
    rows, columns = (COLUMNS, ROWS) if turns % 2 else (ROWS, COLUMNS)
    down, across = spread(rows, HEIGHT, top, height), spread(columns, WIDTH, left, width)
    found: dict[int, Doubles] = {}
    times: set[int] = set()
    for seconds, one, other in _pairs(whole, leaked, fit.offset):
        seen = _seen(one, fit.rect)
        rest = _rest(seen, other)
        most = _OUTLIER * float(np.median(np.abs(rest))) + 0.5
        steep = np.hypot(*np.gradient(seen))
        weighted = np.clip(rest, -most, most) / (1 + np.square(steep / _EDGE)) / most
        points = np.rot90(down.T @ weighted @ across, turns).astype(np.float64)
        window, now, then = weights(seconds)
        for at, share in ((window, now), (window + 1, then)):
            found[at] = found.get(at, np.zeros((ROWS, COLUMNS))) + share * points
        times.add(int(seconds * 4))
    chosen = sorted(found)
    if len(chosen) > _WINDOWS_MAX:
        chosen = [chosen[n] for n in np.linspace(0, len(chosen) - 1, _WINDOWS_MAX).astype(int).tolist()]
    return _Rests({at: found[at] for at in chosen}, len(times) / 4)
