"""Faces in pictures, by CenterFace at several scales.

Recall comes of the union: native size finds blurred and dark faces, twice the size finds small ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bearwitness.errors import ChildFailedError

from .worker import InferenceWorker

MODEL: Final = "centerface"
THRESHOLD: Final = 0.2
SCALES: Final = (1.0, 2.0)
_COLUMNS: Final = 15
_BATCH_BYTES: Final = 64 << 20


@dataclass(frozen=True)
class FaceBox:
    """A face from brow to chin in pixels of its picture; five landmarks (eyes, nose, corners of the mouth)."""

    x: float
    y: float
    w: float
    h: float
    score: float
    landmarks: tuple[tuple[float, float], ...]


class Faces:
    """Finds faces with a worker that has the model "centerface"."""

    def __init__(self, worker: InferenceWorker) -> None:
        self._worker = worker

    def detect(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        scales: Sequence[float] = SCALES,
        threshold: float = THRESHOLD,
    ) -> list[list[FaceBox]]:
        """Return for each picture (height × width × BGR) its faces by falling score, overlaps removed.

        Each scale sees the picture enlarged or reduced so much; time grows with the square. Raises
        ChildFailedError if the worker fails: then nothing is known of any of the pictures.
        """
        found: list[list[FaceBox]] = []
        for batch in batches(pictures):
            head = {"scales": [repr(float(scale)) for scale in scales], "threshold": repr(float(threshold))}
            rows = self._worker.compute("faces", {**head, "scales": list(head["scales"])}, batch)
            if [row.shape[1:] for row in rows] != [(_COLUMNS,)] * len(batch):
                raise ChildFailedError("the worker for faces answered for other pictures than it was given")
            found += [_boxes(row) for row in rows]
        return found


def batches(pictures: Sequence[NDArray[np.uint8]]) -> list[list[NDArray[np.uint8]]]:
    """Return the pictures in order, in lists of bounded size; raise ValueError for what is no picture."""
    out: list[list[NDArray[np.uint8]]] = []
    left = 0
    for picture in pictures:
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
            raise ValueError("a picture is height × width × 3 bytes")
        if picture.nbytes > left:
            out.append([])
            left = _BATCH_BYTES
        out[-1].append(picture)
        left -= picture.nbytes
    return out


def _boxes(rows: NDArray[np.float32]) -> list[FaceBox]:
    return [
        FaceBox(*values[:5], tuple(zip(values[5::2], values[6::2], strict=True))) for values in rows.tolist()
    ]
