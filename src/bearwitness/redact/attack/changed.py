"""Listens to changed voices on the finished file: is the original's sound in them, or the original's voice?

An utterance refuses the file if somewhere its samples run as the original's do, or if it sounds like whoever
spoke there, or anywhere else in the original, to a network that tells voices apart (:mod:`inference.voices`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from bearwitness.media.model import Sound
from bearwitness.signals.arrays import Doubles, Floats
from bearwitness.signals.voices import likeness

from ..footage import Footage
from ..plan import Plan, Utterance
from ..sound import VOICE_RATE, Samples, of_range, whole_sound
from .hits import Hit

CHECK: Final = "changed voices"
Voice = Callable[[Samples], Floats]
"""The voice in a sound (mono, VOICE_RATE), as a vector of length 1."""

SAME_SOUND: Final = 0.5
SAME_VOICE: Final = 0.75
SAME_VOICE_SHORT: Final = 0.85
_LONG_SECONDS: Final = 1.6  # what the network was made for; a shorter sound is repeated
_WINDOW: Final = VOICE_RATE // 4
_SHIFT: Final = VOICE_RATE // 20
_FRAME: Final = VOICE_RATE // 100
_RANGE_DB: Final = 35.0
_QUIET: Final = 1e-3
_FAINT: Final = 3e-4  # below it a sample or two of rounding would count


def check(original: Footage, finished: Footage, plan: Plan, voice: Voice) -> tuple[int, list[Hit]]:
    """Return how many samples were compared, and which utterances are still the original's."""
    before, after = _first(original), _first(finished)
    if after is None or before is None:
        return 0, [Hit(CHECK, "the finished file has no sound, though voices were to be changed in it")]
    count, hits = 0, list[Hit]()
    pairs = [
        (one, of_range(before, one.begin, one.end), of_range(after, one.begin, one.end))
        for one in plan.changed
    ]
    known = [(one, voice(_filled(said))) for one, was, _ in pairs if len(said := _spoken(was))]
    for one, was, now in pairs:
        count += len(now)
        at = f"the voice from {one.begin / 1000:.3f} to {one.end / 1000:.3f} s"
        span = (one.begin, one.end)
        alike = same_sound(was, now)
        if alike > SAME_SOUND:
            hits.append(Hit(CHECK, f"{at} still holds the original's sound ({alike:.0%} alike)", mute=span))
            continue
        said = _spoken(now)
        if not len(said):
            continue
        other, likely = _nearest(voice(_filled(said)), known)
        long = len(said) >= _LONG_SECONDS * VOICE_RATE
        if likely > (SAME_VOICE if long else SAME_VOICE_SHORT):
            who = f"that of the original from {other.begin / 1000:.3f} s" if other else "the original's"
            hits.append(Hit(CHECK, f"{at} sounds like {who} ({likely:.2f})", mute=span))
    return count, hits


def _nearest(now: Floats, known: list[tuple[Utterance, Floats]]) -> tuple[Utterance | None, float]:
    likely = [likeness(now, voice) for _, voice in known]
    return (known[int(np.argmax(likely))][0], max(likely)) if likely else (None, 0.0)


def _first(footage: Footage) -> Sound | None:
    if not footage.sounds:
        return None
    pieces = list(footage.sound(footage.sounds[0].index, VOICE_RATE))
    if not pieces:
        return None
    return Sound(0, pieces[0].time, VOICE_RATE, whole_sound(footage.name, pieces))


def same_sound(was: Samples, now: Samples) -> float:
    """Return how alike two sounds run where they do so most, 0 to 1.

    They are compared by quarters of a second, up to 50 ms apart. High tones are raised first: a deep vowel is
    like any other.
    """
    before, after = (np.diff(np.diff(one.astype(np.float64), prepend=0.0), prepend=0.0) for one in (was, now))
    count = min(len(before), len(after))
    best = 0.0
    for at in range(0, max(1, count - _WINDOW // 2), _WINDOW // 2):
        part = after[at : at + _WINDOW]
        near = before[max(0, at - _SHIFT) : at + _WINDOW + _SHIFT]
        if len(part) < _FRAME or len(near) < len(part):
            continue
        size = 1 << int(np.ceil(np.log2(len(near) + len(part))))
        product = np.fft.irfft(np.fft.rfft(near, size) * np.conj(np.fft.rfft(part, size)), size)
        power, own = _powers(near, len(part)), float(np.sum(part**2))
        heard = _powers(was[max(0, at - _SHIFT) : at + _WINDOW + _SHIFT], len(part)) > len(part) * _FAINT**2
        if not heard.any() or float(np.mean(now[at : at + _WINDOW].astype(np.float64) ** 2)) < _FAINT**2:
            continue
        alike = np.abs(product[: len(power)]) / np.sqrt(np.maximum(power * own, 1e-18))
        best = max(best, float(alike[heard].max()))
    return min(1.0, best)


def _powers(samples: Samples | Doubles, count: int) -> Doubles:
    """Return the power of each run of `count` samples."""
    sums = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    return np.asarray(sums[count:] - sums[:-count])


def _spoken(samples: Samples) -> Samples:
    """Return a sound without what is far below its loudest: pauses would make all voices alike."""
    count = len(samples) // _FRAME
    if not count:
        return samples[:0]
    frames = samples[: count * _FRAME].reshape(count, _FRAME)
    level = 10 * np.log10(np.mean(frames.astype(np.float64) ** 2, axis=1) + 1e-12)
    level = np.convolve(level, np.ones(5) / 5, "same")
    if level.max() < 20 * np.log10(_QUIET):
        return samples[:0]
    loud: Samples = frames[level > level.max() - _RANGE_DB].ravel()
    return loud


def _filled(samples: Samples) -> Samples:
    """Return a sound at least as long as the network wants it: a shorter one is said again."""
    wanted = int(_LONG_SECONDS * VOICE_RATE)
    return samples if len(samples) >= wanted else np.tile(samples, -(-wanted // len(samples)))[:wanted]
