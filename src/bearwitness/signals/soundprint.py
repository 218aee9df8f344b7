"""When two recordings heard the same: the onsets in eight bands of each are laid over each other.

Two microphones at one event hear the same bangs, doors and syllables, each with its own noise, echo and
loudness. What survives is when energy sets in, band by band. A print is that, a hundred times a second; two
prints are cross-correlated by Fourier transform, normalised by what overlaps, and the best place counts only
if it stands far out of all other places (a robust z) and no second place comes near it, as in hum or music.

Method: onset strength as in P. Masri's high frequency content and its successors, spectral flux in
logarithmic bands; alignment of recordings of one event by it as in Bryan, Smaragdis, Mysore, "Clustering and
synchronizing multi-camera video via landmark cross-correlation" (ICASSP 2012).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

STEP: Final = 0.01  # seconds from one column of a print to the next
BANDS: Final = 8
RATE: Final = 16_000
_HOP: Final = round(RATE * STEP)
_WINDOW: Final = 512
_EDGES: Final = (150, 300, 500, 800, 1200, 1800, 2700, 4000, 7000)  # hertz
_FLOOR: Final = 1e-4  # of full scale squared: what is quieter is no onset
_AROUND: Final = 100  # columns over which the level is taken away
_CLIP: Final = 4.0
_OVERLAP_MAX: Final = RATE // 10  # samples that may be told to come before the last ones ended
_PAUSES_MAX: Final = 6 * 3600 * RATE

PIECE_SECONDS: Final = 60.0
_PIECES_MAX: Final = 6
_SHORTEST: Final = 4.0  # seconds that must overlap
_SURE: Final = 9.0  # robust z from which a place counts; of unrelated sound the best seen is told in docs
_UNIQUE: Final = 0.75  # of the best z that no other place may reach
_SAME_PLACE: Final = 0.3  # seconds around the best that belong to it
_BLOCK: Final = 0.5  # seconds
_MOST_OF_ONE: Final = 0.35  # of the likeness that may come of one block: one bang is like any other
_AGREE: Final = 0.5  # seconds by which pieces of one pair may differ
ERROR: Final = 0.06  # seconds, one sigma: a column, and sound that came from 20 m further away

Print = NDArray[np.int8]
"""Shape (BANDS, columns): onset strength in sixteenths, clipped."""


class Printer:
    """Makes a print of samples handed in one by one."""

    def __init__(self) -> None:
        self._left = np.empty(0, np.float32)
        self._columns: list[NDArray[np.float32]] = []
        self._shape = np.hanning(_WINDOW).astype(np.float32)
        bins = np.fft.rfftfreq(_WINDOW, 1 / RATE)
        self._cuts = np.searchsorted(bins, _EDGES)
        self.start: Fraction | None = None
        self._taken = self._paused = 0  # samples, pauses included, and those of pauses

    def add(self, samples: NDArray[np.float32], time: Fraction) -> None:
        """Take mono samples at RATE; `time` is that of the first, in seconds.

        A pause before them counts as silence, so that times stay true. Raises ValueError if they come more
        than a tenth of a second before the last ones ended, or if all pauses together are too long to keep.
        """
        if self.start is None:
            self.start = time
        gap = round((time - self.start) * RATE) - self._taken
        if gap < -_OVERLAP_MAX:
            raise ValueError(f"the sound at {float(time):.3f} s comes before what came before it ended")
        if gap >= _HOP:
            self._pause(gap)
        elif gap <= -_HOP:
            samples = samples[-gap:]
        self._take(samples)

    def _pause(self, count: int) -> None:
        self._paused += count
        if self._paused > _PAUSES_MAX:
            raise ValueError("the pauses of the sound are too long to keep")
        begun = min(count, 2 * _WINDOW)  # after that only silence is left over
        self._take(np.zeros(begun, np.float32))
        columns, left = divmod(count - begun, _HOP)
        self._columns.append(np.full((BANDS, columns), np.log(_FLOOR), np.float32))
        self._taken += columns * _HOP
        self._take(np.zeros(left, np.float32))

    def _take(self, samples: NDArray[np.float32]) -> None:
        self._taken += len(samples)
        data = np.concatenate([self._left, samples])
        count = max(0, (len(data) - _WINDOW) // _HOP + 1)
        if count:
            windows = np.lib.stride_tricks.sliding_window_view(data, _WINDOW)[: count * _HOP : _HOP]
            power = np.abs(np.fft.rfft(windows * self._shape, axis=1)) ** 2 / _WINDOW
            bands = np.add.reduceat(power, self._cuts, axis=1)[:, :BANDS]
            self._columns.append(np.log(bands + _FLOOR).T.astype(np.float32))
        self._left = data[count * _HOP :]

    def finish(self) -> Print:
        """Return the print, empty where there was no sound."""
        if not self._columns:
            return np.empty((BANDS, 0), np.int8)
        levels = np.concatenate(self._columns, axis=1)
        rise = np.maximum(0, np.diff(levels, axis=1, prepend=levels[:, :1]))
        kernel = np.ones(_AROUND) / _AROUND
        usual = np.stack([np.convolve(row, kernel, "same") for row in rise])
        return np.asarray(np.round(np.clip(rise - usual, -_CLIP, _CLIP) * 16), np.int8)


@dataclass(frozen=True)
class Heard:
    """A moment that both heard: seconds from the beginning of each print, and how far it stands out."""

    one: float
    other: float
    z: float


def match(one: Print, other: Print) -> list[Heard]:
    """Return moments that both heard, one for each piece of the shorter that is sure; empty if unrelated.

    Pieces that contradict each other make the whole pair unsure, and nothing is returned.
    """
    turned = one.shape[1] < other.shape[1]
    long, short = (other, one) if turned else (one, other)
    found = []
    for start, end in _pieces(short):
        place = _best(long, short[:, start:end])
        if place is not None:
            middle = (start + end) / 2
            found.append((middle * STEP, (middle + place[0]) * STEP - start * STEP, place[1]))
    if not found:
        return []
    offsets = np.array([there - here for here, there, _ in found])
    if np.ptp(offsets) > _AGREE:
        return []
    heard = [Heard(there, here, z) for here, there, z in found]
    return [Heard(each.other, each.one, each.z) for each in heard] if turned else heard


def _pieces(sound: Print) -> list[tuple[int, int]]:
    """Return the pieces to look for, those with the most onsets, in order of time."""
    length = round(PIECE_SECONDS / STEP)
    starts = list(range(0, max(1, sound.shape[1] - length // 2), length))
    pieces = [(start, min(sound.shape[1], start + length)) for start in starts]
    energy = {piece: float((sound[:, piece[0] : piece[1]].astype(np.float32) ** 2).sum()) for piece in pieces}
    return sorted(sorted(pieces, key=lambda piece: -energy[piece])[:_PIECES_MAX])


def _best(long: Print, piece: Print) -> tuple[float, float] | None:
    """Return where in `long` the piece begins (columns, may be negative) and its z; None if not sure."""
    least = round(_SHORTEST / STEP)
    if min(long.shape[1], piece.shape[1]) < least or not long.any() or not piece.any():
        return None
    a, b = _scaled(long.astype(np.float32)), _scaled(piece.astype(np.float32))
    size = 1 << int(np.ceil(np.log2(a.shape[1] + b.shape[1])))
    total = np.zeros(size, np.float64)
    for row, other in zip(a, b, strict=True):
        total += np.fft.irfft(np.fft.rfft(row, size) * np.conj(np.fft.rfft(other, size)), size)
    lags = np.arange(-(b.shape[1] - 1), a.shape[1])
    sums = total[lags % size]
    overlap = np.minimum(lags + b.shape[1], a.shape[1]) - np.maximum(lags, 0)
    usable = overlap >= least
    scores = np.where(usable, sums / np.sqrt(np.maximum(1, overlap)), 0.0)
    spread = 1.4826 * np.median(np.abs(scores[usable] - np.median(scores[usable])))
    if spread <= 0:
        return None
    z = np.where(usable, (scores - np.median(scores[usable])) / spread, -np.inf)
    best = int(np.argmax(z))
    near = round(_SAME_PLACE / STEP)
    rest = np.concatenate([z[: max(0, best - near)], z[best + near + 1 :]])
    second = float(rest.max()) if len(rest) else 0.0
    if z[best] < _SURE or second > _UNIQUE * z[best] or _of_one_block(a, b, int(lags[best])) > _MOST_OF_ONE:
        return None
    return float(lags[best]) + _peak(z, best), float(z[best])


def _of_one_block(a: NDArray[np.float32], b: NDArray[np.float32], lag: int) -> float:
    """Return which share of the likeness at `lag` comes of the half second that is most alike."""
    start, end = max(0, lag), min(a.shape[1], lag + b.shape[1])
    alike = (a[:, start:end] * b[:, start - lag : end - lag]).sum(axis=0)
    blocks = np.add.reduceat(alike, np.arange(0, len(alike), round(_BLOCK / STEP)))
    total = float(blocks.sum())
    return float(blocks.max()) / total if total > 0 else 1.0


def _scaled(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a print with bands of equal weight."""
    deviation = sound.std(axis=1, keepdims=True)
    return np.asarray(
        np.where(deviation > 0, (sound - sound.mean(axis=1, keepdims=True)) / (deviation + 1e-9), 0)
    )


def _peak(z: NDArray[np.float64], best: int) -> float:
    """Return how far beside the best column the top of a parabola through it and its neighbours is."""
    if not 0 < best < len(z) - 1 or not np.isfinite(z[best - 1 : best + 2]).all():
        return 0.0
    left, top, right = z[best - 1 : best + 2]
    curve = left - 2 * top + right
    return float(np.clip(0.5 * (left - right) / curve, -0.5, 0.5)) if curve < 0 else 0.0
