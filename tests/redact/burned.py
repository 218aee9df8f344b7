"""Clips with texts drawn into them: where, how, and when; over a scene that moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, RATE = 480, 270, 10
Words = str | Callable[[int], str]


@dataclass(frozen=True)
class Drawn:
    """A text: its corner (tl, tr, bl, br), colours (red, green, blue, opacity), size, in which frames."""

    words: Words
    corner: str = "tl"
    colour: tuple[int, int, int, int] = (255, 255, 255, 255)
    box: tuple[int, int, int, int] | None = None
    size: int = 16
    frames: range = range(10_000)
    font: str = "DejaVuSans.ttf"


def clock(number: int) -> str:
    """Return what a clock shows in a frame."""
    return f"2023-05-17 14:{58 + number // RATE // 60:02}:{number // RATE % 60:02}"


def scene(number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a picture of soft blobs that wander, light and dark, without any letter in it."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    wave = np.sin(x / 47 + number / 13) * np.cos(y / 31 - number / 17) + np.sin((x + y) / 83 - number / 11)
    grey = (118 + 38 * wave).clip(0, 255).astype(np.uint8)
    return np.stack([grey, (grey * 0.9).astype(np.uint8), 255 - grey], axis=2)


def draw(image: Image.Image, text: Drawn, number: int) -> Image.Image:
    """Return the picture with a text on it."""
    try:
        font = ImageFont.truetype(text.font, text.size)
    except OSError:
        pytest.skip(f"the font {text.font} is not installed (Debian package fonts-dejavu-core)")
    words = text.words if isinstance(text.words, str) else text.words(number)
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(layer)
    left, top, right, bottom = pen.textbbox((0, 0), words, font=font)
    x = 8 - left if "l" in text.corner else image.width - 8 - right
    y = 8 - top if "t" in text.corner else image.height - 8 - bottom
    if text.box is not None:
        pen.rectangle((x + left - 4, y + top - 3, x + right + 4, y + bottom + 3), fill=text.box)
    pen.text((x, y), words, font=font, fill=text.colour)
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def place(text: Drawn, number: int) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of what is drawn in a frame, by its pixels."""
    blank = Image.new("RGB", (WIDTH, HEIGHT))
    plain = Drawn(text.words, text.corner, (255, 255, 255, 255), None, text.size, text.frames, text.font)
    box = draw(blank, plain, number).convert("L").point(lambda v: 255 * (v > 60)).getbbox()
    assert box is not None
    return box


def make(path: Path, texts: Sequence[Drawn], count: int = 40) -> Path:
    """Write a clip of the scene with texts on it."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=RATE, options={"crf": "20"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(count):
            image = Image.fromarray(scene(number))
            for text in texts:
                if number in text.frames:
                    image = draw(image, text, number)
            frame = VideoFrame.from_image(image)
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path
