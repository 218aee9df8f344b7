"""How much of speech is silent after `--voices mute` where it is hard to hear: far, in noise, Russian.

    python bench/muting.py

Recordings of the corpus (English, Russian), with three seconds around them, in noise as loud as told against
the speech. True speech: what is within 35 dB of the loudest 10 ms of the clean recording. Told: the share of
it within the muted ranges, the worst recording, the longest stretch left, and the share muted of the rest.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from bearwitness.media.model import Sound
from bearwitness.redact.voices import Listener
from bearwitness.signals.speech import RATE

CORPUS = Path(
    os.environ.get("BEARWITNESS_CORPUS") or Path(__file__).resolve().parents[2] / "shared" / "corpus"
)
AROUND = 3
FRAME = RATE // 100
Floats = NDArray[np.float32]


def load(path: Path, seconds: int = 30) -> Floats:
    """Return the beginning of a recording as mono samples at RATE."""
    with av.open(str(path)) as opened:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        parts = [p.to_ndarray()[0] for f in opened.decode(audio=0) for p in resampler.resample(f)]
    return np.concatenate(parts)[: seconds * RATE]


class Heard:
    """A recording as footage."""

    name = "a recording"

    def __init__(self, samples: Floats) -> None:
        self._samples = samples
        self.sounds = (type("Track", (), {"index": 0}),)

    def sound(self, stream: int, rate: int) -> Any:
        """Yield all of it."""
        yield Sound(0, Fraction(0), rate, self._samples)


def speaks(samples: Floats) -> NDArray[np.bool_]:
    """Return in which 10 ms of a clean recording somebody speaks."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    level = 10 * np.log10((frames**2).mean(axis=1) + 1e-12)
    return level > level.max() - 35


def longest(left: NDArray[np.bool_]) -> float:
    """Return the longest stretch of True in seconds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], left.astype(np.int8), [0]])))
    return float(max(edges[1::2] - edges[::2], default=0)) / 100


def white(count: int, draw: np.random.Generator) -> Floats:
    """Return noise of all tones alike."""
    return draw.standard_normal(count).astype(np.float32)


def brown(count: int, draw: np.random.Generator) -> Floats:
    """Return a rumble: an engine, wind in a microphone."""
    made = np.fft.irfft(
        np.fft.rfft(draw.standard_normal(count)) / np.maximum(1, np.arange(count // 2 + 1)), count
    )
    return made.astype(np.float32)


def music(count: int, draw: np.random.Generator) -> Floats:
    """Return chords that change twice a second, with overtones and beats."""
    time = np.arange(RATE // 2) / RATE
    parts = []
    for _ in range(count // len(time) + 1):
        root = 110 * 2 ** (draw.integers(0, 12) / 12)
        tones = [root * ratio * n for ratio in (1, 1.26, 1.5) for n in (1, 2, 3, 4)]
        chord = sum(
            np.sin(2 * np.pi * tone * time + draw.uniform(0, 6)) / (1 + i % 4) for i, tone in enumerate(tones)
        )
        parts.append(chord * np.exp(-2 * time) + 0.5 * draw.standard_normal(len(time)) * np.exp(-40 * time))
    return np.concatenate(parts)[:count].astype(np.float32)


def mixed(samples: Floats, noise: Floats, decibels: float) -> Floats:
    """Return speech with noise that is so many dB fainter than where somebody speaks."""
    active = np.repeat(speaks(samples), FRAME)
    power = float((samples[: len(active)][active] ** 2).mean())
    gain = np.sqrt(power / float((noise**2).mean()) / 10 ** (decibels / 10))
    return np.clip(samples + gain * noise[: len(samples)], -1, 1).astype(np.float32)


def main() -> int:
    """Run the measurement; return 0."""
    if not CORPUS.is_dir():
        print(f"not measured: {CORPUS} is not there", file=sys.stderr)
        return 1
    listed = json.loads((CORPUS / "corpus.json").read_text())["files"]
    names = [
        f["file"] for f in listed if f["file"].startswith("audio/") and "turns" not in f.get("truth", {})
    ]
    quiet = np.zeros(AROUND * RATE, np.float32)
    said = {name: np.concatenate([quiet, load(CORPUS / name), quiet]) for name in names}
    draw = np.random.default_rng(0)
    kinds: dict[str, Callable[[int, np.random.Generator], Floats]] = {
        "white noise": white, "rumble": brown, "music": music,
    }  # fmt: skip
    ways: dict[str, Callable[[Floats], Floats]] = {
        "clean": lambda s: s,
        "shouted: 30 dB louder, clipped": lambda s: np.clip(s * 31.6, -1, 1),
        "far: 40 dB fainter": lambda s: s * np.float32(0.01),
        "far: 60 dB fainter": lambda s: s * np.float32(0.001),
    }
    for kind, make in kinds.items():
        for decibels in (10, 5, 0, -5):
            ways[f"{kind}, {decibels} dB"] = lambda s, make=make, d=decibels: mixed(s, make(len(s), draw), d)
    listener = Listener()
    print(f"{len(said)} recordings; speech silent, worst recording, longest left, of the rest muted")
    for way, change in ways.items():
        silent = whole = spare = rest = 0.0
        worst, left = 1.0, 0.0
        russian = 1.0
        for name, samples in said.items():
            true = speaks(samples)
            muted = np.zeros(len(true), bool)
            heard: Any = Heard(change(samples))
            for begin, end in listener.speech(heard):
                muted[begin // 10 : -(-end // 10)] = True
            silent, whole = silent + (true & muted).sum(), whole + true.sum()
            spare, rest = spare + (~true & muted).sum(), rest + (~true).sum()
            worst = min(worst, float((true & muted).sum() / true.sum()))
            left = max(left, longest(true & ~muted))
            if "-ru" in name:
                russian = float((true & muted).sum() / true.sum())
        print(
            f"{way:<31}{silent / whole:8.4f}{worst:8.3f}{left:7.2f} s{spare / rest:7.2f}  ru {russian:.3f}",
            flush=True,
        )
    listener.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
