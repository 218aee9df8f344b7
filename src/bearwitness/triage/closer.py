"""A closer look at a part of a picture: the quarter that holds most of the small faces it hints at, enlarged.

The enlarged quarter is as large as the picture, so the network that saw the one sees the other as well, and
looking takes as long again, not four times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from PIL import Image

from bearwitness.inference.faces import FaceBox
from bearwitness.media.model import Picture

_EDGE: Final = 2.0  # enlarged pixels: what touches the edge of a window is half a face


@dataclass(frozen=True)
class Window:
    """A quarter of a picture at twice its size, and where its left top corner lies in the picture."""

    picture: Picture
    left: int
    top: int
    inner: tuple[bool, bool, bool, bool]  # of its left, top, right, bottom edge: it lies inside the picture

    def back(self, found: Sequence[FaceBox]) -> list[FaceBox]:
        """Return what was found in the window, in pixels of the picture, without faces its edge cuts."""
        rows, columns = self.picture.shape[:2]
        whole = []
        for face in found:
            gaps = (face.x, face.y, columns - face.x - face.w, rows - face.y - face.h)
            if not any(inner and gap < _EDGE for inner, gap in zip(self.inner, gaps, strict=True)):
                marks = tuple((x / 2 + self.left, y / 2 + self.top) for x, y in face.landmarks)
                whole.append(
                    replace(
                        face,
                        x=face.x / 2 + self.left,
                        y=face.y / 2 + self.top,
                        w=face.w / 2,
                        h=face.h / 2,
                        landmarks=marks,
                    )
                )
        return whole


def window(picture: Picture, hints: Sequence[FaceBox]) -> Window:
    """Return the quarter with the most of `hints` (at least one) in it, in doubt with those of higher scores.

    Sides of `picture` are even.
    """
    rows, columns = picture.shape[0] // 2, picture.shape[1] // 2
    middles = np.array([(hint.x + hint.w / 2, hint.y + hint.h / 2) for hint in hints])
    scores = np.array([hint.score for hint in hints])
    reach = np.array([columns, rows]) / 2
    near = (np.abs(middles[:, None] - middles[None]) <= reach).all(axis=2)
    best = int(np.argmax(near.sum(axis=1) + near @ scores / (1 + len(hints))))
    low, high = middles[near[best]].min(axis=0), middles[near[best]].max(axis=0)
    left = int(np.clip((low[0] + high[0]) / 2 - columns / 2, 0, picture.shape[1] - columns))
    top = int(np.clip((low[1] + high[1]) / 2 - rows / 2, 0, picture.shape[0] - rows))
    part = Image.fromarray(np.ascontiguousarray(picture[top : top + rows, left : left + columns]))
    inner = (left > 0, top > 0, left + columns < picture.shape[1], top + rows < picture.shape[0])
    return Window(
        np.asarray(part.resize((2 * columns, 2 * rows), Image.Resampling.BILINEAR)), left, top, inner
    )
