"""Small clips made for tests: every kind of container, codec and timing redaction must keep."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

WIDTH, HEIGHT, RATE = 160, 96, 25
SQUARE = 32
_MADE: dict[str, bytes] = {}


def picture(number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a textured picture with a bright square that moves a pixel a frame."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    grey = (96 + 40 * np.sin(x / 5 + number / 9) + 40 * np.cos(y / 4)).astype(np.uint8)
    grey[20 : 20 + SQUARE, 20 + number : 20 + number + SQUARE] = (
        200 + (np.indices((SQUARE, SQUARE)).sum(0) % 2) * 50
    )
    return np.repeat(grey[:, :, None], 3, axis=2)


def make(
    path: Path,
    codec: str = "libx264",
    sound: str | None = None,
    *,
    times: Sequence[int] = tuple(range(0, 60)),
    base: Fraction = Fraction(1, RATE),
    pixel: str = "yuv420p",
    options: dict[str, str] | None = None,
    sound_start: float = 0.0,
    metadata: dict[str, str] | None = None,
    format_options: dict[str, str] | None = None,
) -> Path:
    """Write a clip whose frames are shown at `times` (ticks of `base`); one like it is made but once."""
    asked = repr(
        (path.suffix, codec, sound, times, base, pixel, options, sound_start, metadata, format_options)
    )
    if asked in _MADE:
        path.write_bytes(_MADE[asked])
        return path
    with av.open(str(path), "w", options=format_options or {}) as container:
        container.metadata.update(metadata or {})
        video: Any = container.add_stream(codec, rate=RATE, options=options or {})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, pixel
        video.time_base = video.codec_context.time_base = base
        strict = {"strict": "experimental"} if sound == "vorbis" else {}
        audio: Any = container.add_stream(sound, rate=48000, options=strict) if sound else None
        for number, time in enumerate(times):
            frame = VideoFrame.from_ndarray(picture(number), format="rgb24").reformat(format=pixel)
            frame.pts, frame.time_base = time, base
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            _add_tone(container, audio, len(times) / RATE, sound_start)
    _MADE[asked] = path.read_bytes()
    return path


def _add_tone(container: Any, audio: Any, seconds: float, start: float) -> None:
    count = int(48000 * seconds)
    tone = (0.4 * np.sin(np.arange(count) * 2 * np.pi * 440 / 48000)).astype(np.float32)
    layout = audio.codec_context.layout.name
    channels = audio.codec_context.layout.nb_channels
    resampler = av.AudioResampler(format=audio.codec_context.format.name, layout=layout, rate=48000)
    step = audio.codec_context.frame_size or 1024
    for at in range(0, count - step, step):
        frame = AudioFrame.from_ndarray(
            np.repeat(tone[None, at : at + step], channels, axis=0), "fltp", layout
        )
        frame.sample_rate, frame.pts, frame.time_base = 48000, at + round(start * 48000), Fraction(1, 48000)
        for one in resampler.resample(frame):
            container.mux(audio.encode(one))
    container.mux(audio.encode(None))


def packets(path: Path, kind: str) -> list[tuple[Fraction, Fraction, bytes]]:
    """Return time, length and bytes of each packet of the first stream of a kind, by the peer's demuxer."""
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        base = Fraction(stream.time_base or 1)
        return [
            (p.pts * base, (p.duration or 0) * base, bytes(p))
            for p in container.demux(stream)
            if p.size and p.pts is not None
        ]


def frame_times(path: Path) -> list[Fraction]:
    """Return when each frame is shown, by the peer."""
    with av.open(str(path)) as container:
        return [
            Fraction(f.pts) * Fraction(f.time_base) for f in container.decode(video=0) if f.pts is not None
        ]


def lumas(path: Path) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    """Return the luma of each frame, by the peer."""
    with av.open(str(path)) as container:
        return [f.reformat(format="gray").to_ndarray() for f in container.decode(video=0)]
