"""What is kept of a frame, and of a whole video or still, to recognise it again."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bearwitness.signals.arrays import Grey, shrink, to_grey
from bearwitness.signals.borders import content_box
from bearwitness.signals.features import FeatureFinder, Features
from bearwitness.signals.hashing import FrameHash, hash_picture

THUMB = 96
ALL = 0.96
"""Of a picture: what shows less is cropped, or has bars."""


@dataclass(frozen=True)
class FrameSketch:
    """One frame: about 9 KB with features, 5 KB without.

    time: seconds of media time, exact. whole and inner: hashes of the frame and of the picture inside its
    bars (the same object where there are none). box: that picture in parts of width and height (left, top,
    right, bottom). thumb: the frame at THUMB pixels on its long side. features: None on frames that are no
    anchors.
    """

    time: Fraction
    whole: FrameHash
    inner: FrameHash
    box: tuple[float, float, float, float]
    thumb: Grey
    features: Features | None


@dataclass(frozen=True)
class Sketch:
    """A video (frames in order of time) or a still (one frame at time 0). width, height: pixels as shown."""

    width: int
    height: int
    frames: tuple[FrameSketch, ...]

    @property
    def times(self) -> NDArray[np.float64]:
        """Times of the frames, in seconds."""
        return np.array([float(frame.time) for frame in self.frames])

    @property
    def step(self) -> float:
        """The usual time between frames; 0 for a still."""
        return float(np.median(np.diff(self.times))) if len(self.frames) > 1 else 0.0

    @property
    def anchors(self) -> list[int]:
        """Indices of the frames that have features."""
        return [index for index, frame in enumerate(self.frames) if frame.features is not None]

    @cached_property
    def picture(self) -> tuple[float, float, float, float]:
        """The picture inside flat bars that most frames share (left, top, right, bottom); all of it where
        there are none.
        """
        boxes = np.array([frame.box for frame in self.frames])
        left, top, right, bottom = (float(edge) for edge in np.median(boxes, axis=0))
        steady = (np.abs(boxes - (left, top, right, bottom)) < 0.02).all(axis=1).mean() > 0.6
        barred = steady and (right - left) * (bottom - top) < ALL
        return (left, top, right, bottom) if barred else (0.0, 0.0, 1.0, 1.0)

    @cached_property
    def wavering(self) -> NDArray[np.float32]:
        """By how many grey levels each pixel of the thumbs varies (standard deviation over all frames)."""
        thumbs = np.stack([frame.thumb for frame in self.frames]).astype(np.float32)
        return np.asarray(thumbs.std(axis=0), dtype=np.float32)


class Sketcher:
    """Makes a sketch from frames handed in one by one, so that a video is never in memory whole.

    every: seconds between frames that are sketched at all; anchor_every: seconds between frames that get
    features. Frames in between are dropped. `sampling` gives sensible values for a duration.
    """

    def __init__(self, every: float, anchor_every: float) -> None:
        self._every = every
        self._anchor_every = anchor_every
        self._finder = FeatureFinder()
        self._frames: list[FrameSketch] = []
        self._next = self._next_anchor = float("-inf")
        self._size = (0, 0)

    def add(self, picture: NDArray[np.uint8], time: Fraction, *, cut: bool = False) -> bool:
        """Take a frame (h, w) or (h, w, 3); return whether it was kept. After a cut it always is, as an
        anchor.
        """
        if not cut and float(time) < self._next - 1e-6:
            return False
        grey = to_grey(picture)
        anchor = cut or float(time) >= self._next_anchor - 1e-6
        self._frames.append(sketch_frame(grey, time, self._finder if anchor else None))
        self._next = float(time) + self._every
        if anchor:
            self._next_anchor = float(time) + self._anchor_every
        self._size = (grey.shape[1], grey.shape[0])
        return True

    def finish(self) -> Sketch:
        """Return the sketch. Raises ValueError if no frame was added."""
        if not self._frames:
            raise ValueError("no frame was decoded, so there is nothing to compare")
        return Sketch(*self._size, tuple(sorted(self._frames, key=lambda frame: frame.time)))


def sampling(duration: float) -> tuple[float, float]:
    """Return (every, anchor_every) in seconds for a video: five frames a second for a minute, down to one."""
    every = min(1.0, max(0.2, duration / 300))
    return every, max(3 * every, min(5.0, duration / 12))


def sketch_frame(grey: Grey, time: Fraction, finder: FeatureFinder | None) -> FrameSketch:
    """Return the sketch of one grey frame; without a finder it gets no features."""
    rows, columns = grey.shape
    box = content_box(grey)
    whole = hash_picture(grey)
    cut = grey[box.top : box.bottom, box.left : box.right]
    inner = whole if cut.size == grey.size else hash_picture(cut)
    scale = THUMB / max(rows, columns)
    size = (max(8, round(rows * scale)), max(8, round(columns * scale)))
    thumb = np.clip(shrink(grey, *size) + 0.5, 0, 255).astype(np.uint8)
    share = (box.left / columns, box.top / rows, box.right / columns, box.bottom / rows)
    return FrameSketch(time, whole, inner, share, thumb, finder.find(grey) if finder else None)
