"""How likely a picture shows nudity or sex, by Open NSFW: a hint for who reviews, never a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bearwitness.errors import ChildFailedError

from .faces import batches
from .worker import InferenceWorker

MODEL: Final = "opennsfw"


class Sensitive:
    """Scores pictures with a worker that has the model "opennsfw"."""

    def __init__(self, worker: InferenceWorker) -> None:
        self._worker = worker

    def score(self, pictures: Sequence[NDArray[np.uint8]]) -> list[float]:
        """Return for each picture (height × width × BGR) a score from 0 to 1.

        About one frame a second is enough. Raises ChildFailedError if the worker fails.
        """
        scores: list[float] = []
        for batch in batches(pictures):
            (answer,) = self._worker.compute("sensitive", {}, batch)
            if answer.shape != (len(batch),):
                raise ChildFailedError("the worker for scores answered for other pictures than it was given")
            scores += np.clip(answer, 0, 1).tolist()
        return scores
