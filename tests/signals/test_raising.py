"""Faint sound is raised second by second, without touching what is loud, and never beyond full scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearwitness.signals.raising import raised
from bearwitness.signals.speech import BLOCK, RATE, SpeechFinder, silence


def test_faint_is_loud_and_loud_stays() -> None:
    loud, faint = np.full(5 * RATE, 0.5, np.float32), np.full(5 * RATE, 0.001, np.float32)
    made = raised(np.concatenate([loud, faint]), RATE)
    assert made[: 4 * RATE] == pytest.approx(loud[: 4 * RATE], abs=1e-6)
    assert made[8 * RATE :].min() > 0.4
    assert raised(np.full(RATE, 1e-5, np.float32), RATE).max() == pytest.approx(0.01)  # 60 dB and no more


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 4 * RATE), st.floats(0, 1))
def test_any_sound_gives_as_many_samples(count: int, loud: float) -> None:
    made = raised(np.random.default_rng(count).uniform(-loud, loud, count).astype(np.float32), RATE)
    assert made.shape == (count,)
    assert np.abs(made).max(initial=0) <= 1


def test_a_finder_for_faint_sound_takes_the_likelier_answer() -> None:
    def ask(samples: np.ndarray, memory: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
        return (np.abs(samples.reshape(-1, 512)).max(axis=1) > 0.1).astype(np.float32), memory

    whisper = np.zeros(BLOCK, np.float32)
    whisper[5 * RATE : 6 * RATE] = 0.002
    for faint, turns in ((False, 0), (True, 1)):
        finder = SpeechFinder(ask, faint=faint)
        finder.add(whisper)
        assert len(finder.finish()) == turns
    assert len(silence())
