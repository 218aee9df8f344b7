"""Frames and face truth of the corpus, decoded in the test's own process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]


def footage(corpus: Path, name: str, step: int) -> tuple[list[NDArray[np.uint8]], list[dict[str, Any]]]:
    """Return every `step`th frame of a clip and what its truth says of it."""
    truth = json.loads((corpus / "video" / f"{Path(name).stem}.faces.json").read_text())["frames"]
    with av.open(str(corpus / "video" / name)) as container:
        pictures: list[Any] = [
            frame.to_ndarray(format="bgr24")
            for number, frame in enumerate(container.decode(video=0))
            if number % step == 0
        ]
    return pictures, truth[::step]


def overlap(one: Box, two: Box) -> float:
    """Return the shared area over the area of both."""
    width = min(one[0] + one[2], two[0] + two[2]) - max(one[0], two[0])
    height = min(one[1] + one[3], two[1] + two[3]) - max(one[1], two[1])
    shared = max(width, 0) * max(height, 0)
    return shared / (one[2] * one[3] + two[2] * two[3] - shared)
