"""Where somebody speaks (Silero VAD) and what is said (Whisper base), by the locked worker."""

from __future__ import annotations

from typing import Final

import numpy as np

from bearwitness.errors import ChildFailedError
from bearwitness.signals.arrays import Floats
from bearwitness.signals.speech import RATE, Said, Transcript, silence

from .texts import texts_of
from .worker import InferenceWorker

MODEL: Final = "silero-vad"
STRETCH_SECONDS_MAX: Final = 60.0  # of sound to be written down at once: an answer must come within minutes
_WINDOW: Final = 512


class Speech:
    """Tells where speech is with a worker that has the model MODEL."""

    def __init__(self, worker: InferenceWorker) -> None:
        self._worker = worker

    def likelihoods(self, samples: Floats, memory: Floats) -> tuple[Floats, Floats]:
        """Return what signals.speech.SpeechNetwork.likelihoods does; raise ChildFailedError if it fails."""
        answer = self._worker.compute("hear speech", {}, [samples, memory])
        shapes = [array.shape for array in answer]
        if shapes != [(len(samples) // _WINDOW,), silence().shape]:
            raise ChildFailedError("the worker for speech answered for other sound than it was given")
        likely, after = answer
        return np.clip(likely, 0, 1), np.array(after)


class Transcripts:
    """Writes down speech with a worker that has all models of :data:`.models.WHISPER`."""

    def __init__(self, worker: InferenceWorker) -> None:
        self._worker = worker

    def write(self, samples: Floats, language: str = "") -> Transcript:
        """Return what is said in up to a minute of sound (mono, 16 kHz), in its language unless one is given.

        Raises ChildFailedError if the worker fails or answers nonsense.
        """
        length = len(samples) / RATE
        if not 0 < length <= STRETCH_SECONDS_MAX:
            raise ValueError("between nothing and a minute of sound is written down at once")
        answer = self._worker.compute("write down", {"language": language}, [samples.astype(np.float32)])
        rows = len(answer[2]) if len(answer) == 4 else 0
        if not rows or [array.shape for array in answer[2:]] != [(rows, 2)] * 2:
            raise ChildFailedError("the worker for transcripts answered with other arrays than it must")
        heard, *texts = texts_of(answer[0], answer[1], rows)
        sure = np.clip(answer[3], 0, 1).tolist()
        times, said = answer[2][1:].tolist(), []
        for text, (start, end), (likely, doubtful) in zip(texts, times, sure[1:], strict=True):
            begin = min(length, max(0.0, start))
            said.append(Said(begin, max(begin, min(length, end)), text, likely, doubtful > 0))
        return Transcript(heard[:8], sure[0][0], tuple(said))
