"""The network for voices gives Resemblyzer's own numbers, and the worker whispers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from bearwitness.errors import ChildFailedError
from bearwitness.inference.models import ModelError
from bearwitness.inference.voices import MODEL, Voices
from bearwitness.inference.worker import InferenceWorker
from bearwitness.sandbox.status import layers
from bearwitness.signals.voices import RATE, bands, likeness, spectra

# The twelve largest numbers that Resemblyzer 0.1.4 itself (torch 2.13, librosa) gives for speech-en-jfk.flac.
THEIRS = {
    162: 0.2154, 246: 0.1602, 109: 0.1558, 174: 0.1541, 13: 0.1540, 90: 0.1509, 30: 0.1508, 218: 0.1501,
    212: 0.1497, 163: 0.1491, 82: 0.1484, 238: 0.1443,
}  # fmt: skip


@pytest.fixture(scope="module")
def voices() -> Iterator[Voices]:
    lacking = layers().lacking
    if lacking:
        pytest.skip(f"this kernel can not lock up inference: {'; '.join(lacking)}")
    try:
        made = InferenceWorker((MODEL,), threads=1)
    except ModelError as error:
        pytest.skip(f"{error.message}; {error.hint}")
    with made:
        yield Voices(made)


def sound(path: Path) -> np.ndarray[Any, Any]:
    with av.open(str(path)) as opened:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        parts = [p.to_ndarray()[0] for f in opened.decode(audio=0) for p in resampler.resample(f)]
        parts += [p.to_ndarray()[0] for p in resampler.resample(None)]
    return np.concatenate(parts)


def test_the_numbers_are_resemblyzers_own(voices: Voices, corpus: Path) -> None:
    both = sound(corpus / "audio" / "speech-en-jfk.flac")  # FFmpeg adds two channels, librosa takes the mean
    found = voices.voice(both / np.float32(np.sqrt(2)))
    assert {n: float(found[n]) for n in THEIRS} == pytest.approx(THEIRS, abs=2e-4)


def test_one_speaker_is_more_alike_than_two(voices: Voices, corpus: Path) -> None:
    names = ["1688-142285-0003", "1688-142285-0004", "1998-15444-0006", "2414-128291-0007"]
    one, again, *others = (voices.voice(sound(corpus / "audio" / f"{name}.flac")) for name in names)
    assert likeness(one, again) > 0.85
    assert all(likeness(one, other) < 0.75 for other in others)


def test_a_whisper_comes_out_of_the_locked_worker_and_differs_each_time(voices: Voices) -> None:
    said = np.random.default_rng(1).normal(0, 0.1, RATE).astype(np.float32)
    one, other = voices.whisper(said, bytes(32)), voices.whisper(said, bytes(range(32)))
    assert one.shape == other.shape == said.shape
    assert abs(float(np.corrcoef(one, other)[0, 1])) < 0.1
    assert np.array_equal(one, voices.whisper(said, bytes(32)))


def test_an_answer_for_other_sound_is_refused() -> None:
    class Liar:
        def compute(self, *_: object) -> list[np.ndarray[Any, Any]]:
            return [np.zeros((3,), np.float32)]

    liar: Any = Liar()
    for ask in (lambda v: v.voice(np.ones(RATE)), lambda v: v.whisper(np.ones(RATE), bytes(32))):
        with pytest.raises(ChildFailedError):
            ask(Voices(liar))


def test_spectra_cover_a_sound_of_any_length() -> None:
    assert spectra(np.ones(10, np.float32)).shape == (1, 160, 40)
    assert spectra(np.ones(5 * RATE, np.float32)).shape[1:] == (160, 40)
    assert not spectra(np.zeros(RATE, np.float32)).any()
    with pytest.raises(ValueError, match="without samples"):
        spectra(np.zeros(0, np.float32))
    assert bands().sum(axis=1) * (RATE / 400) == pytest.approx(np.ones(40), abs=0.25)  # area 1, few lines
