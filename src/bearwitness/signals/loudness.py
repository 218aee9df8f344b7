"""How loud it is over time, by ITU-R BS.1770-5, and where it suddenly gets loud: a bang, a scream, a door.

The K-weighting is applied to the power spectrum of each tenth of a second instead of by running its two
filters: the same curve for any sampling rate, within 0.1 LU of the filters on speech and noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np

from bearwitness.signals.arrays import Doubles, Floats

HOP = Fraction(1, 10)
LONGEST = 7 * 86_400
"""Seconds that sound may last with its pauses: a number is kept of each tenth, and files tell of years."""

_AT_ONCE = 4096  # windows of which medians are taken at once: each is copied
SILENCE = -70.0
"""LUFS of what is not heard; also reported for digital silence, which has no logarithm."""


@dataclass(frozen=True)
class Peak:
    """A loud event: from, to and loudest moment in seconds; LUFS there, and how far above what was usual
    around it.
    """

    start: Fraction
    end: Fraction
    at: Fraction
    lufs: float
    above: float


@dataclass(frozen=True)
class Loudness:
    """Momentary loudness (400 ms) every HOP from `start`, in LUFS, and the gated loudness of the whole (None
    if silent).
    """

    start: Fraction
    momentary: Doubles
    integrated: float | None

    def peaks(self, above: float = 9.0, floor: float = -45.0, around: float = 10.0) -> tuple[Peak, ...]:
        """Return stretches at least `above` LU over the median of the `around` seconds about them, and over
        `floor`.
        """
        half = int(around / 2 / HOP)
        usual = _medians(self.momentary, half)
        loud = (self.momentary - usual >= above) & (self.momentary >= floor)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(np.int8), [0]])))
        found = []
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            top = int(first + np.argmax(self.momentary[first:last]))
            start, end = self.start + int(first) * HOP, self.start + int(last + 3) * HOP
            rise = float(self.momentary[top] - usual[top])
            found.append(Peak(start, end, self.start + top * HOP + 2 * HOP, float(self.momentary[top]), rise))
        return tuple(found)


def _medians(values: Doubles, half: int) -> Doubles:
    """Return the median of each value and up to `half` on each side of it."""
    count, wide = len(values), 2 * half + 1
    if count <= wide:
        near = [values[max(0, i - half) : i + half + 1] for i in range(count)]
        return np.array([np.median(each) for each in near], np.float64)
    first = [np.median(values[: i + half + 1]) for i in range(half)]
    last = [np.median(values[i - half :]) for i in range(count - half, count)]
    windows = np.lib.stride_tricks.sliding_window_view(values, wide)
    inside = [np.median(windows[at : at + _AT_ONCE], axis=1) for at in range(0, len(windows), _AT_ONCE)]
    return np.concatenate([first, *inside, last])


class LoudnessMeter:
    """Measures sound handed in block by block; keeps one number for each tenth of a second.

    A gap in time between blocks counts as silence, so that times stay true.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._hop = round(rate * HOP)
        self._start: Fraction | None = None
        self._taken = 0  # samples since the start, gaps included
        self._rest: Floats | None = None
        self._power: list[float] = []

    def add(self, samples: Floats, time: Fraction) -> None:
        """Take samples (n,) or (n, channels), -1 to 1, that start at `time` seconds.

        Raises ValueError if they start more than a tenth of a second before the last ones ended, or LONGEST
        after the first.
        """
        sound = np.atleast_2d(samples.T).T.astype(np.float32)
        if self._start is None:
            self._start = time
        gap = round((time - self._start) * self._rate) - self._taken
        if gap < -self._hop:
            raise ValueError(f"the sound at {time} s overlaps what came before; hand blocks in by time")
        if self._taken + gap > LONGEST * self._rate:
            raise ValueError(f"the sound at {float(time):.3f} s comes after pauses that are too long to keep")
        if gap > self._hop:
            self._pause(gap, sound.shape[1])
        self._take(sound)

    def _pause(self, count: int, channels: int) -> None:
        """Take so many samples of silence without making them: files may tell of pauses of years."""
        begun = (0 if self._rest is None else -len(self._rest)) % self._hop
        self._take(np.zeros((begun, channels), dtype=np.float32))
        whole, left = divmod(count - begun, self._hop)
        self._power += [0.0] * whole
        self._taken += whole * self._hop
        self._take(np.zeros((left, channels), dtype=np.float32))

    def _take(self, sound: Floats) -> None:
        self._taken += len(sound)
        whole = sound if self._rest is None or not len(self._rest) else np.concatenate([self._rest, sound])
        count = len(whole) // self._hop
        if count:
            blocks = whole[: count * self._hop].reshape(count, self._hop, -1)
            spectrum = (
                np.abs(np.fft.rfft(blocks, axis=1)) ** 2 * _weights(self._rate, self._hop)[None, :, None]
            )
            self._power += list(spectrum.sum(axis=(1, 2)))
        self._rest = whole[count * self._hop :]

    def finish(self) -> Loudness:
        """Return the loudness of all that came in; with less than 0.4 s there is no momentary value."""
        power = np.array(self._power)
        if len(power) < 4:
            return Loudness(self._start or Fraction(0), np.empty(0), None)
        windows = np.convolve(power, np.full(4, 0.25), mode="valid")
        levels = np.maximum(_lufs(windows), SILENCE)
        return Loudness(self._start or Fraction(0), levels, _gated(windows))


def _lufs(power: Doubles) -> Doubles:
    return np.asarray(-0.691 + 10 * np.log10(np.maximum(power, 1e-12)), dtype=np.float64)


def _gated(windows: Doubles) -> float | None:
    heard = windows[_lufs(windows) > SILENCE]
    if not len(heard):
        return None
    relative = float(_lufs(np.array([heard.mean()]))[0]) - 10
    return float(_lufs(np.array([heard[_lufs(heard) > relative].mean()]))[0])


@lru_cache(maxsize=8)
def _weights(rate: int, size: int) -> Doubles:
    """Return what each bin of rfft(size) adds to the mean square, K-weighted.

    The two filters are BS.1770's at 48 kHz, evaluated as analogue-like curves at the bins' true frequencies.
    """
    frequency = np.arange(size // 2 + 1) * rate / size
    turn = np.exp(-2j * np.pi * np.minimum(frequency, 24_000) / 48_000)
    shelf = (1.53512485958697 - 2.69169618940638 * turn + 1.19839281085285 * turn**2) / (
        1 - 1.69065929318241 * turn + 0.73248077421585 * turn**2
    )
    high = (1 - 2 * turn + turn**2) / (1 - 1.99004745483398 * turn + 0.99007225036621 * turn**2)
    twice = np.full(len(frequency), 2.0)
    twice[0] = 1.0
    if size % 2 == 0:
        twice[-1] = 1.0
    return np.asarray(np.abs(shelf * high) ** 2 * twice / size**2, dtype=np.float64)
