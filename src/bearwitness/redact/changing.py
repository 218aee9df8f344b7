"""Voices in another form: whispered or spoken again, and what is to be said of each way of it.

By which numbers an utterance was whispered is drawn from the system's randomness, handed to the locked worker
and forgotten. So the same plan gives another sound each time, and two copies of one file must not be shown.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Sequence
from typing import Final

from bearwitness.inference.voices import MODEL, Voices
from bearwitness.inference.worker import InferenceWorker
from bearwitness.signals.arrays import Floats

from .plan import SPEAK, WHISPER, Utterance
from .sound import Samples
from .speaking import speak

_TEST: Final = (
    "who knew the method told one person's utterances from two persons' with {} % errors in a test with six "
    "speakers, where natural voices gave 2 % and chance gives 50 %"
)
LABELS: Final = {
    WHISPER: "may be linkable: " + _TEST.format(28),
    SPEAK: "a machine's voice: " + _TEST.format(40) + "; what is said, how long and when, stays",
}
"""What is told of each choice. The figures: bench/voices.py, docs/measurements-redact.md."""

_LONGEST_MS: Final = 8_000
_SHORTEST_MS: Final = 300


class Changer:
    """Changes and compares voices; its worker starts when it is first needed. Raises ModelError."""

    def __init__(self, *, accept_weak: bool = False) -> None:
        self._accept_weak = accept_weak
        self._worker = InferenceWorker((MODEL,), threads=1, accept_weak=accept_weak)
        self._voices = Voices(self._worker)

    def close(self) -> None:
        """End the worker."""
        self._worker.close()

    def change(self, samples: Samples, one: Utterance) -> Samples:
        """Return an utterance in another voice; raise RefusedError, or ChildFailedError from the worker."""
        if one.how == SPEAK:
            return speak(one, accept_weak=self._accept_weak)
        return self._voices.whisper(samples, secrets.token_bytes(32))

    def voice(self, samples: Samples) -> Floats:
        """Return how the voice in a sound (mono, 16 kHz) sounds, as 256 numbers; raise ChildFailedError."""
        return self._voices.voice(samples)


def utterances(speech: Sequence[tuple[int, int]], turns: Sequence[tuple[int, int]]) -> list[Utterance]:
    """Return what is whispered: all of `speech`, cut in the pauses between `turns`, in milliseconds.

    No utterance is longer than eight seconds: longer ones are cut into equal parts.
    """
    found = []
    for begin, end in _merged(speech):
        inside = sorted(turn for turn in turns if turn[0] < end and turn[1] > begin)
        cuts = [begin]
        for before, after in itertools.pairwise(inside):
            middle = (before[1] + after[0]) // 2
            if middle - cuts[-1] >= _SHORTEST_MS and end - middle >= _SHORTEST_MS:
                cuts.append(middle)
        for first, last in zip(cuts, [*cuts[1:], end], strict=True):
            parts = -(-(last - first) // _LONGEST_MS)
            edges = [first + (last - first) * n // parts for n in range(parts + 1)]
            found += [Utterance(a, b, WHISPER) for a, b in itertools.pairwise(edges)]
    return found


def _merged(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for begin, end in sorted(ranges):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found
