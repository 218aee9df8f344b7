"""A real face: the astronaut that comes with scikit-image, from 180 to 265 across and 75 to 185 down."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def photograph() -> Image.Image:
    """Return the whole picture, 512 × 512, in RGB."""
    spec = find_spec("skimage")
    assert spec is not None
    assert spec.submodule_search_locations
    with Image.open(Path(spec.submodule_search_locations[0]) / "data" / "astronaut.png") as image:
        return image.convert("RGB")


def bgr(image: Image.Image, light: float = 1.0) -> NDArray[np.uint8]:
    """Return a picture as networks take it, made darker."""
    return np.ascontiguousarray((np.asarray(image) * light).astype(np.uint8)[:, :, ::-1])
