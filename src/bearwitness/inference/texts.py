"""Lines of text in pictures: where they are, and what each says (PP-OCR, Latin letters and digits)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bearwitness.errors import ChildFailedError
from bearwitness.signals.arrays import Grey
from bearwitness.signals.borders import Box
from bearwitness.signals.text import Line

from .worker import InferenceWorker

FINDER: Final = "ocr-find"
READER: Final = "ocr-read"
TEXT_BYTES_MAX: Final = 4_000  # of one line of text, or of half a minute of speech


class Texts:
    """Finds and reads text with a worker that has the models FINDER and READER."""

    def __init__(self, worker: InferenceWorker) -> None:
        self._worker = worker

    def find(self, grey: Grey) -> list[Box]:
        """Return the boxes of horizontal lines in a grey picture, from top to bottom, none outside of it.

        Raises ChildFailedError if the worker fails or answers nonsense.
        """
        answer = self._worker.compute("find text", {}, [np.ascontiguousarray(grey)])
        if len(answer) != 1 or answer[0].shape[1:] != (4,):
            raise ChildFailedError("the worker for text answered for another picture than it was given")
        rows, columns = grey.shape
        boxes = []
        for left, top, right, bottom in np.asarray(answer[0]).tolist():
            if not (0 <= left < right <= columns and 0 <= top < bottom <= rows):
                raise ChildFailedError("the worker for text found a line outside of the picture")
            boxes.append(Box(int(left), int(top), int(right), int(bottom)))
        return boxes

    def read(self, grey: Grey) -> Line:
        """Return the text of a grey picture cut to one line; raise ChildFailedError as `find` does."""
        answer = self._worker.compute("read text", {}, [np.ascontiguousarray(grey)])
        if len(answer) != 3 or answer[2].shape != (1,):
            raise ChildFailedError("the worker for text answered for another line than it was given")
        (text,) = texts_of(answer[0], answer[1], 1)
        return Line(text, min(1.0, max(0.0, float(answer[2][0]))))


def texts_of(lengths: NDArray[np.int32], content: NDArray[np.uint8], count: int) -> list[str]:
    """Return the `count` texts that a worker answered with; raise ChildFailedError for anything odd."""
    sizes = lengths.ravel().tolist()
    if len(sizes) != count or any(not 0 <= size <= TEXT_BYTES_MAX for size in sizes):
        raise ChildFailedError("a worker answered with another number or length of texts than there can be")
    if content.dtype != np.uint8 or sum(sizes) != content.size:
        raise ChildFailedError("a worker answered with texts that do not add up")
    data, at, texts = content.tobytes(), 0, []
    for size in sizes:
        texts.append(data[at : at + size].decode("utf-8", "replace"))
        at += size
    return texts
