"""What a voice encoder hears: spectra in mel bands, cut into stretches, and how alike two voices are.

The numbers are those of Resemblyzer (Wan et al. 2018, "Generalized end-to-end loss for speaker verification";
its preparation of sound by librosa), without either.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from bearwitness.signals.arrays import Doubles, Floats

RATE: Final = 16_000
"""Samples a second, mono, -1 to 1."""

MELS: Final = 40
FRAMES: Final = 160
"""Frames of 10 ms the encoder hears at once."""

_WINDOW, _HOP = 400, 160
_STEP = round(RATE / 1.3 / _HOP)
_COVERED = 0.75
_LOUDNESS = 10 ** (-30 / 20)
_LINEAR_HZ, _LINEAR_MEL, _LOG_STEP = 1000.0, 15.0, np.log(6.4) / 27


def spectra(samples: Floats) -> Floats:
    """Return the mel spectra (n, FRAMES, MELS) of stretches of a sound (samples,); it is made loud enough.

    A sound shorter than a stretch is filled up with silence. Raises ValueError for a sound without samples.
    """
    if not len(samples):
        raise ValueError("a sound without samples has no voice")
    rms = float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))
    louder = samples * np.float32(max(1.0, _LOUDNESS / rms)) if rms > 0 else samples
    starts = _starts(len(louder))
    length = (starts[-1] + FRAMES) * _HOP
    mel = _mel(np.pad(louder, (0, max(0, length - len(louder)))))
    return np.stack([mel[start : start + FRAMES] for start in starts])


def voice(embeddings: Floats) -> Floats:
    """Return one embedding of length 1 for those of several stretches (n, 256)."""
    mean = embeddings.mean(axis=0)
    return np.asarray(mean / max(1e-12, float(np.linalg.norm(mean))), np.float32)


def likeness(one: Floats, other: Floats) -> float:
    """Return how alike two voices are, 0 to 1 (the cosine of embeddings without negative numbers)."""
    return float(np.dot(one, other))


def _starts(count: int) -> list[int]:
    frames = -(-(count + 1) // _HOP)
    starts = list(range(0, max(1, frames - FRAMES + _STEP + 1), _STEP))
    covered = (count - starts[-1] * _HOP) / (FRAMES * _HOP)
    return starts[:-1] if covered < _COVERED and len(starts) > 1 else starts


def _mel(samples: Floats) -> Floats:
    """Return the power in mel bands each 10 ms (frames, MELS)."""
    padded = np.pad(samples, _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    return np.asarray(power @ bands().T, np.float32)


@lru_cache(maxsize=1)
def bands() -> Doubles:
    """Return the triangles of the mel bands (MELS, frequencies) on Slaney's scale, each of area 1."""
    hertz = np.linspace(0, RATE / 2, _WINDOW // 2 + 1)
    top = _LINEAR_MEL + np.log(RATE / 2 / _LINEAR_HZ) / _LOG_STEP
    mels = np.linspace(0, top, MELS + 2)
    linear = mels * (_LINEAR_HZ / _LINEAR_MEL)
    edges = np.where(mels < _LINEAR_MEL, linear, _LINEAR_HZ * np.exp(_LOG_STEP * (mels - _LINEAR_MEL)))
    rise = (hertz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - hertz) / np.diff(edges)[1:, None]
    return np.asarray(np.maximum(0, np.minimum(rise, fall)) * (2 / (edges[2:] - edges[:-2]))[:, None])
