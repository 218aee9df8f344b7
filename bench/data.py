"""Makes what is measured: 50 different MP4s of 20 MB with sound, 20,000 files of 4 KB. Kept between runs."""

from __future__ import annotations

import multiprocessing
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np

VIDEOS: Final = 50
VIDEO_BYTES: Final = 20_000_000
SMALL_FILES: Final = 20_000
SMALL_BYTES: Final = 4096
WIDTH, HEIGHT, RATE, SOUND_RATE = 1280, 720, 25, 48_000


def make(root: Path) -> Path:
    """Return the folder with the data, making it if it is not whole."""
    done = root / ".done"
    if not done.exists():
        (root / "mp4").mkdir(parents=True, exist_ok=True)
        with multiprocessing.get_context("spawn").Pool() as pool:
            pool.starmap(_video, [(root / "mp4" / f"v{n:02}.mp4", n) for n in range(VIDEOS)])
        _small(root / "small")
        done.touch()
    return root


def _small(root: Path) -> None:
    rng = np.random.default_rng(5)
    for number in range(SMALL_FILES):
        folder = root / f"{number // 500:03}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"f{number:05}.dat").write_bytes(rng.bytes(SMALL_BYTES))


def _video(path: Path, seed: int) -> None:
    """Encode noise that moves until the file has its size: about 70 packets a MB, as from a camera."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 14, (16, HEIGHT, WIDTH), dtype=np.uint8)
    base = rng.integers(0, 240, (HEIGHT // 8, WIDTH // 8), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("h264", rate=RATE, options={"preset": "ultrafast", "crf": "20"})
        pictures.width, pictures.height, pictures.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        pictures.thread_count = 1
        sound = container.add_stream("aac", rate=SOUND_RATE)
        written = number = 0
        while written < VIDEO_BYTES:
            image = np.zeros((HEIGHT * 3 // 2, WIDTH), np.uint8) + 128
            image[:HEIGHT] = np.roll(base, 3 * number, 1) + noise[int(rng.integers(16))]
            picture = av.VideoFrame.from_ndarray(image, format="yuv420p")
            for packet in [*pictures.encode(picture), *sound.encode(_sound(number, rng))]:
                written += packet.size
                container.mux(packet)
            number += 1
        for packet in [*pictures.encode(None), *sound.encode(None)]:
            container.mux(packet)


def _sound(number: int, rng: np.random.Generator) -> av.AudioFrame:
    count = SOUND_RATE // RATE
    wave = (rng.standard_normal((2, count)) * 0.1).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(wave, "fltp", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, number * count, Fraction(1, SOUND_RATE)
    return frame
