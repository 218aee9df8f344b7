"""How well a recipient's mark is found after what happens to a leaked file, and how often a wrong one.

    python bench/marks.py CLIP… [--seconds 10] [--wrong 1000]

Each clip is marked, encoded as a copy is (CRF 20), decoded, changed, encoded once more, and asked for the
mark put in and for as many that nobody was given. Scores are in standard deviations of chance.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame

from bearwitness.redact.filling import planes
from bearwitness.signals import marks
from bearwitness.signals.arrays import shrink
from bearwitness.signals.mark_search import HEIGHT, THRESHOLD, WIDTH, Shrunk, search

KEY = b"the key of one who was given it."
_TICK = Fraction(1, 1000)
Pictures = list[tuple[float, Any]]
"""Seconds since the first picture, and I420."""


def read(source: Any, seconds: float = 1e9) -> Pictures:
    """Return the pictures of the first seconds of a clip."""
    found: Pictures = []
    first = Fraction(0)
    with av.open(source) as container:
        for frame in container.decode(video=0):
            at = Fraction(frame.pts) * Fraction(frame.time_base)
            first = at if not found else first
            if at - first > seconds:
                break
            found.append((float(at - first), frame.to_ndarray(format="yuv420p")))
    return found


def encoded(pictures: Pictures, crf: int, part: int = 1) -> io.BytesIO:
    """Return pictures as MP4, their sides divided by `part`."""
    out = io.BytesIO()
    height, width = planes(pictures[0][1])[0].shape
    with av.open(out, "w", format="mp4") as container:
        video: Any = container.add_stream("libx264", rate=25, options={"crf": str(crf), "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = width // part & ~1, height // part & ~1, "yuv420p"
        video.codec_context.time_base = _TICK
        for time, picture in pictures:
            frame = VideoFrame.from_ndarray(picture, format="yuv420p").reformat(video.width, video.height)
            frame.pts, frame.time_base = round((time - pictures[0][0]) * 1000), _TICK
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    out.seek(0)
    return out


def on_rgb(change: Callable[[Any], Any]) -> Callable[[Pictures], Pictures]:
    """Return what changes every picture as red, green and blue."""

    def changed(pictures: Pictures) -> Pictures:
        found: Pictures = []
        for time, picture in pictures:
            rgb = VideoFrame.from_ndarray(picture, format="yuv420p").to_ndarray(format="rgb24")
            new = np.ascontiguousarray(change(rgb).astype(np.uint8))
            new = np.ascontiguousarray(new[: new.shape[0] & ~1, : new.shape[1] & ~1])
            frame = VideoFrame.from_ndarray(new, format="rgb24").reformat(format="yuv420p")
            found.append((time, frame.to_ndarray()))
        return found

    return changed


def _cropped(rgb: Any) -> Any:
    height, width = rgb.shape[:2]
    return rgb[int(height * 0.03) : int(height * 0.98), int(width * 0.02) : int(width * 0.96)]


def _same(pictures: Pictures) -> Pictures:
    return pictures


CASES: Sequence[tuple[str, Callable[[Pictures], Pictures], int, int]] = (
    ("the copy encoded again, CRF 30", _same, 30, 1),
    ("half as large, CRF 30", _same, 30, 2),
    ("half as large, CRF 35", _same, 35, 2),
    ("3 to 6 % cut off at the edges, CRF 30", on_rgb(_cropped), 30, 1),
    ("cut off and half as large, CRF 30", on_rgb(_cropped), 30, 2),
    ("contrast ×1.2, brighter by 15, CRF 30", on_rgb(lambda rgb: np.clip(rgb * 1.2 + 15.0, 0, 255)), 30, 1),
    ("gamma 0.7, CRF 30", on_rgb(lambda rgb: 255 * (rgb / 255.0) ** 0.7), 30, 1),
    ("without its first third, CRF 30", lambda pictures: pictures[len(pictures) // 3 :], 30, 1),
)


def shrunk(pictures: Pictures, every: float = 0.0) -> Shrunk:
    """Return pictures as the search takes them."""
    found, last = Shrunk(), -1.0
    for time, picture in pictures:
        if time - last >= every - 1e-6:
            found.add(time - pictures[0][0], shrink(np.ascontiguousarray(planes(picture)[0]), HEIGHT, WIDTH))
            last = time
    return found


def measure(path: Path, seconds: float, wrong: int) -> None:
    """Print what is found of one clip."""
    pictures = read(str(path), seconds)
    marked, apart = [], []
    for time, picture in pictures:
        own = picture.copy()
        marks.put(planes(own)[0], marks.at_time(KEY, time))
        apart.append(np.square(planes(own)[0].astype(float) - planes(picture)[0]).mean())
        marked.append((time, own))
    height, width = planes(pictures[0][1])[0].shape
    print(f"\n{path.name}: {len(pictures)} pictures of {width}×{height}, {pictures[-1][0]:.1f} s;", end=" ")
    print(f"the mark has a PSNR of {10 * np.log10(255**2 / np.mean(apart)):.1f} dB")
    others = [number.to_bytes(4, "big") + b"w" * 28 for number in range(wrong)]
    whole, copy = shrunk(pictures), read(encoded(marked, 20))
    cases = [(name, read(encoded(change(copy), crf, part))) for name, change, crf, part in CASES]
    cases.append(("no mark in it, CRF 30", read(encoded(pictures, 30))))
    for name, leaked in cases:
        found = search(whole, shrunk(leaked, 0.2), [KEY, *others])
        if found is None:
            print(f"  {name:40} not laid over")
            continue
        over = sum(score >= THRESHOLD for score in found.scores[1:])
        farthest = max(found.scores[1:])
        print(f"  {name:40} {found.scores[0]:6.1f}, the farthest of {wrong} wrong {farthest:4.1f},", end=" ")
        print(f"{over} of them over {THRESHOLD:g}", flush=True)


def main() -> int:
    """Measure every clip named."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--wrong", type=int, default=1000)
    options = parser.parse_args()
    for path in options.clips:
        measure(path, options.seconds, options.wrong)
    return 0


if __name__ == "__main__":
    sys.exit(main())
