"""Where somebody speaks (Silero VAD, run by OpenVINO), and what is said (Whisper base through CTranslate2).

A transcript here is a way to find a place, not evidence: Russian words are wrong about one time in four. Load
first, lock then: both models are in memory when their constructors return, and read nothing later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from bearwitness.errors import RefusedError
from bearwitness.signals.arrays import Floats
from bearwitness.signals.quiet import openvino, whisper
from bearwitness.signals.raising import raised

RATE = 16_000
"""Samples a second both models want; mono, -1 to 1."""

_WINDOW = 512
_CONTEXT = 64
_STATE = 128
_BATCH = 1024  # windows a call, always as many, so that nothing is compiled later
_ON, _OFF = 0.5, 0.35
_GAP_MAX = 3600 * RATE
_PIECE = 60 * RATE


@dataclass(frozen=True)
class Turn:
    """A stretch of speech, in seconds from the first sample. sure: mean probability that it is speech."""

    start: float
    end: float
    sure: float


BLOCK = _BATCH * _WINDOW
"""Samples that the network takes at once."""

Ask = Callable[[Floats, Floats], tuple[Floats, Floats]]


def silence() -> Floats:
    """Return what the network remembers before the first block: its two states, and the end of the sound."""
    return np.zeros(2 * _STATE + _CONTEXT, dtype=np.float32)


class SpeechNetwork:
    """Silero VAD, without a memory of its own: what it remembers goes in and comes out.

    weights: the bytes of the model "silero-vad".
    """

    def __init__(self, weights: bytes) -> None:
        core = openvino().Core()
        model = core.read_model(weights)
        model.reshape({"input": [_BATCH, _CONTEXT + _WINDOW]})
        compiled = core.compile_model(
            model, "CPU", {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
        )
        self._request: Any = compiled.create_infer_request()
        self.likelihoods(np.zeros(BLOCK, dtype=np.float32), silence())

    def likelihoods(self, samples: Floats, memory: Floats) -> tuple[Floats, Floats]:
        """Return the probability of speech in each window of BLOCK samples, and the memory for the next.

        Each window sees the end of the one before.
        """
        windows = samples.reshape(_BATCH, _WINDOW)
        states = [part.reshape(1, 1, _STATE) for part in (memory[:_STATE], memory[_STATE : 2 * _STATE])]
        before = np.concatenate([memory[None, 2 * _STATE :], windows[:-1, -_CONTEXT:]])
        answer = self._request.infer([np.concatenate([before, windows], axis=1), *states])
        likely, *after = (np.array(answer[number]).ravel() for number in range(3))
        return likely, np.concatenate([*after, windows[-1, -_CONTEXT:]])


class SpeechFinder:
    """Finds speech in sound handed in block by block; keeps one number for each 32 ms.

    ask: SpeechNetwork.likelihoods, or what asks a locked worker for the same; faint: it is asked again, for
    the sound with what is faint in it raised, and the likelier answer counts.
    """

    def __init__(self, ask: Ask, *, faint: bool = False) -> None:
        self._ask, self._faint = ask, faint
        self._reset()

    def _reset(self) -> None:
        self._memory = self._raised_memory = silence()
        self._rest = np.empty(0, dtype=np.float32)
        self._taken = 0
        self._likely: list[Floats] = []

    @property
    def taken(self) -> int:
        """How many samples were taken in since the last end, silence for holes included."""
        return self._taken

    def add(self, samples: Floats) -> None:
        """Take the next samples (n,), mono at RATE."""
        self._taken += len(samples)
        self._rest = np.concatenate([self._rest, samples.astype(np.float32)])
        while len(self._rest) >= BLOCK:
            self._likely.append(self._run(self._rest[:BLOCK]))
            self._rest = self._rest[BLOCK:]

    def hear(self, pieces: Iterable[tuple[Fraction, Floats]], name: str) -> Fraction | None:
        """Take in all pieces of one track, each with its time in seconds; silence stands where there is none.

        So what is heard stays in its place. Returns the first one's time, None if there is none; raises
        RefusedError for a hole of more than an hour in the sound of `name`.
        """
        start: Fraction | None = None
        for time, samples in pieces:
            start = time if start is None else start
            gap = round((time - start) * RATE) - self._taken
            if gap > _GAP_MAX:
                raise RefusedError(f"the sound of {name} has a hole of more than an hour")
            while gap > 0:
                silent = min(gap, _PIECE)
                self.add(np.zeros(silent, np.float32))
                gap -= silent
            self.add(samples)
        return start

    def finish(
        self,
        join: float = 0.7,
        shortest: float = 0.2,
        pad: float = 0.2,
        *,
        on: float = _ON,
        off: float = _OFF,
    ) -> tuple[Turn, ...]:
        """Return the turns: pauses shorter than `join` belong to a turn, shorter sounds than `shortest` are
        none.

        Speech begins where it is as likely as `on` and ends where it is less likely than `off`. Each turn is
        widened by `pad` on both sides, for speech fades in and out. The finder is then ready for
        the next sound.
        """
        padded = np.zeros(BLOCK, dtype=np.float32)
        padded[: len(self._rest)] = self._rest
        likely = np.concatenate([*self._likely, self._run(padded)])
        length = self._taken / RATE
        self._reset()
        return _turns(likely[: -(-int(length * RATE) // _WINDOW)], length, join, shortest, pad, on, off)

    def _run(self, samples: Floats) -> Floats:
        likely, self._memory = self._ask(samples, self._memory)
        if self._faint:
            other, self._raised_memory = self._ask(raised(samples, RATE), self._raised_memory)
            likely = np.maximum(likely, other)
        return likely


def _turns(
    likely: Floats, length: float, join: float, shortest: float, pad: float, on: float, off: float
) -> tuple[Turn, ...]:
    """Speech begins above `on` and ends below `off`; then pauses are bridged and scraps dropped."""
    speaking, spoken = False, np.zeros(len(likely), dtype=np.int8)
    for index, value in enumerate(likely):
        speaking = bool(value >= (off if speaking else on))
        spoken[index] = speaking
    edges = np.flatnonzero(np.diff(np.concatenate([[0], spoken, [0]])))
    joined: list[list[int]] = []
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        if joined and (first - joined[-1][1]) * _WINDOW / RATE < join:
            joined[-1][1] = int(last)
        else:
            joined.append([int(first), int(last)])
    turns = []
    for first, last in joined:
        if (last - first) * _WINDOW / RATE < shortest:
            continue
        start, end = max(0.0, first * _WINDOW / RATE - pad), min(length, last * _WINDOW / RATE + pad)
        turns.append(Turn(start, end, float(likely[first:last].mean())))
    return tuple(turns)


@dataclass(frozen=True)
class Said:
    """A piece of transcript, in seconds. sure: mean probability of its tokens; doubtful: likely made up from
    noise.
    """

    start: float
    end: float
    text: str
    sure: float
    doubtful: bool


@dataclass(frozen=True)
class Transcript:
    """language: ISO 639-1; language_sure: its probability."""

    language: str
    language_sure: float
    said: tuple[Said, ...]

    @property
    def text(self) -> str:
        """Everything said, in one line."""
        return " ".join(each.text for each in self.said)


class Transcriber:
    """Writes down speech. files: of a Whisper model for CTranslate2 (inference.models.whisper_files)."""

    def __init__(self, files: dict[str, bytes], threads: int = 1) -> None:
        self._model: Any = whisper().WhisperModel(
            "in memory", device="cpu", compute_type="int8", cpu_threads=threads, files=dict(files)
        )

    def transcribe(self, sound: Floats, turns: Sequence[Turn], language: str | None = None) -> Transcript:
        """Return what is said in the turns of a sound (n,), mono at RATE; the language is heard from it
        unless given.
        """
        chunks = stretches(turns)
        if language is None:
            language, sure = self._language(sound, chunks)
        else:
            sure = 1.0
        said = [piece for start, end in chunks for piece in self._write(sound, start, end, language)]
        return Transcript(language, sure, tuple(said))

    def _language(self, sound: Floats, chunks: list[tuple[float, float]]) -> tuple[str, float]:
        """Let up to three of the longest stretches vote with their probabilities."""
        votes: dict[str, float] = {}
        longest = sorted(chunks, key=lambda each: each[0] - each[1])[:3]
        for start, end in longest:
            _, _, each = self._model.detect_language(sound[int(start * RATE) : int(end * RATE)])
            for language, likely in each:
                votes[language] = votes.get(language, 0.0) + likely / len(longest)
        if not votes:
            return "", 0.0
        best = max(votes, key=lambda language: votes[language])
        return best, votes[best]

    def _write(self, sound: Floats, start: float, end: float, language: str) -> list[Said]:
        pieces, _ = self._model.transcribe(
            sound[int(start * RATE) : int(end * RATE)],
            language=language,
            beam_size=5,
            temperature=0.0,  # the same sound gives the same words
            condition_on_previous_text=False,  # or one mishearing repeats itself to the end
        )
        said = []
        for each in pieces:
            doubtful = each.no_speech_prob > 0.6 or each.avg_logprob < -1.0 or each.compression_ratio > 2.4
            sure = float(np.exp(each.avg_logprob))
            said.append(
                Said(start + each.start, min(end, start + each.end), each.text.strip(), sure, doubtful)
            )
        return said


def stretches(turns: Sequence[Turn], longest: float = 28.0, gap: float = 3.0) -> list[tuple[float, float]]:
    """Join turns into stretches Whisper hears at once (30 s): more context, fewer calls. A longer turn stays
    whole.
    """
    chunks: list[list[float]] = []
    for turn in turns:
        if chunks and turn.start - chunks[-1][1] < gap and turn.end - chunks[-1][0] <= longest:
            chunks[-1][1] = turn.end
        else:
            chunks.append([turn.start, turn.end])
    return [(start, end) for start, end in chunks]
