"""A whisper has no pitch, the same loudness for everybody, and differs each time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearwitness.signals.whispering import RATE, chance, whisper

ONE, OTHER = bytes(32), bytes(range(32))
Sound = np.ndarray[Any, Any]


def voiced(pitch: float, seconds: float = 2.0, loud: float = 0.3) -> Sound:
    """Return a buzz with the pitch of a voice, on and off like syllables."""
    time = np.arange(int(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * pitch * n * time) / n for n in range(1, 25))
    return (loud * buzz / np.abs(buzz).max() * (np.sin(2 * np.pi * 3 * time) > -0.5)).astype(np.float32)


def periodicity(sound: Sound, pitch: float) -> float:
    """Return how alike a sound is to itself one period later."""
    step = round(RATE / pitch)
    return float(np.corrcoef(sound[:-step], sound[step:])[0, 1])


@pytest.mark.parametrize("pitch", [90, 140, 220, 380])
def test_the_pitch_is_gone(pitch: float) -> None:
    sound = voiced(pitch)
    assert periodicity(sound, pitch) > 0.8
    assert periodicity(whisper(sound, chance(ONE)), pitch) < 0.3


def test_two_utterances_of_one_sound_share_no_sample_and_no_outline() -> None:
    sound = voiced(120)
    one, other = whisper(sound, chance(ONE)), whisper(sound, chance(OTHER))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.1
    assert chance(ONE).warp != chance(OTHER).warp
    assert np.array_equal(one, whisper(sound, chance(ONE)))  # of the same numbers: only they are the chance


def test_the_numbers_of_an_utterance_do_not_print() -> None:
    assert str(chance(ONE).warp) not in repr(chance(ONE))


def test_who_is_near_and_who_is_far_are_equally_loud() -> None:
    near, far = (whisper(voiced(120, loud=loud), chance(ONE)) for loud in (0.9, 0.01))
    assert np.sqrt(np.mean(far**2)) == pytest.approx(np.sqrt(np.mean(near**2)), rel=0.05)


def test_a_voice_filtered_by_a_room_or_a_throat_is_levelled() -> None:
    sound = voiced(120)
    dull = np.convolve(sound, np.ones(8) / 8, "same").astype(np.float32)
    plain, levelled = (whisper(one, chance(ONE)) for one in (sound, dull))
    spectra = [np.abs(np.fft.rfft(one)) ** 2 for one in (plain, levelled)]
    shares = [float(power[int(len(power) * 0.3) :].sum() / power.sum()) for power in spectra]
    assert shares[0] == pytest.approx(shares[1], rel=0.5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3000), st.floats(0, 1), st.binary(min_size=32, max_size=32))
def test_any_sound_gives_as_many_samples_and_none_beyond_full_scale(
    count: int, loud: float, secret: bytes
) -> None:
    noise = np.random.default_rng(count).uniform(-loud, loud, count).astype(np.float32)
    made = whisper(noise, chance(secret))
    assert made.shape == (count,)
    assert np.isfinite(made).all()
    assert np.abs(made).max(initial=0) < 1


def test_too_little_chance_is_refused() -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        chance(bytes(16))
