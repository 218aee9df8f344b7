"""How well voices are told apart after each change that `redact --voices` offers, by who knows it.

    python bench/voices.py [--draws 5] [--words] [--only whisper]

Resemblyzer's network compares utterances of the corpus's speakers, no two of one recording. Equal error rate:
the share of errors where as many of one speaker are taken for two as of two for one; 0.5 is chance. The
ignorant attacker knows natural voices. The informed one changes them himself, by several draws of the chance
where there is any, and takes away what all changed voices have in common if that serves him. A fixed pitch
shift, which is not offered, stands beside them. With --words Whisper base writes down what can be understood.

Intervals: 5 % to 95 % of 1,000 draws of the recordings with replacement. They say nothing of other speakers:
six are few.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from bearwitness.inference.models import WHISPER as TRANSCRIBER
from bearwitness.inference.speech import MODEL as VAD
from bearwitness.inference.speech import Speech, Transcripts
from bearwitness.inference.worker import InferenceWorker
from bearwitness.redact.attack.changed import (
    SAME_SOUND,
    SAME_VOICE,
    SAME_VOICE_SHORT,
    _filled,
    _spoken,
    same_sound,
)
from bearwitness.redact.changing import Changer
from bearwitness.redact.plan import SPEAK, WHISPER, Utterance
from bearwitness.redact.sound import resampled
from bearwitness.signals.speech import RATE, SpeechFinder

CORPUS = Path(
    os.environ.get("BEARWITNESS_CORPUS") or Path(__file__).resolve().parents[2] / "shared" / "corpus"
)
LONGEST = 4.0
SHIFT = 0.8
Floats = NDArray[np.float32]
Way = Callable[["Said"], Floats]


@dataclass(frozen=True)
class Said:
    """An utterance: who says it, in which recording, its samples, its words as a machine hears them."""

    speaker: str
    recording: str
    samples: Floats
    language: str
    words: str = ""


def load(path: Path) -> Floats:
    """Return a recording as mono samples at RATE."""
    with av.open(str(path)) as opened:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        parts = [p.to_ndarray()[0] for f in opened.decode(audio=0) for p in resampler.resample(f)]
        parts += [p.to_ndarray()[0] for p in resampler.resample(None)]
    return np.concatenate(parts)


def corpus(words: bool) -> list[Said]:
    """Return the utterances of all speakers, cut at pauses of 0.3 s and to at most LONGEST."""
    found = []
    listed = json.loads((CORPUS / "corpus.json").read_text())["files"]
    recordings = [f for f in listed if f["file"].startswith("audio/") and "turns" not in f.get("truth", {})]
    with InferenceWorker((VAD,), threads=1) as worker:
        for one in recordings:
            samples, name = load(CORPUS / one["file"]), one["file"].removeprefix("audio/")
            finder = SpeechFinder(Speech(worker).likelihoods)
            finder.add(samples)
            for turn in finder.finish(0.3, 0.3, 0.1):
                count = max(1, round((turn.end - turn.start) / LONGEST))
                edges = np.linspace(turn.start * RATE, turn.end * RATE, count + 1).astype(int)
                language = "ru" if "-ru" in name else "en"
                speaker = one["truth"].get("speaker", name)
                found += [Said(speaker, name, samples[a:b], language) for a, b in itertools.pairwise(edges)]
    if not words:
        return found
    with InferenceWorker(TRANSCRIBER) as worker:
        write = Transcripts(worker).write
        return [
            Said(s.speaker, s.recording, s.samples, s.language, write(s.samples, s.language).text)
            for s in found
        ]


def eer(same: Floats, different: Floats) -> float:
    """Return the equal error rate of likenesses."""
    at = np.unique(np.concatenate([same, different]))
    missed = np.searchsorted(np.sort(same), at) / len(same)
    taken = 1 - np.searchsorted(np.sort(different), at) / len(different)
    best = int(np.argmin(np.abs(missed - taken)))
    return float((missed[best] + taken[best]) / 2)


class Trials:
    """Who is compared with whom."""

    def __init__(self, said: list[Said]) -> None:
        self.recordings = sorted({s.recording for s in said})
        self._of = np.array([self.recordings.index(s.recording) for s in said])
        speakers = np.array([s.speaker for s in said])
        self._same = speakers[:, None] == speakers[None]
        self._used = self._of[:, None] != self._of[None]

    def rate(self, known: Floats, heard: Floats) -> tuple[float, float, float]:
        """Return the equal error rate and its interval for voices known and heard (n, 256)."""
        likely = known @ heard.T
        draw = np.random.default_rng(0)
        rates = [self._rate(likely, np.ones(len(self._of), int))]
        for _ in range(1000):
            times = np.bincount(
                draw.integers(0, len(self.recordings), len(self.recordings)), minlength=len(self.recordings)
            )
            weight = times[self._of]
            if (self._same & self._used & (weight[:, None] * weight[None] > 0)).any():
                rates.append(self._rate(likely, weight))
        low, high = np.percentile(rates[1:], [5, 95])
        return rates[0], float(low), float(high)

    def _rate(self, likely: Floats, weight: NDArray[np.int64]) -> float:
        times = np.where(self._used, weight[:, None] * weight[None], 0)
        return eer(
            np.repeat(likely[self._same], times[self._same]),
            np.repeat(likely[~self._same], times[~self._same]),
        )


def unit(voices: Floats) -> Floats:
    """Return vectors of length 1."""
    return voices / np.maximum(np.linalg.norm(voices, axis=1, keepdims=True), 1e-9)


def report(name: str, way: Way, said: list[Said], changer: Changer, draws: int, natural: Floats) -> None:
    """Print what the attackers reach against one way."""
    trials = Trials(said)

    def heard() -> Floats:
        return np.array([changer.voice(_filled(way(s))) for s in said])

    one = heard()
    known = unit(np.mean([heard() for _ in range(draws)], axis=0))
    centre = known.mean(axis=0)
    rates = {
        "ignorant": trials.rate(natural, one),
        "informed": trials.rate(known, one),
        "informed, centred": trials.rate(unit(known - centre), unit(one - centre)),
    }
    for attacker, (rate, low, high) in rates.items():
        print(f"{name:<26}{attacker:<20}{rate:5.2f}   {low:.2f} to {high:.2f}", flush=True)


def refusals(name: str, way: Way, said: list[Said], changer: Changer) -> None:
    """Print how many utterances the attack on the finished file would refuse."""
    voices = np.array([changer.voice(_filled(_spoken(s.samples))) for s in said])
    voice, runs = 0, list[float]()
    most = []
    for s in said:
        now = _spoken(made := way(s))
        likely = float((voices @ changer.voice(_filled(now))).max())
        long = len(now) >= 1.6 * RATE
        most.append((likely, long))
        voice += likely > (SAME_VOICE if long else SAME_VOICE_SHORT)
        runs.append(same_sound(s.samples, made))
    longest = max((alike for alike, long in most if long), default=0)
    shortest = max((alike for alike, long in most if not long), default=0)
    print(
        f"{name:<26}attack refuses by voice {voice}, by sound {sum(r > SAME_SOUND for r in runs)} of "
        f"{len(said)}; sound at most {max(runs):.2f} alike, voice "
        f"{longest:.2f} (1.6 s and more), {shortest:.2f} (shorter)", flush=True,
    )  # fmt: skip


def errors(reference: list[str], heard: list[str]) -> int:
    """Return how many words are wrong (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(reference, 1):
        before, row = row, [number]
        for at, other in enumerate(heard, 1):
            row.append(min(before[at] + 1, row[-1] + 1, before[at - 1] + (word != other)))
    return row[-1]


def understood(name: str, way: Way, said: list[Said]) -> None:
    """Print which share of words Whisper base hears otherwise than in the original, by whole recordings."""
    wrong = total = 0
    with InferenceWorker(TRANSCRIBER) as worker:
        write = Transcripts(worker).write
        for recording in sorted({s.recording for s in said})[::3]:
            parts = [s for s in said if s.recording == recording]
            texts = [
                write(np.concatenate([change(s) for s in parts]), parts[0].language).text
                for change in (lambda s: s.samples, way)
            ]
            clean = [["".join(c for c in w.lower() if c.isalnum()) for w in text.split()] for text in texts]
            wrong += errors(clean[0], clean[1])
            total += len(clean[0])
    print(f"{name:<26}words written down otherwise {wrong / total:.2f} of {total}", flush=True)


def shifted(s: Said) -> Floats:
    """Return an utterance a third deeper: a fixed shift, as television does it."""
    return resampled(s.samples[None, :], RATE, round(RATE / SHIFT))[0]


def main() -> int:
    """Run the measurement; return 0."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--words", action="store_true")
    parser.add_argument("--only", default="", help="one way: whisper, speak, original, pitch shift")
    options = parser.parse_args()
    if not CORPUS.is_dir():
        print(f"not measured: {CORPUS} is not there", file=sys.stderr)
        return 1
    said = corpus(words=options.only in ("", "speak"))
    print(f"{len(said)} utterances of {len({s.speaker for s in said})} speakers, "
          f"{len({s.recording for s in said})} recordings")  # fmt: skip
    changer = Changer()

    def change(how: str) -> Way:
        def made(s: Said) -> Floats:
            length = max(len(s.samples) * 1000 // RATE, 4000 if how == SPEAK else 1)
            words = (s.language, s.words or "-") if how == SPEAK else ("", "")
            return changer.change(s.samples, Utterance(0, length, how, *words))

        return made

    natural = np.array([changer.voice(_filled(s.samples)) for s in said])
    ways: list[tuple[str, Way, int]] = [
        ("original", lambda s: s.samples, 1),
        ("pitch shift, not offered", shifted, 1),
        ("whisper", change(WHISPER), options.draws),
        ("speak", change(SPEAK), 1),
    ]
    for name, way, draws in ways:
        if not name.startswith(options.only):
            continue
        report(name, way, said, changer, draws, natural)
        refusals(name, way, said, changer)
        if options.words and name == "whisper":
            understood(name, way, said)
    print("mute                      nothing is heard: nothing to compare")
    changer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
