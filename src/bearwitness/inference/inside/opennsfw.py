"""Open NSFW: how likely a whole picture shows nudity or sex, 0 to 1 (Yahoo, 2016)."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import openvino as ov
from numpy.typing import NDArray

from .networks import Network, Preparation

# As its authors prepare pictures, less the detour over JPEG: it changes scores by a hundredth.
_SIDE: Final = 256
_HOW: Final = Preparation("NHWC", ov.Type.f32, rgb=False, margin=16, mean=(104.0, 117.0, 123.0))


def score(network: Network, pictures: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Return one score for each picture."""
    # Scaled here, so that the network is compiled once and not for every size of picture.
    squares = (cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR) for picture in pictures)
    compiled = network.for_pictures((_SIDE, _SIDE), (_SIDE, _SIDE), _HOW)
    outputs = compiled.run([square[None]] for square in squares)
    return np.array([answer[0].reshape(-1)[-1] for answer in outputs], np.float32)
