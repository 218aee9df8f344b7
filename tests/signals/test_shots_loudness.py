"""Cuts and loud moments are found at their exact times; flashes, shaking and silence are none."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.signals import scenes
from tests.signals.conftest import frames

from bearwitness.signals.loudness import LONGEST, SILENCE, Loudness, LoudnessMeter
from bearwitness.signals.shots import Shot, ShotFinder

RATE = 48_000


def shots(video: scenes.Video) -> tuple[Shot, ...]:
    finder = ShotFinder()
    for time, picture in video:
        finder.add(picture, time)
    return finder.finish()


def joined(*videos: scenes.Video) -> scenes.Video:
    result: scenes.Video = []
    for video in videos:
        start = result[-1][0] + Fraction(1, 10) if result else Fraction(17, 20)
        result += [(start + time, picture) for time, picture in video]
    return result


def test_cuts_are_found_at_the_first_frame_of_the_new_shot() -> None:
    found = shots(joined(scenes.film(1, 1, 3, shake=10), scenes.film(2, 2, 2), scenes.film(3, 3, 1)))
    assert [float(shot.start) for shot in found] == pytest.approx([0.85, 3.85, 5.85])
    assert [float(shot.end) for shot in found] == pytest.approx([3.85, 5.85, 6.85])
    for shot in found:
        assert all(shot.start <= keyframe < shot.end for keyframe in shot.keyframes)


def test_a_flash_and_a_dropout_are_no_cuts() -> None:
    video = scenes.film(4, 4, 3)
    video[10] = (video[10][0], np.full_like(video[10][1], 255))
    video[20] = (video[20][0], np.zeros_like(video[20][1]))
    assert len(shots(video)) == 1


def test_black_is_one_shot_and_a_long_shot_gets_more_keyframes() -> None:
    black = [(Fraction(i, 10), np.zeros((90, 160), np.uint8)) for i in range(700)]
    (shot,) = shots(black)
    assert len(shot.keyframes) == 3


def test_frames_out_of_order_are_refused() -> None:
    finder = ShotFinder()
    finder.add(np.zeros((9, 16), np.uint8), Fraction(1))
    with pytest.raises(ValueError, match="by time"):
        finder.add(np.zeros((9, 16), np.uint8), Fraction(1))


def test_frames_further_apart_than_keyframes_are_shots_whatever_years_they_tell_of() -> None:
    for seconds in (100, 10**13):
        video = [(Fraction(i * seconds), picture) for i, (_, picture) in enumerate(scenes.film(1, 1, 1)[:3])]
        (shot,) = shots(video)
        assert shot.keyframes == tuple(time for time, _ in video)


def test_three_hard_cuts_of_dark_footage(corpus: Path) -> None:
    found = shots(list(frames(corpus / "video/stage-audience.mp4")))
    assert [float(shot.start) for shot in found] == pytest.approx([0.852, 1.52, 3.588, 7.892], abs=0.01)


def meter(samples: np.ndarray, rate: int = RATE, block: int = 1000) -> LoudnessMeter:
    made = LoudnessMeter(rate)
    for start in range(0, len(samples), block):
        made.add(samples[start : start + block].astype(np.float32), Fraction(start, rate))
    return made


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_the_calibration_tone_of_bs1770_reads_as_it_must(rate: int) -> None:
    tone = np.sin(2 * np.pi * 997 * np.arange(5 * rate) / rate)
    assert meter(tone, rate).finish().integrated == pytest.approx(-3.01, abs=0.1)
    both = np.column_stack([tone, tone]) * 10 ** (-20 / 20)
    assert meter(both, rate).finish().integrated == pytest.approx(-20.0, abs=0.1)


def test_a_bang_is_found_at_its_time_and_the_times_survive_a_gap() -> None:
    rng = np.random.default_rng(1)
    quiet = rng.normal(0, 0.003, 10 * RATE).astype(np.float32)
    quiet[6 * RATE : 6 * RATE + RATE // 5] = rng.normal(0, 0.3, RATE // 5)
    made = LoudnessMeter(RATE)
    made.add(quiet[: 2 * RATE], Fraction(5))
    made.add(quiet[4 * RATE :], Fraction(9))
    (peak,) = made.finish().peaks()
    assert float(peak.at) == pytest.approx(11.1, abs=0.25)
    assert peak.above > 20


@pytest.mark.parametrize("count", [1, 40, 100, 101, 102, 9_000])
def test_what_is_usual_around_a_peak_is_the_median_of_five_seconds_on_each_side(count: int) -> None:
    momentary = np.random.default_rng(count).normal(-30, 8, count)
    peaks = Loudness(Fraction(0), momentary, None).peaks()
    assert count < 40 or peaks
    for peak in peaks:
        top = round((peak.at - Fraction(1, 5)) * 10)
        usual = np.median(momentary[max(0, top - 50) : top + 51])
        assert peak.above == momentary[top] - usual


def test_silence_has_no_loudness_and_no_peaks() -> None:
    found = meter(np.zeros(3 * RATE)).finish()
    assert found.integrated is None
    assert (found.momentary == SILENCE).all()
    assert not found.peaks()


def test_overlapping_sound_is_refused() -> None:
    made = meter(np.zeros(RATE))
    with pytest.raises(ValueError, match="overlaps"):
        made.add(np.zeros(10, np.float32), Fraction(0))


def test_a_pause_is_as_loud_as_the_same_silence_recorded() -> None:
    noise = np.random.default_rng(3).normal(0, 0.1, RATE).astype(np.float32)
    for pause in (RATE // 7, RATE + 11, 3 * RATE):
        made = LoudnessMeter(RATE)
        made.add(noise[:-7], Fraction(0))
        made.add(noise, Fraction(RATE - 7 + pause, RATE))
        recorded = meter(np.concatenate([noise[:-7], np.zeros(pause, np.float32), noise]))
        assert np.array_equal(made.finish().momentary, recorded.finish().momentary)


def test_a_pause_of_days_takes_little_memory_and_one_of_years_is_refused() -> None:
    noise = np.random.default_rng(3).normal(0, 0.1, 16_000).astype(np.float32)
    made = LoudnessMeter(16_000)
    made.add(noise, Fraction(0))
    tracemalloc.start()
    made.add(noise, Fraction(LONGEST - 10))  # as samples it would be 38 GB
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 200 << 20
    with pytest.raises(ValueError, match="too long"):
        made.add(noise, Fraction(10**9))
