"""Turns of speech are found to half a second; transcripts come in the language spoken, from pinned weights
alone.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.scale import ALL
from tests.signals.conftest import sound

from bearwitness.inference.models import WHISPER, ModelError, model, whisper_files
from bearwitness.signals.speech import RATE, SpeechFinder, Transcriber, Turn


def find(finder: SpeechFinder, samples: np.ndarray, block: int) -> tuple[Turn, ...]:
    for start in range(0, len(samples), block):
        finder.add(samples[start : start + block])
    return finder.finish()


def test_turns_of_a_conversation_are_found_to_half_a_second(
    corpus: Path, speech_finder: SpeechFinder
) -> None:
    listed = json.loads((corpus / "corpus.json").read_text())["files"]
    for name in [each["file"] for each in listed if each["file"].startswith("audio/conversation-")]:
        truth = next(each["truth"]["turns"] for each in listed if each["file"] == name)
        found = find(speech_finder, sound(corpus / name), 4000)
        assert len(found) == len(truth)
        for turn, true in zip(found, truth, strict=True):
            assert abs(turn.start - true["start"]) <= 0.5
            assert abs(turn.end - true["end"]) <= 0.5


def test_how_the_sound_is_cut_into_blocks_changes_nothing(corpus: Path, speech_finder: SpeechFinder) -> None:
    samples = np.concatenate([np.zeros(40 * RATE, np.float32), sound(corpus / "audio/speech-ru.wav")])
    one, other = (find(speech_finder, samples, block) for block in (777, len(samples)))
    assert one == other
    assert one[0].start > 40


@pytest.mark.parametrize("level", [0.0, 0.01, 0.2])
def test_silence_and_noise_are_no_speech(level: float, speech_finder: SpeechFinder) -> None:
    noise = np.random.default_rng(1).normal(0, 1, 10 * RATE).astype(np.float32) * level
    assert find(speech_finder, noise, 5000) == ()
    assert find(speech_finder, noise[:0], 5000) == ()


@pytest.mark.skipif(not ALL, reason="Whisper takes half a minute; BEARWITNESS_ALL runs it")
@pytest.mark.parametrize(
    ("name", "language", "word"), [("speech-ru.wav", "ru", "месте"), ("speech-en-jfk.flac", "en", "country")]
)
def test_what_is_said_is_written_down_in_its_language(
    corpus: Path, speech_finder: SpeechFinder, name: str, language: str, word: str
) -> None:
    try:
        transcriber = Transcriber(whisper_files({name: model(name).load() for name in WHISPER}), 2)
    except (ModelError, ImportError) as error:
        pytest.skip(f"the model is not installed: {error}")
    samples = sound(corpus / "audio" / name)
    written = transcriber.transcribe(samples, find(speech_finder, samples, 4000))
    assert written.language == language
    assert word in written.text.lower()
    assert all(0 <= said.start < said.end <= len(samples) / RATE for said in written.said)
