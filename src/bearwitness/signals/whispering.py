"""Speech made into a whisper: noise through the coarse outline of its spectrum, warped, levelled, jittered.

No excitation of the voice is carried over, so neither pitch nor its course. What stays is the order of
sounds: words, habits of speaking, rhythm within the jitter. Each utterance gets numbers of its own, by
chance; they are of no use afterwards and are to be forgotten. The outline is taken by bands as in noise
vocoders (Shannon et al. 1995), and warped as in vocal tract length perturbation (Jaitly & Hinton 2013).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from bearwitness.signals.arrays import Doubles, Floats

RATE: Final = 16_000
"""Samples a second, mono, -1 to 1."""

_WINDOW, _HOP = 512, 128
_BANDS: Final = 20
_LOW_HZ, _HIGH_HZ = 120.0, 5_000.0
_RANGE_DB: Final = 40.0  # below the loudest of an utterance nothing is heard
_SPREAD_DB: Final = 9.0  # how far each band goes up and down: the same for everybody
_LOUDNESS: Final = 0.05
_KNOT_SECONDS: Final = 0.3
_EDGE: Final = 160


@dataclass(frozen=True, repr=False)
class Chance:
    """The numbers of one utterance.

    warp: of frequencies; bend: of their middle; tilt, ripple: dB of the outline; jitter: of the rate.
    seed: of noise and jitter. Secret while it is used, and not to be kept.
    """

    warp: float
    bend: float
    tilt: float
    ripple: tuple[float, ...]
    jitter: float
    seed: int


def chance(secret: bytes) -> Chance:
    """Return the numbers that 32 random bytes stand for."""
    if len(secret) != 32:
        raise ValueError("the numbers of an utterance are drawn from 32 random bytes")
    draw = np.random.default_rng(np.frombuffer(secret, np.uint32).tolist())
    return Chance(
        warp=float(np.exp(draw.uniform(-0.25, 0.25))),
        bend=float(draw.uniform(-0.06, 0.06)),
        tilt=float(draw.uniform(-6.0, 6.0)),
        ripple=tuple(float(x) for x in draw.normal(0, 3.0, 4)),
        jitter=0.18,
        seed=int(draw.integers(1 << 63)),
    )


def whisper(samples: Floats, how: Chance) -> Floats:
    """Return as many samples of a whisper as an utterance has (n,), about as loud for everybody."""
    count = len(samples)
    if count < _WINDOW:
        return np.zeros(count, np.float32)
    draw = np.random.default_rng(how.seed)
    padded = np.pad(samples.astype(np.float64), (_WINDOW, 2 * _WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    window = np.hanning(_WINDOW + 1)[:-1]
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    outline = _levelled(10 * np.log10(power @ _bands().T + 1e-12))
    outline = _jittered(outline, how.jitter, draw)
    gain = 10 ** (_spread(outline, how) / 20)
    noise = draw.standard_normal((len(padded),))
    noisy = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(noise, _WINDOW)[::_HOP] * window, axis=1)
    pieces = np.fft.irfft(noisy * gain, axis=1) * window
    sound = np.zeros(len(padded))
    for number, piece in enumerate(pieces):
        sound[number * _HOP : number * _HOP + _WINDOW] += piece
    sound = sound[_WINDOW : _WINDOW + count]
    edge = min(_EDGE, count // 2)
    sound[:edge] *= np.linspace(0, 1, edge)
    sound[count - edge :] *= np.linspace(1, 0, edge)
    return _loud(sound)


def _mel(hertz: Doubles) -> Doubles:
    return 2595.0 * np.log10(1 + hertz / 700)


def _centres() -> Doubles:
    low, high = _mel(np.array([_LOW_HZ, _HIGH_HZ]))
    return np.linspace(low, high, _BANDS)


def _bands() -> Doubles:
    """Return triangles of equal width on the mel scale (_BANDS, frequencies), each of sum 1."""
    mels = _mel(np.linspace(0, RATE / 2, _WINDOW // 2 + 1))
    centres = _centres()
    width = centres[1] - centres[0]
    bands = np.maximum(0, 1 - np.abs(mels[None] - centres[:, None]) / width)
    return np.asarray(bands / bands.sum(axis=1, keepdims=True))


def _levelled(outline: Doubles) -> Doubles:
    """Return dB (frames, bands) without what stays through an utterance: the colour of voice and room.

    Each band varies around the same line, that of nobody, and by as much as anybody's.
    """
    loud = outline.max(axis=1)
    spoken = loud > loud.max() - _RANGE_DB
    mean = outline[spoken].mean(axis=0)
    spread = np.maximum(outline[spoken].std(axis=0), 3.0)
    level = (outline - mean) * (_SPREAD_DB / spread)
    level[~spoken] -= 30.0
    return np.asarray(level + np.linspace(0.0, -14.0, outline.shape[1])[None])


def _jittered(outline: Doubles, jitter: float, draw: np.random.Generator) -> Doubles:
    """Return frames at moments that run ahead and behind by chance, and meet at both ends."""
    count = len(outline)
    knots = max(2, round(count * _HOP / RATE / _KNOT_SECONDS))
    steps = np.exp(draw.normal(0, jitter, knots))
    at = np.concatenate([[0.0], np.cumsum(steps)]) * ((count - 1) / steps.sum())
    moments = np.interp(np.arange(count), np.linspace(0, count - 1, knots + 1), at)
    first = np.minimum(moments.astype(int), count - 2)
    part = (moments - first)[:, None]
    return np.asarray(outline[first] * (1 - part) + outline[first + 1] * part)


def _spread(outline: Doubles, how: Chance) -> Doubles:
    """Return dB for each frequency (frames, frequencies) of an outline by bands, warped and coloured."""
    centres = _centres()
    hertz = np.linspace(0, RATE / 2, _WINDOW // 2 + 1)
    place = (_mel(hertz) - centres[0]) / (centres[-1] - centres[0])
    warped = (_mel(hertz / how.warp) - centres[0]) / (centres[-1] - centres[0])
    warped = warped + how.bend * np.sin(np.pi * np.clip(warped, 0, 1))
    at = np.clip(warped, 0, 1) * (_BANDS - 1)
    first = np.minimum(at.astype(int), _BANDS - 2)
    part = at - first
    level = outline[:, first] * (1 - part) + outline[:, first + 1] * part
    inside = np.clip(place, 0, 1)
    colour = how.tilt * (inside - 0.5)
    for number, height in enumerate(how.ripple, 1):
        colour = colour + height * np.cos(np.pi * number * inside)
    outside = np.maximum(0, place - 1) + np.maximum(0, -place)
    return np.asarray(level + colour[None] - 120.0 * outside[None])


def _loud(sound: Doubles) -> Floats:
    """Return a sound as loud as any other, without a sample beyond full scale."""
    rms = np.sqrt(np.mean(sound**2))
    if rms < 1e-9:
        return np.zeros(len(sound), np.float32)
    louder = sound * (_LOUDNESS / rms)
    return np.asarray(np.clip(louder, -0.99, 0.99), np.float32)
