"""Faces as numbers, by a locked worker that has the models LANDMARKS and NETWORK: near means may be the same.

A lead and never an identity. Only where two people authorised it (triage/faceprints.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bearwitness.errors import ChildFailedError

from .worker import InferenceWorker

LANDMARKS: Final = "face-landmarks"
NETWORK: Final = "face-print"
NUMBERS: Final = 128


class Faceprints:
    """Asks a worker for prints."""

    def __init__(self, worker: InferenceWorker) -> None:
        self._worker = worker

    def describe(
        self, picture: NDArray[np.uint8], boxes: Sequence[tuple[float, float, float, float]]
    ) -> NDArray[np.float32]:
        """Return (n, 128) for n boxes (left, top, width, height in pixels) of a picture (h, w, BGR).

        Raises ChildFailedError if the worker fails or answers nonsense.
        """
        if not boxes:
            return np.empty((0, NUMBERS), np.float32)
        places = np.asarray(boxes, np.float32)
        answer = self._worker.compute("print faces", {}, [np.ascontiguousarray(picture), places])
        if len(answer) != 1 or answer[0].shape != (len(boxes), NUMBERS):
            raise ChildFailedError("the worker for faceprints answered for other faces than it was given")
        return np.array(answer[0], np.float32)
