"""Open NSFW: how likely a whole picture shows nudity or sex, 0 to 1 (Yahoo, 2016)."""

from __future__ import annotations

from typing import Final

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from .networks import Network, Preparation

# As its authors prepare pictures, less the detour over JPEG: it changes scores by a hundredth.
_SIDE: Final = 256
_HOW: Final = Preparation("NHWC", ov.Type.f32, rgb=False, margin=16, mean=(104.0, 117.0, 123.0))


def score(network: Network, pictures: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Return one score for each picture."""
    scores = np.zeros(len(pictures), np.float32)
    for size in dict.fromkeys(picture.shape[:2] for picture in pictures):
        chosen = [number for number, picture in enumerate(pictures) if picture.shape[:2] == size]
        compiled = network.for_pictures((size[0], size[1]), (_SIDE, _SIDE), _HOW)
        outputs = compiled.run([[pictures[number][None]] for number in chosen])
        scores[chosen] = [answer[0].reshape(-1)[-1] for answer in outputs]
    return scores
