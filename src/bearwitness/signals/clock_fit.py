"""Offset and drift of one run of a clock, from the moments at which its text changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

_SIGMAS = 2.0  # 95 %
_MOST_WALK = 0.0005  # drift assumed possible where none could be measured: half a second in 1,000


@dataclass(frozen=True)
class Fit:
    """offset: clock less media time at media time `middle`, ± error. drift: gained a second, ± drift_error;
    None if unknown.
    """

    middle: Fraction
    offset: Fraction
    error: float
    drift: float | None
    drift_error: float | None

    def at(self, time: Fraction) -> Fraction:
        """Return the offset at a media time."""
        return self.offset + Fraction(self.drift or 0.0) * (time - self.middle)

    def error_at(self, time: Fraction) -> float:
        """Return the error of `at`, which grows away from the middle."""
        walk = self.drift_error if self.drift_error is not None else _MOST_WALK
        return self.error + walk * abs(float(time - self.middle))


def fit_run(times: Sequence[Fraction], shown: Sequence[Fraction], step: Fraction) -> Fit:
    """Fit a clock that shows `shown` (in seconds, counting in `step`) at media `times`.

    With three changes or more: least squares through them, each known to within the two readings around it.
    With fewer: the offsets that all readings allow.
    """
    changes = [
        (float((before + after) / 2), float((after - before) / 2), float(late))
        for before, after, early, late in zip(times[:-1], times[1:], shown[:-1], shown[1:], strict=True)
        if late - early == step
    ]
    middle = (times[0] + times[-1]) / 2
    if len(changes) < 3:
        return _bounded(times, shown, step, middle)
    table = np.array(changes)
    at, offsets = table[:, 0] - float(middle), table[:, 2] - table[:, 0]
    spread = np.sqrt((table[:, 1] ** 2).mean() / 3)  # a change is anywhere between two readings: uniform
    slope, level = np.polyfit(at, offsets, 1)
    rest = offsets - level - slope * at
    sigma = max(float(spread), float(np.sqrt((rest**2).sum() / max(1, len(at) - 2))))
    width = float(np.sqrt(((at - at.mean()) ** 2).sum()))
    error = _SIGMAS * sigma * float(np.sqrt(1 / len(at) + (at.mean() / max(width, 1e-9)) ** 2))
    # Frames that come as regularly as the seconds do can all miss a change by the same part of a frame, or by
    # one that grows slowly: no scatter shows it.
    half = float(table[:, 1].min())
    more = float(
        np.sqrt(max(0.0, sigma**2 - spread**2))
    )  # scatter that the readings' distance does not explain
    pulled = float((np.abs(at - at.mean()) * table[:, 1]).sum())  # the line turned as far as they let it
    drift_error = pulled / max(width**2, 1e-9) + _SIGMAS * more / max(width, 1e-9)
    return Fit(middle, Fraction(float(level)), error + half, float(slope), drift_error)


def _bounded(times: Sequence[Fraction], shown: Sequence[Fraction], step: Fraction, middle: Fraction) -> Fit:
    low = max(value - time for time, value in zip(times, shown, strict=True))
    high = min(value - time + step for time, value in zip(times, shown, strict=True))
    low, high = min(low, high), max(low, high)
    walk = _MOST_WALK * float(times[-1] - times[0])
    return Fit(middle, (low + high) / 2, float(high - low) / 2 + walk, None, None)
