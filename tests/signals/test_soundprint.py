"""Two recordings of one event are put together by their sound; sound that is not related never is."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from pathlib import Path

import av
import numpy as np
import pytest

from bearwitness.signals.soundprint import RATE, Print, Printer, match


def printed(samples: np.ndarray, block: int = 5_000) -> Print:
    """Return a print, the samples handed in by blocks."""
    made = Printer()
    for at in range(0, len(samples), block):
        made.add(samples[at : at + block].astype(np.float32), Fraction(at, RATE))
    return made.finish()


def heard_by(samples: np.ndarray, seed: int, decibels: float) -> np.ndarray:
    """Return what a microphone in a room makes of it: echoes, and noise so far below the sound."""
    random = np.random.default_rng(seed)
    room = random.standard_normal(6_000) * np.exp(-np.arange(6_000) / 1_200) * 0.05
    room[0] = 1
    size = 1 << int(np.ceil(np.log2(len(samples) + len(room))))
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(room, size), size)[: len(samples)]
    noise = random.standard_normal(len(wet)) * np.sqrt((wet**2).mean()) * 10 ** (-decibels / 20)
    return (wet + noise) * random.uniform(0.2, 0.9)


def event(seed: int, seconds: float = 20) -> np.ndarray:
    """Return bangs and bursts of noise of many colours at random times."""
    random, count = np.random.default_rng(seed), int(seconds * RATE)
    sound = np.zeros(count)
    for _ in range(int(seconds * 3)):
        length = int(random.integers(400, 6_000))
        at = int(random.integers(0, count - length))
        burst = random.standard_normal(length) * np.exp(-np.arange(length) / random.uniform(200, 2_000))
        burst = np.convolve(burst, np.hanning(int(random.integers(1, 24)) + 2), "same")
        sound[at : at + length] += burst / np.abs(burst).max() * random.uniform(0.2, 1)
    return sound


@pytest.mark.parametrize("decibels", [20, 10, 5])
def test_one_event_at_two_microphones_is_found_to_a_few_hundredths(decibels: float) -> None:
    sound = event(1)
    one, other = heard_by(sound, 2, decibels), heard_by(sound[round(3.217 * RATE) :], 3, decibels)
    for first, second, sign in ((one, other, 1), (other, one, -1)):
        (found,) = match(printed(first), printed(second))
        assert abs(sign * (found.one - found.other) - 3.217) < 0.03
        assert found.z > 9


def test_recordings_that_overlap_in_part_alone_are_found() -> None:
    sound = event(4, 40)
    (found,) = match(
        printed(heard_by(sound[: 25 * RATE], 1, 15)), printed(heard_by(sound[10 * RATE :], 2, 15))
    )
    assert abs(found.one - found.other - 10) < 0.03


def test_events_that_are_not_related_are_never_put_together() -> None:
    prints = [printed(heard_by(event(seed), seed, 30)) for seed in range(10, 22)]
    assert [pair for pair in combinations(range(len(prints)), 2) if match(*(prints[n] for n in pair))] == []


def test_hum_beats_and_silence_fit_everywhere_and_so_nowhere() -> None:
    seconds = np.arange(20 * RATE) / RATE
    beat = np.sin(2 * np.pi * 440 * seconds) * (seconds % 0.5 < 0.05)
    hum, silence = np.sin(2 * np.pi * 50 * seconds), np.zeros(20 * RATE)
    for sound in (beat, hum, silence):
        assert match(printed(heard_by(sound, 1, 30) if sound.any() else sound), printed(sound[RATE:])) == []


def test_one_bang_alone_is_like_any_other() -> None:
    bangs = []
    for seed, at in ((1, 5), (2, 9)):
        sound = np.random.default_rng(seed).standard_normal(16 * RATE) * 1e-3
        sound[at * RATE : at * RATE + 3_000] += np.random.default_rng(seed).standard_normal(3_000)
        bangs.append(printed(sound))
    assert match(*bangs) == []


def test_what_comes_after_a_pause_is_heard_at_its_time() -> None:
    sound = event(6, 60)
    for pause in (3 * RATE + 77, 5 * RATE):
        torn = Printer()
        torn.add(sound[: 20 * RATE].astype(np.float32), Fraction(7))
        torn.add(sound[20 * RATE + pause :].astype(np.float32), 7 + Fraction(20 * RATE + pause, RATE))
        silent = sound.copy()
        silent[20 * RATE : 20 * RATE + pause] = 0
        assert np.array_equal(torn.finish(), printed(silent))


def test_sound_that_goes_back_or_pauses_for_days_gives_no_print() -> None:
    block = event(6, 10).astype(np.float32)
    for time, reason in ((5, "before"), (10**12, "too long")):
        made = Printer()
        made.add(block, Fraction(0))
        with pytest.raises(ValueError, match=reason):
            made.add(block, Fraction(time))


def test_too_little_sound_is_no_evidence() -> None:
    sound = event(5)
    assert match(printed(sound), printed(sound[: 2 * RATE])) == []
    assert match(printed(np.empty(0)), printed(sound)) == []


def test_of_the_corpus_only_what_was_cut_from_one_another_is_put_together(corpus: Path) -> None:
    files = sorted((corpus / "audio").iterdir())
    prints = {path.stem: printed(samples(path)) for path in files}
    found = {pair for pair in combinations(prints, 2) if match(*(prints[name] for name in pair))}
    conversation = "conversation-1688-2033"  # it was put together of utterances that are there, too
    assert found
    assert all(conversation in pair and pair[0][:4] in ("1688", "2033") for pair in found)


def samples(path: Path) -> np.ndarray:
    """Return the samples of a file of the corpus, mono."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", RATE)
        frames = [each for frame in container.decode(audio=0) for each in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])
