"""Speech is found through the sandbox where it is, whatever blocks the sound comes in."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from bearwitness.inference.models import WHISPER
from bearwitness.inference.speech import STRETCH_SECONDS_MAX, Speech
from bearwitness.inference.worker import InferenceWorker
from bearwitness.media.model import Sound
from bearwitness.signals.speech import BLOCK, RATE, SpeechFinder
from bearwitness.triage.analyser import Material
from bearwitness.triage.looking import look
from bearwitness.triage.speaking import SpeechTurns, Transcribed, bounded
from bearwitness.vault.derivatives import DONE, NOTHING
from scale import ALL
from workbench import wav

Make = Callable[[bytes], Material]


def test_turns_of_a_conversation_are_found_to_half_a_second(heard: Make, corpus: Path) -> None:
    listed = json.loads((corpus / "corpus.json").read_text())["files"]
    each = next(each for each in listed if each["file"].startswith("audio/conversation-"))
    (looked,) = look(heard((corpus / each["file"]).read_bytes()), [("job", SpeechTurns())])
    assert looked.outcome == DONE, looked.reason
    told: dict[str, Any] = json.loads(looked.files["result.json"])
    turns, truth = told["details"]["turns"], each["truth"]["turns"]
    assert len(turns) == len(truth)
    for (start, end, _), true in zip(turns, truth, strict=True):
        assert abs(start - true["start"]) <= 0.5
        assert abs(end - true["end"]) <= 0.5


def test_a_tone_is_no_speech_and_a_document_is_not_listened_to(heard: Make) -> None:
    (looked,) = look(heard(wav()), [("job", SpeechTurns())])
    assert json.loads(looked.files["result.json"])["details"]["turns"] == []
    (looked,) = look(heard(b"plain words"), [("job", SpeechTurns())])
    assert looked.outcome == NOTHING


def test_after_a_gap_turns_have_the_times_of_the_stream(heard: Make, corpus: Path) -> None:
    import av

    with av.open(str(corpus / "audio/speech-ru.wav")) as opened:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        parts = [part for frame in opened.decode(audio=0) for part in resampler.resample(frame)]
    samples = np.concatenate([part.to_ndarray()[0] for part in parts])
    analysis = SpeechTurns().begin(heard(wav()))
    for begin in (0, 1000):
        analysis.sound(Sound(0, Fraction(begin), RATE, samples))
    turns = analysis.finish().details["turns"]
    early = [turn for turn in turns if turn[0] < 500]
    late = [[turn[0] - 1000, turn[1] - 1000, turn[2]] for turn in turns if turn[0] >= 1000]
    assert early
    assert np.allclose(early, late, atol=0.002)


def test_no_stretch_is_longer_than_is_written_down_at_once_and_nothing_is_left_out() -> None:
    cut = bounded([(1.0, 5.0), (10.0, 250.0)])
    assert cut[0] == (1.0, 5.0)
    assert all(0 < end - start < STRETCH_SECONDS_MAX for start, end in cut)
    assert [end for _, end in cut[1:-1]] == [start for start, _ in cut[2:]]
    assert (cut[1][0], cut[-1][1]) == (10.0, 250.0)


@pytest.mark.skipif(not ALL, reason="Whisper takes half a minute; BEARWITNESS_ALL runs it")
def test_what_is_said_is_written_down_by_the_locked_worker(material: Make, corpus: Path) -> None:
    from dataclasses import replace

    with InferenceWorker(["silero-vad", *WHISPER], threads=2) as worker:
        made = replace(material((corpus / "audio/speech-en-jfk.flac").read_bytes()), inference=lambda: worker)
        (looked,) = look(made, [("job", Transcribed())])
    assert looked.outcome == DONE, looked.reason
    told = json.loads(looked.files["result.json"])
    assert {"name": "language", "value": "en", "start": None, "end": None} in told["facts"]
    assert "country" in " ".join(text["text"] for text in told["texts"])


class Asked:
    """Stands for the worker: notes what it is asked, and answers by what it hears and remembers."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def compute(self, ask: str, head: dict[str, Any], arrays: list[Any]) -> list[Any]:
        samples, memory = arrays
        self.heard.append(samples.tobytes())
        likely = np.abs(samples.reshape(-1, 512)).mean(axis=1) + memory[0] % 0.01
        return [likely.astype(np.float32), memory + likely.sum()]


@pytest.mark.parametrize("blocks", [0.4, 1.0, 2.0, 2.6])
@pytest.mark.parametrize("step", [10_007, BLOCK, 2 * BLOCK + 5])
def test_the_network_is_asked_while_sound_still_comes_and_hears_what_it_would_at_the_end(
    material: Make, blocks: float, step: int
) -> None:
    samples = np.random.default_rng(4).uniform(-1, 1, int(blocks * BLOCK)).astype(np.float32)
    worker, whole = Asked(), Asked()
    given = dataclasses.replace(material(wav()), inference=lambda: cast("InferenceWorker", worker))
    analysis = SpeechTurns().begin(given)
    for at in range(0, len(samples), step):
        analysis.sound(Sound(0, Fraction(at, RATE), RATE, samples[at : at + step]))
    assert len(worker.heard) == int(blocks)
    turns = analysis.finish().details["turns"]
    finder = SpeechFinder(Speech(cast("InferenceWorker", whole)).likelihoods)
    finder.add(samples)
    expected = finder.finish()
    assert worker.heard == whole.heard
    assert turns == [[round(t.start, 3), round(t.end, 3), round(t.sure, 4)] for t in expected]
