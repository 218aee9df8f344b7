"""128 numbers for a face, by dlib's residual network: near to each other where two may be the same person.

Method: D. E. King, "High Quality Face Recognition with Deep Metric Learning" (2017), the network trained on
about three million faces; a face is turned upright and cut out by five landmarks first.
"""

from __future__ import annotations

import os
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SIDE: Final = 150
NUMBERS: Final = 128
_MARGIN: Final = 0.25


class FacePrinter:
    """Holds the finder of landmarks and the network; both are loaded from bytes that were hashed."""

    def __init__(self, landmarks: bytes, network: bytes) -> None:
        import dlib  # an extra: it is there only where face grouping was installed

        self._dlib: Any = dlib
        self._landmarks = _from_memory(dlib.shape_predictor, landmarks)
        self._network = _from_memory(dlib.face_recognition_model_v1, network)
        self.prints(np.zeros((SIDE, SIDE, 3), np.uint8), np.array([[20, 20, 100, 100]], np.float32))

    def prints(self, picture: NDArray[np.uint8], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (n, NUMBERS) for boxes (left, top, width, height in pixels) of a picture of BGR."""
        colours = np.ascontiguousarray(picture[:, :, ::-1])
        found = np.empty((len(boxes), NUMBERS), np.float32)
        for number, (left, top, width, height) in enumerate(boxes.tolist()):
            side = (width + height) / 2
            x, y = left + width / 2 - side / 2, top + height / 2 - side / 2
            place = self._dlib.rectangle(round(x), round(y), round(x + side), round(y + side))
            shape = self._landmarks(colours, place)
            chip = self._dlib.get_face_chip(colours, shape, size=SIDE, padding=_MARGIN)
            found[number] = np.asarray(self._network.compute_face_descriptor(chip), np.float32)
        return found


def _from_memory(make: Any, data: bytes) -> Any:
    """Return what `make` makes of a file: dlib reads names only, and the bytes must be those hashed."""
    descriptor = os.memfd_create("weights", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(data)
        return make(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
