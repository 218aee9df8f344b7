"""Text in pictures: where it is (PP-OCR detector) and what it says (PP-OCR recogniser), run by OpenVINO.

The models are read when loaded and compiled for fixed input sizes when first needed, which opens nothing
once something else was compiled: load and run one, then lock the process. The models read Latin, digits and
Chinese, not Cyrillic (see cyrillic.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bearwitness.signals.arrays import Floats, Grey
from bearwitness.signals.borders import Box
from bearwitness.signals.onnx_notes import notes
from bearwitness.signals.quiet import openvino

_FIND_SIDE = 640
_FIND_ROWS = (384, 640)  # of a wide picture, and of any other: time goes with the area
_READ_HEIGHT, _READ_WIDTH = 48, 576
_LIKELY = 0.3
_SURE = 0.5
_GROW = 0.4  # the model marks the core of a line; the line is this share of its height larger on each side


# Single precision everywhere: the same picture must give the same text on every machine.
_SETTINGS = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}


@dataclass(frozen=True)
class Line:
    """A line of text as read. sure: mean probability of its characters, 0 to 1."""

    text: str
    sure: float


class _Network:
    """A network that is compiled for a shape when it is first run on it."""

    def __init__(self, weights: bytes) -> None:
        self._core = openvino().Core()
        self._model = self._core.read_model(weights)
        self._compiled: dict[tuple[int, ...], tuple[Any, Any]] = {}  # and a request, by shape

    def rest(self) -> None:
        """Give back the memory it works in; the next picture takes it anew."""
        for compiled, _ in self._compiled.values():
            compiled.release_memory()

    def run(self, planes: Floats) -> NDArray[np.float32]:
        """Return its first output for one picture."""
        shape = planes.shape
        if shape not in self._compiled:
            model = self._model.clone()
            model.reshape(list(shape))
            compiled = self._core.compile_model(model, "CPU", _SETTINGS)
            self._compiled[shape] = compiled, compiled.create_infer_request()
        answer: NDArray[np.float32] = np.array(self._compiled[shape][1].infer([planes])[0])[0]
        return answer


def _planes(grey: Grey) -> Floats:
    """Return (1, 3, h, w) from -1 to 1: the models want three colours and do as well with three times the
    same.
    """
    scaled = grey.astype(np.float32) / 127.5 - 1
    return np.ascontiguousarray(np.broadcast_to(scaled, (1, 3, *grey.shape)))


class TextFinder:
    """Finds lines of text; about 100 ms a frame, so ask once a shot.

    weights: the bytes of the model "ocr-find".
    """

    def __init__(self, weights: bytes) -> None:
        self._network = _Network(weights)
        self.rest = self._network.rest

    def find(self, grey: Grey) -> list[Box]:
        """Return the boxes of horizontal lines in pixels of the picture handed in, from top to bottom."""
        import cv2

        rows, columns = grey.shape
        scale = _FIND_SIDE / max(rows, columns)
        height, width = max(1, round(rows * scale)), max(1, round(columns * scale))
        canvas_rows = next(each for each in _FIND_ROWS if height <= each)
        canvas = np.zeros((canvas_rows, _FIND_SIDE), dtype=np.uint8)
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        canvas[:height, :width] = cv2.resize(grey, (width, height), interpolation=way)
        likely = self._network.run(_planes(canvas))[0]
        marks = (likely > _LIKELY).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(marks)
        found = []
        for label in range(1, count):
            left, top, wide, high, area = (int(value) for value in stats[label])
            if high < 4 or wide < 4 or float(likely[labels == label].mean()) < _SURE or area < 24:
                continue
            grow = _GROW * high
            box = (left - grow, top - grow, left + wide + grow, top + high + grow)
            line = _clip([edge / scale for edge in box], columns, rows)
            if line.left < line.right and line.top < line.bottom:  # else it lies in the margin of the canvas
                found.append(line)
        return sorted(found, key=lambda each: (each.top, each.left))


def _clip(edges: list[float], columns: int, rows: int) -> Box:
    left, top, right, bottom = edges
    return Box(max(0, int(left)), max(0, int(top)), min(columns, round(right)), min(rows, round(bottom)))


class TextReader:
    """Reads one line of text at a time; about 30 ms. weights: the bytes of "ocr-read"."""

    def __init__(self, weights: bytes) -> None:
        characters = notes(weights)["character"].split("\n")
        self._characters = np.array(["", *characters, " "])
        self._network = _Network(weights)
        self.rest = self._network.rest

    def read(self, grey: Grey, alphabet: str | None = None) -> Line:
        """Return the text of a picture cut to one line; with an alphabet, only its characters are considered.

        A line wider than twelve times its height is squeezed. An empty text has sureness 0.
        """
        likely = self._likelihoods(grey)
        if alphabet is not None:
            allowed = np.isin(self._characters, ["", *alphabet])
            likely = np.where(allowed, likely, 0)
        best = likely.argmax(axis=1)
        sure = likely.max(axis=1)
        fresh = (best != 0) & (best != np.concatenate([[-1], best[:-1]]))
        text = "".join(self._characters[best[fresh]])
        return Line(text.strip(), float(sure[fresh].mean()) if fresh.any() else 0.0)

    def _likelihoods(self, grey: Grey) -> NDArray[np.float32]:
        """Return (steps, characters): probabilities along the line."""
        import cv2

        rows, columns = grey.shape
        width = min(_READ_WIDTH, max(8, round(columns * _READ_HEIGHT / max(1, rows))))
        way = cv2.INTER_AREA if rows > _READ_HEIGHT else cv2.INTER_CUBIC
        line = cv2.resize(grey, (width, _READ_HEIGHT), interpolation=way)
        planes = np.zeros((1, 3, _READ_HEIGHT, _READ_WIDTH), dtype=np.float32)
        planes[..., :width] = _planes(np.asarray(line, dtype=np.uint8))
        answer = self._network.run(planes)
        steps: NDArray[np.float32] = answer[: int(np.ceil(len(answer) * width / _READ_WIDTH))]
        return steps
