"""Where one shot ends and the next begins, and which frame stands best for each."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bearwitness.signals.arrays import Floats, shrink, to_grey

ROWS, COLUMNS = 36, 64
CHANGE = 0.3
"""Loss of correlation from one frame to the next from which it may be a cut (0 the same picture, 1
unrelated).
"""

_ABOVE_USUAL = (
    2.5  # times the change that nine in ten frames around stay below: a shaken camera changes all the time
)
_AROUND = 12  # frames on each side that say what is usual
_SPREAD = 2.0  # grey levels: what wavers less is a black or empty frame, and equal to any other such
_LONG = 30.0  # seconds after which a shot gets another keyframe


@dataclass(frozen=True)
class Shot:
    """One shot: its first frame's time, the first time after it, and the times of its keyframes."""

    start: Fraction
    end: Fraction
    keyframes: tuple[Fraction, ...]


@dataclass(frozen=True)
class _Look:
    time: Fraction
    cells: Floats  # brought to mean 0 and length 1; all 0 for an empty frame
    sharp: float


class KeyFrameShots:
    """Finds cuts among key frames alone, handed in one by one: encoders put one where the picture changes.

    A key frame unlike the one before it begins a shot for sure if it comes early, for then the encoder was
    not due to make one. One that comes when it is due may only show that the camera moved meanwhile:
    :meth:`doubtful` names the stretches in which a cut is to be looked for, frame by frame.
    """

    def __init__(self) -> None:
        self._looks: list[_Look] = []

    def add(self, picture: NDArray[np.uint8], time: Fraction) -> None:
        """Take the next key frame, (h, w) or (h, w, 3); its time is later than the last one's."""
        self._looks.append(_look(picture, time))

    def doubtful(self) -> list[tuple[Fraction, Fraction]]:
        """Return the stretches, from one key frame to the next, that may hold a cut, in order of time."""
        due = self._due()
        return [(one.time, other.time) for one, other in self._changes() if other.time - one.time >= due]

    def finish(
        self, settled: Mapping[Fraction, Sequence[Fraction]], end: Fraction | None = None
    ) -> tuple[Shot, ...]:
        """Return the shots in order. `settled` gives, by the start of a doubtful stretch, the cuts found in
        it; one that is not there counts as a cut. `end`: as of ShotFinder.finish.
        """
        if not self._looks:
            return ()
        cuts = [self._looks[0].time]
        due = self._due()
        for one, other in self._changes():
            sure = other.time - one.time < due or one.time not in settled
            cuts += [other.time] if sure else list(settled[one.time])
        last = self._looks[-1].time
        usual = (last - cuts[0]) / max(1, len(self._looks) - 1)
        cuts = sorted(dict.fromkeys(cuts))
        ends = [*cuts[1:], max(end if end is not None else last + usual, last)]
        return tuple(
            Shot(start, stop, self._keyframes(start, stop)) for start, stop in zip(cuts, ends, strict=True)
        )

    def _due(self) -> float:
        """Return after how many seconds the encoder makes a key frame in any case, a little less."""
        gaps = [float(other.time - one.time) for one, other in pairwise(self._looks)]
        return 0.95 * max(gaps, default=0.0)

    def _changes(self) -> list[tuple[_Look, _Look]]:
        return [(one, other) for one, other in pairwise(self._looks) if _apart(one, other) >= CHANGE]

    def _keyframes(self, start: Fraction, stop: Fraction) -> tuple[Fraction, ...]:
        """The sharpest of each part of at most `_LONG` seconds; a shot without a key frame has its start."""
        inside = [look for look in self._looks if start <= look.time < stop]
        parts: dict[int, list[_Look]] = {}
        for look in inside:
            parts.setdefault(int((look.time - start) // Fraction(_LONG)), []).append(look)
        best = [max(part, key=lambda look: look.sharp).time for part in parts.values()]
        return tuple(best) or (start,)


class ShotFinder:
    """Finds cuts among frames handed in one by one, in order of time; holds a few small pictures, never the
    video.

    A cut is a frame unlike the one before it, by much more than is usual around it, and unlike the frame
    before that as well as the next one is (so that a flash, which comes back to the same picture, is none).
    """

    def __init__(self) -> None:
        self._recent: deque[_Look] = deque(maxlen=2)
        self._changes: list[float] = []  # between each frame and the one before it
        self._skips: list[float] = []  # between each frame and the one before the one before it
        self._times: list[Fraction] = []
        self._sharp: list[float] = []

    def add(self, picture: NDArray[np.uint8], time: Fraction) -> None:
        """Take the next frame, (h, w) or (h, w, 3).

        Raises ValueError if its time is not later than the last one's.
        """
        if self._times and time <= self._times[-1]:
            raise ValueError(
                f"the frame at {time} s comes after one at {self._times[-1]} s; hand them in by time"
            )
        look = _look(picture, time)
        self._changes.append(_apart(self._recent[-1], look) if self._recent else 0.0)
        self._skips.append(_apart(self._recent[0], look) if len(self._recent) == 2 else 1.0)
        self._recent.append(look)
        self._times.append(time)
        self._sharp.append(look.sharp)

    def finish(self, end: Fraction | None = None) -> tuple[Shot, ...]:
        """Return the shots in order; `end` is when the last frame stops being shown (else: after a usual
        frame time).
        """
        if not self._times:
            return ()
        cuts = [0, *self._cuts(), len(self._times)]
        usual = (self._times[-1] - self._times[0]) / max(1, len(self._times) - 1)
        ends = [*self._times, end if end is not None else self._times[-1] + usual]
        return tuple(
            Shot(self._times[first], ends[last], self._keyframes(first, last))
            for first, last in pairwise(cuts)
        )

    def _cuts(self) -> list[int]:
        changes = np.array(self._changes)
        found: list[int] = []
        for index in np.nonzero(changes >= CHANGE)[0]:
            low, high = max(1, int(index) - _AROUND), int(index) + _AROUND + 1
            others = np.delete(changes[low:high], index - low)
            usual = float(np.quantile(others, 0.9)) if len(others) else 0.0
            lasts = index + 1 >= len(changes) or self._skips[index + 1] >= CHANGE
            back = index >= 2 and self._skips[index] < CHANGE / 2
            if index > 0 and changes[index] >= _ABOVE_USUAL * usual and lasts and not back:
                found.append(int(index))
        return found

    def _keyframes(self, first: int, last: int) -> tuple[Fraction, ...]:
        """The sharpest frame of each part of at most `_LONG` seconds, not from its edges, where fades are."""
        length = float(self._times[last - 1] - self._times[first])
        parts = min(max(1, int(np.ceil(length / _LONG))), last - first)  # no part without a frame
        edges = np.linspace(first, last, parts + 1).astype(int).tolist()
        chosen = []
        for low, high in pairwise(edges):
            margin = (high - low) // 10
            inner = self._sharp[low + margin : high - margin] or self._sharp[low:high]
            chosen.append(
                self._times[low + (margin if high - low > 2 * margin else 0) + int(np.argmax(inner))]
            )
        return tuple(chosen)


def _look(picture: NDArray[np.uint8], time: Fraction) -> _Look:
    cells = shrink(to_grey(picture), ROWS, COLUMNS)
    sharp = float(np.abs(np.diff(cells, axis=0)).mean() + np.abs(np.diff(cells, axis=1)).mean())
    centred = cells - cells.mean()
    spread = float(centred.std())
    flat = centred.ravel() / (spread * np.sqrt(centred.size)) if spread >= _SPREAD else np.zeros(centred.size)
    return _Look(time, flat.astype(np.float32), sharp)


def _apart(one: _Look, other: _Look) -> float:
    if not one.cells.any() and not other.cells.any():
        return 0.0
    return 1.0 - float(one.cells @ other.cells)
