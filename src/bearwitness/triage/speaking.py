"""Where somebody speaks, and, only when asked for by name, what is said: leads to a place, not evidence.

Sound is looked at in windows of ten minutes, so that hours of it take no more memory than minutes; a turn
that a window's end cuts is told as two.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

import numpy as np

from bearwitness.inference.models import MODELS, WHISPER, joint_sha256
from bearwitness.inference.speech import MODEL, STRETCH_SECONDS_MAX, Speech, Transcripts
from bearwitness.media.model import Sound
from bearwitness.signals.arrays import Floats
from bearwitness.signals.speech import BLOCK, RATE, SpeechFinder, Turn, stretches
from bearwitness_verify.canonical import Json

from .analyser import (
    NOT_MINE,
    SOUND,
    VIDEO,
    Analyser,
    Analysis,
    Fact,
    Material,
    Model,
    Result,
    Samples,
    Text,
)

_WINDOW: Final = 600 * RATE
_GAP_MAX: Final = Fraction(1, 20)  # seconds; where more is missing a new window begins


class _Listening(Analysis):
    """Cuts the sound into windows without gaps; each begins at a time of its own.

    The network is asked as soon as there is enough for it, while more is decoded.
    """

    def __init__(self, material: Material) -> None:
        self._material = material
        self._begin: Fraction | None = None
        self._parts: list[Floats] = []
        self._held = 0
        self._finder: SpeechFinder | None = None
        self._heard_of = self._held_of = 0  # parts, and samples, of the window that the network was given

    def sound(self, sound: Sound) -> None:
        if not len(sound.samples):
            return
        if self._begin is not None and abs(sound.time - self._begin - Fraction(self._held, RATE)) > _GAP_MAX:
            self._close()
        rest, time = sound.samples, sound.time
        while len(rest):
            if self._begin is None:
                self._begin = time
            part = rest[: _WINDOW - self._held]
            self._parts.append(np.array(part, np.float32))
            self._held += len(part)
            rest, time = rest[len(part) :], time + Fraction(len(part), RATE)
            if self._held // BLOCK > self._held_of // BLOCK:
                self._hear()
            if self._held == _WINDOW:
                self._close()

    def _hear(self) -> SpeechFinder:
        """Give the network what it has not heard of the window; return what finds speech."""
        if self._finder is None:
            self._finder = SpeechFinder(Speech(self._material.inference()).likelihoods)
        if self._parts[self._heard_of :]:
            self._finder.add(np.concatenate(self._parts[self._heard_of :]))
        self._heard_of, self._held_of = len(self._parts), self._held
        return self._finder

    def _close(self) -> None:
        if self._begin is None:
            return
        turns = self._hear().finish()
        self.window(float(self._begin), np.concatenate(self._parts), turns)
        self._begin, self._held, self._heard_of, self._held_of = None, 0, 0, 0
        self._parts.clear()

    def settle(self) -> None:
        self._close()

    @abstractmethod
    def window(self, begin: float, samples: Floats, turns: tuple[Turn, ...]) -> None:
        """Take one window, its time in seconds, and the turns in it."""


class SpeechTurns(Analyser):
    """Turns of speech, by Silero VAD."""

    name = "speech"
    version = "1"
    kinds = frozenset({VIDEO, SOUND})
    wants = (Samples(RATE),)
    networks = (MODEL,)
    model = Model(MODEL, MODELS[MODEL].sha256)

    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
        return _Turns(material)


class _Turns(_Listening):
    def __init__(self, material: Material) -> None:
        super().__init__(material)
        self._heard, self._turns = False, list[list[float]]()

    def window(self, begin: float, samples: Floats, turns: tuple[Turn, ...]) -> None:
        self._heard = True
        self._turns += [_rounded(begin + turn.start, begin + turn.end, turn.sure) for turn in turns]

    def finish(self) -> Result:
        self.settle()
        if not self._heard:
            return NOT_MINE
        spoken = sum(end - start for start, end, _ in self._turns)
        return Result(facts=[Fact("speech", round(spoken, 3))], details={"turns": self._turns})


class Transcribed(Analyser):
    """What is said, by Whisper base: about as slow as the sound is long, so only when asked for by name."""

    name = "transcript"
    version = "1"
    kinds = frozenset({VIDEO, SOUND})
    wants = (Samples(RATE),)
    networks = (MODEL, *WHISPER)
    model = Model("whisper-base", joint_sha256(WHISPER))
    parameters: Mapping[str, Json] = {"parts": {name: MODELS[name].sha256 for name in (MODEL, *WHISPER)}}

    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
        return _Writing(material)


class _Writing(_Listening):
    def __init__(self, material: Material) -> None:
        super().__init__(material)
        self._heard, self._said, self._seconds = False, list[dict[str, Any]](), dict[str, float]()

    def window(self, begin: float, samples: Floats, turns: tuple[Turn, ...]) -> None:
        self._heard = True
        writer = Transcripts(self._material.inference())
        for start, end in bounded(stretches(turns)):
            piece = samples[int(start * RATE) : int(end * RATE)]
            if not len(piece):
                continue
            written = writer.write(piece)
            self._seconds[written.language] = self._seconds.get(written.language, 0.0) + end - start
            for said in written.said:
                at = begin + start
                first, last, sure = _rounded(at + said.start, at + said.end, said.sure)
                self._said.append(
                    {
                        "start": first, "end": last, "text": said.text, "sure": sure,
                        "doubtful": said.doubtful, "language": written.language,
                    }
                )  # fmt: skip

    def finish(self) -> Result:
        self.settle()
        if not self._heard:
            return NOT_MINE
        most = max(self._seconds, key=self._seconds.__getitem__, default="")
        facts = [Fact("language", most)] if most else []
        texts = [
            Text("transcript", said["text"], said["language"], said["start"], said["end"])
            for said in self._said
            if said["text"]
        ]
        return Result(facts=facts, texts=texts, details={"said": self._said})


def bounded(chunks: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the stretches with those cut that are longer than is written down at once."""
    longest = STRETCH_SECONDS_MAX - 1
    return [
        (start + number * longest, min(end, start + (number + 1) * longest))
        for start, end in chunks
        for number in range(1 + int((end - start) // longest))
    ]


def _rounded(start: float, end: float, sure: float) -> list[float]:
    return [round(start, 3), round(end, 3), round(sure, 4)]
