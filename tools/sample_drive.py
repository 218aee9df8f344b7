"""Makes the sample drive: videos with sound, pictures, documents, a duplicate, a damaged file, odd names.

Everything is drawn and computed here, so the drive can be made anywhere and shown to anyone. It is the same
each time but for the file times.
"""

from __future__ import annotations

import math
import os
import sys
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT, RATE, SOUND_RATE = 640, 360, 25, 48_000
CLOCK_START = 14 * 3600 + 2 * 60 + 7  # what the burned-in clock shows at the first frame


def make(drive: Path) -> None:
    """Make the drive in the folder `drive`, which must not exist."""
    (drive / "CAM 03").mkdir(parents=True)
    (drive / "снимки").mkdir()
    (drive / "papers").mkdir()
    video(drive / "CAM 03" / "20260312_140207.mp4", seconds=12, seed=1)
    video(drive / "CAM 03" / "20260312_140219.mp4", seconds=8, seed=2)
    video(drive / "CAM 03" / "yard.mkv", seconds=6, seed=3)
    video(drive / "CAM 03" / "gate.ts", seconds=5, seed=4)
    video(drive / "CAM 03" / "20260312_140231.mp4", seconds=2, seed=3, visitor=head())
    whole = (drive / "CAM 03" / "20260312_140207.mp4").read_bytes()
    (drive / "CAM 03" / "copy of 140207.mp4").write_bytes(whole)
    (drive / "CAM 03" / "cut off.mp4").write_bytes(whole[: len(whole) // 3])
    for number in range(6):
        picture(drive / "снимки" / f"фото {number + 1}.jpg", number)
    (drive / "papers" / "список.txt").write_text("Смена 3\nпост 12, коридор Б\n", "utf-8")
    (drive / "papers" / "roster.csv").write_text("shift,post,name\n3,12,A. N.\n3,14,K. D.\n", "utf-8")
    (drive / "papers" / "empty.doc").touch()
    odd_names(drive)


def odd_names(drive: Path) -> None:
    """Add names that break careless tools: a newline, bytes that are not UTF-8, an option, a link."""
    (drive / "line\nbreak.txt").write_text("a name with a newline\n")
    (drive / "-rf").write_text("a name like an option\n")
    descriptor = os.open(os.fsencode(drive) + b"/\xff\xfe \xe4.txt", os.O_WRONLY | os.O_CREAT, 0o644)
    os.write(descriptor, b"a name that is not UTF-8\n")
    os.close(descriptor)
    (drive / "latest").symlink_to("CAM 03/20260312_140219.mp4")


def head() -> Image.Image:
    """Return a real face, for what looks for faces: of the astronaut Eileen Collins (NASA, public domain).

    The photograph comes with scikit-image, of which nothing but this file is used.
    """
    (package,) = find_spec("skimage").submodule_search_locations
    with Image.open(Path(package) / "data" / "astronaut.png") as image:
        return image.convert("RGB").crop((150, 0, 310, 240)).resize((100, 150))


def video(path: Path, seconds: int, seed: int, visitor: Image.Image | None = None) -> None:
    """Draw a corridor with two walking figures and a burned-in clock; the sound is a hum with steps.

    In the middle third of it a `visitor` stands close to the camera.
    """
    rng = np.random.default_rng(seed)
    wall = backdrop(rng)
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("h264", rate=RATE, options={"preset": "veryfast", "crf": "26"})
        pictures.width, pictures.height, pictures.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        pictures.thread_count = 1
        sound = container.add_stream("aac", rate=SOUND_RATE)
        for number in range(seconds * RATE):
            image = frame(wall, number, seed)
            if visitor is not None and seconds * RATE <= 3 * number < 2 * seconds * RATE:
                image.paste(visitor, (90 + 2 * (number - seconds * RATE // 3), 150 + number % 5))
            for packet in pictures.encode(av.VideoFrame.from_image(image)):
                container.mux(packet)
            for packet in sound.encode(hum(number, rng)):
                container.mux(packet)
        for stream in (pictures, sound):
            for packet in stream.encode(None):
                container.mux(packet)


def backdrop(rng: np.random.Generator) -> Image.Image:
    """Return an empty corridor, a little noisy as such cameras are."""
    image = Image.new("RGB", (WIDTH, HEIGHT), (96, 98, 92))
    draw = ImageDraw.Draw(image)
    draw.polygon([(0, HEIGHT), (WIDTH, HEIGHT), (410, 150), (230, 150)], fill=(70, 68, 62))
    draw.rectangle([230, 60, 410, 150], fill=(52, 54, 56))
    for x in (40, 130, 500, 590):
        draw.rectangle([x - 26, 90, x + 26, 300], fill=(60, 66, 70), outline=(30, 30, 30))
    noise = rng.integers(-10, 10, (HEIGHT, WIDTH, 3))
    return Image.fromarray((np.asarray(image).astype(int) + noise).clip(0, 255).astype(np.uint8))


def frame(wall: Image.Image, number: int, seed: int) -> Image.Image:
    """Return frame `number`."""
    image = wall.copy()
    draw = ImageDraw.Draw(image)
    for walker in range(2):
        x = (number * (3 + walker) + 150 * walker + 60 * seed) % (WIDTH + 80) - 40
        y = 190 + 30 * walker + 3 * math.sin(number / 3)
        draw.ellipse([x - 11, y - 30, x + 11, y - 4], fill=(196, 160, 132))
        draw.rectangle([x - 17, y - 4, x + 17, y + 60], fill=(36 + 40 * walker, 44, 60))
        swing = 12 * math.sin(number / 2.5 + walker)
        draw.line([x - 6, y + 60, x - 6 - swing, y + 105], fill=(20, 20, 24), width=9)
        draw.line([x + 6, y + 60, x + 6 + swing, y + 105], fill=(20, 20, 24), width=9)
    clock = CLOCK_START + 12 * (seed - 1) + number // RATE
    text = f"2026-03-12 {clock // 3600:02}:{clock // 60 % 60:02}:{clock % 60:02}  CAM 03"
    draw.rectangle([8, 8, 10 + 7 * len(text), 24], fill=(0, 0, 0))
    draw.text((12, 10), text, fill=(255, 255, 255))
    return image


def hum(number: int, rng: np.random.Generator) -> av.AudioFrame:
    """Return the sound of one frame."""
    count = SOUND_RATE // RATE
    t = (number * count + np.arange(count)) / SOUND_RATE
    wave = 0.05 * np.sin(2 * np.pi * 50 * t) + 0.02 * rng.standard_normal(count)
    if number % 12 == 0:
        wave += 0.4 * rng.standard_normal(count) * np.exp(-np.arange(count) / 200)
    frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]).astype(np.float32), "fltp", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, number * count, Fraction(1, SOUND_RATE)
    return frame


def picture(path: Path, number: int) -> None:
    """Draw a photograph of a door with a number."""
    image = backdrop(np.random.default_rng(100 + number)).resize((1280, 720))
    draw = ImageDraw.Draw(image)
    draw.rectangle([540, 180, 760, 690], fill=(72, 80, 88), outline=(20, 20, 20), width=5)
    draw.text((620, 220), f"{number + 210}", fill=(240, 240, 230), font_size=48)
    image.save(path, quality=88)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
