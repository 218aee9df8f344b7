"""Videos drawn for the tests: a place (fixed or hand-held camera) in which figures move, and edits of such
videos.

Drawn by us and unlike the corpus on purpose, so that what is tuned to it is noticed.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from bearwitness.signals.sketch import Sketch, Sketcher

Picture = NDArray[np.uint8]
Video = list[tuple[Fraction, Picture]]
Edit = Callable[[Picture], Picture]


def texture(seed: int, height: int, width: int) -> NDArray[np.float32]:
    """Return a cloudy texture with strokes, 0 to 255: detail at every scale, as real places have."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width), np.float32)
    for step in (4, 9, 20, 45):
        rough = rng.normal(size=(step, step * width // height + 1)).astype(np.float32)
        total += cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC) / step**0.5
    total = cv2.normalize(total, None, 40, 215, cv2.NORM_MINMAX)
    for _ in range(40):
        x, y, w, h = rng.integers(0, width), rng.integers(0, height), *rng.integers(6, 70, 2)
        cv2.rectangle(
            total,
            (int(x), int(y)),
            (int(x + w), int(y + h)),
            float(rng.integers(10, 245)),
            int(rng.integers(1, 4)),
        )
    return total


def film(
    place: int,
    action: int,
    seconds: float = 4,
    *,
    fps: int = 10,
    size: tuple[int, int] = (270, 480),
    shake: float = 0.0,
    looks: int | None = None,
    figures: int = 3,
) -> Video:
    """Return a video (grey) of a place in which figures move; `action` says how. shake: pixels the camera
    wanders. looks: of the figures, if not those of the action.
    """
    height, width = size
    ground = texture(place, height + 120, width + 120)
    looks = action if looks is None else looks
    who = [(texture(1000 + looks * 7 + k, 90, 45), *_path(action * 31 + k, seconds)) for k in range(figures)]
    frames: Video = []
    for number in range(round(seconds * fps)):
        t = number / fps
        dx = 60 + shake * np.sin(1.7 * t + action)
        dy = 60 + shake * np.cos(1.1 * t + 2 * action)
        view = cv2.warpAffine(ground, np.array([[1, 0, -dx], [0, 1, -dy]]), (width, height))
        for look, xs, ys in who:
            x = int(np.interp(t, np.linspace(0, seconds, 5), xs) * (width - 60))
            y = int(np.interp(t, np.linspace(0, seconds, 5), ys) * (height - 100))
            view[y : y + 90, x : x + 45] = look
        noise = np.random.default_rng(number + 10_000 * action).normal(0, 2, view.shape)
        frames.append((Fraction(number, fps), np.clip(view + noise, 0, 255).astype(np.uint8)))
    return frames


def _path(seed: int, seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    del seconds
    rng = np.random.default_rng(seed)
    return rng.random(5), rng.random(5)


def edited(video: Video, *edits: Edit) -> Video:
    """Return the video with each frame edited, then coarsely compressed (JPEG 60), as every copy is."""
    result = []
    for time, picture in video:
        done = picture
        for edit in edits:
            done = edit(done)
        _, packed = cv2.imencode(".jpg", done, [cv2.IMWRITE_JPEG_QUALITY, 60])
        result.append((time, cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE).astype(np.uint8)))
    return result


def crop(picture: Picture) -> Picture:
    rows, columns = picture.shape
    return picture[rows // 10 : -rows // 8, columns // 9 : -columns // 7]


def letterbox(picture: Picture) -> Picture:
    side = picture.shape[1] // 7
    return cv2.copyMakeBorder(picture, 0, 0, side, side, cv2.BORDER_CONSTANT, value=0).astype(np.uint8)


def mirror(picture: Picture) -> Picture:
    return np.ascontiguousarray(picture[:, ::-1])


def caption(picture: Picture) -> Picture:
    out = picture.copy()
    out[-picture.shape[0] // 6 :] = 16
    cv2.putText(out, "SEEN IN THE NEWS", (20, picture.shape[0] - 20), cv2.FONT_HERSHEY_DUPLEX, 1, 255, 2)
    return out


def brighten(picture: Picture) -> Picture:
    return (255 * (picture / 255.0) ** 0.6 * 0.9 + 20).clip(0, 255).astype(np.uint8)


def small(picture: Picture) -> Picture:
    rows, columns = picture.shape
    return cv2.resize(picture, (columns * 3 // 10, rows * 3 // 10), interpolation=cv2.INTER_AREA).astype(
        np.uint8
    )


def inset(picture: Picture) -> Picture:
    rows, columns = picture.shape
    out = cv2.GaussianBlur(picture, (0, 0), 25)
    part = cv2.resize(picture, (columns * 6 // 10, rows * 6 // 10), interpolation=cv2.INTER_AREA)
    out[rows // 5 : rows // 5 + part.shape[0], columns // 4 : columns // 4 + part.shape[1]] = part
    return out.astype(np.uint8)


def sketch(video: Video, every: float = 0.2, anchor_every: float = 1.2) -> Sketch:
    """Return the sketch of a video."""
    sketcher = Sketcher(every, anchor_every)
    for time, picture in video:
        sketcher.add(picture, time)
    return sketcher.finish()


def still(picture: Picture) -> Sketch:
    """Return the sketch of one picture."""
    return sketch([(Fraction(0), picture)])
