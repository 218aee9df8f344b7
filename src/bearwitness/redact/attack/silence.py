"""Listens to the finished file: what was to be muted must be silent, and a track that was to go be gone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from bearwitness.media.model import Sound

from .hits import Hit

CHECK: Final = "muted sound"
PEAK_MAX: Final = 1 / 512  # of full scale; what silence decodes to, with the noise of a codec


def check(sounds: Iterable[Sound], muted: Iterable[tuple[int, int]], name: str) -> tuple[int, list[Hit]]:
    """Return how many samples were listened to and where something is heard; `muted` in milliseconds."""
    ranges = list(muted)
    heard: dict[tuple[int, int], float] = {}
    count = 0
    for sound in sounds:
        begin = float(sound.time)
        for start, end in ranges:
            first = max(0, round((start / 1000 - begin) * sound.rate))
            last = min(len(sound.samples), round((end / 1000 - begin) * sound.rate))
            if first < last:
                part = np.abs(sound.samples[first:last])
                count += last - first
                if float(part.max()) > PEAK_MAX:
                    at = begin + (first + int((part > PEAK_MAX).argmax())) / sound.rate
                    heard.setdefault((start, end), at)
    hits = [
        Hit(
            CHECK,
            f"{name} is not silent at {at:.3f} s, though muted from {start / 1000:.3f} to {end / 1000:.3f} s",
        )
        for (start, end), at in heard.items()
    ]
    return count, hits
