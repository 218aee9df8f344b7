"""Small clips made with PyAV in the test's own process, which is no decoder of hostile bytes."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av
import numpy as np

SIDE = 64


def picture(number: int, width: int = SIDE, height: int = SIDE) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a grey picture whose brightness tells its number."""
    return np.full((height, width, 3), (number * 7) % 200 + 20, np.uint8)


def clip(
    times: list[Fraction],
    *,
    form: str = "mp4",
    codec: str = "mpeg4",
    gop: int = 5,
    rotation: int = 0,
    width: int = SIDE,
    height: int = SIDE,
    base: Fraction = Fraction(1, 60_000),
    **options: str,
) -> bytes:
    """Return a file with one video stream whose frames are at `times` (seconds)."""
    out = io.BytesIO()
    with av.open(out, "w", format=form) as container:
        stream: Any = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.gop_size = width, height, gop
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = base
        if rotation:
            stream.set_display_rotation(rotation)
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number, width, height), format="bgr24")
            frame.pts, frame.time_base = int(time / base), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out.getvalue()


def tone(seconds: float, *, rate: int = 8_000, form: str = "wav", codec: str = "pcm_s16le") -> bytes:
    """Return a file with 400 Hz on the left and silence on the right."""
    out = io.BytesIO()
    count = int(seconds * rate)
    left = np.sin(2 * np.pi * 400 * np.arange(count) / rate) * 20_000
    both = np.stack([left, np.zeros(count)], 1).astype(np.int16).reshape(1, -1)
    with av.open(out, "w", format=form) as container:
        stream: Any = container.add_stream(codec, rate=rate, layout="stereo")
        frame = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
        frame.sample_rate, frame.pts = rate, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out.getvalue()
