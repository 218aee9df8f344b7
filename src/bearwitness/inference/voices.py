"""How a voice sounds, as 256 numbers (Resemblyzer), and speech made into a whisper, by the locked worker."""

from __future__ import annotations

from typing import Final

import numpy as np

from bearwitness.errors import ChildFailedError
from bearwitness.signals import voices
from bearwitness.signals.arrays import Floats

from .wire import Array
from .worker import InferenceWorker

MODEL: Final = "resemblyzer"
_NUMBERS: Final = 256
_AT_ONCE: Final = 64


class Voices:
    """Tells voices apart with a worker that has the model MODEL."""

    def __init__(self, worker: InferenceWorker) -> None:
        self._worker = worker

    def voice(self, samples: Floats) -> Floats:
        """Return the voice in a sound (mono, 16 kHz) as (256,), of length 1 or, for silence, 0.

        Raises ChildFailedError if the worker fails or answers nonsense, ValueError for no sound.
        """
        heard = voices.spectra(samples)
        found = [self._ask(heard[at : at + _AT_ONCE]) for at in range(0, len(heard), _AT_ONCE)]
        return voices.voice(np.concatenate(found))

    def whisper(self, samples: Floats, secret: bytes) -> Floats:
        """Return an utterance (mono, 16 kHz) as a whisper, by numbers drawn from 32 random bytes.

        Raises ChildFailedError if the worker fails or answers nonsense.
        """
        asked: list[Array] = [samples.astype(np.float32), np.frombuffer(secret, np.uint8)]
        answer = self._worker.compute("whisper", {}, asked)
        if [array.shape for array in answer] != [samples.shape]:
            raise ChildFailedError("the worker for voices answered for other sound than it was given")
        return np.clip(answer[0], -1, 1)

    def _ask(self, heard: Floats) -> Floats:
        answer = self._worker.compute("run", {"model": MODEL}, [heard])
        if [array.shape for array in answer] != [(len(heard), _NUMBERS)]:
            raise ChildFailedError("the worker for voices answered for other sound than it was given")
        return np.clip(answer[0], 0, 1)
