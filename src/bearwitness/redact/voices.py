"""Where somebody speaks in footage, as ranges to mute: Silero VAD in a locked worker of its own.

What is no speech to it (a shout in noise, singing, a murmur) is not found: docs/measurements-redact.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor
from typing import Final

import numpy as np

from bearwitness.errors import RefusedError
from bearwitness.inference.models import model
from bearwitness.inference.speech import Speech
from bearwitness.inference.worker import InferenceWorker
from bearwitness.signals.speech import RATE, SpeechFinder

from . import operations
from .footage import Footage
from .plan import Detector, Plan

NAME: Final = "silero-vad"
# Too much silence costs little, a syllable left tells who speaks: far more is taken for speech than the usual
# 0.5 would, and a turn is widened by what was still heard behind the ends of turns of the corpus.
PAD_SECONDS: Final = 0.6
_ON, _OFF = 0.2, 0.1
_SHORTEST_SECONDS: Final = 0.06
_THRESHOLD: Final = round(_ON * 1000)
_GAP_MAX: Final = 3600 * RATE
_PIECE: Final = 60 * RATE


def detector() -> Detector:
    """Return what looks for speech, as plans name it."""
    return Detector(NAME, model(NAME).sha256, ("speech",), _THRESHOLD)


class Listener:
    """Finds speech; starts its worker when it is first needed. Raises ModelError."""

    def __init__(self, *, accept_weak: bool = False) -> None:
        self._worker = InferenceWorker((NAME,), threads=1, accept_weak=accept_weak)

    def close(self) -> None:
        """End the worker."""
        self._worker.close()

    def speech(self, footage: Footage) -> list[tuple[int, int]]:
        """Return ranges in milliseconds of the footage's clock in which somebody speaks, of all its tracks.

        Raises RefusedError where sound does not decode, ChildFailedError where the worker fails.
        """
        return [turn for stream in footage.sounds for turn in self._of_track(footage, stream.index)]

    def _of_track(self, footage: Footage, stream: int) -> list[tuple[int, int]]:
        finder = SpeechFinder(Speech(self._worker).likelihoods)
        start: Fraction | None = None
        taken = 0
        for piece in footage.sound(stream, RATE):
            start = piece.time if start is None else start
            gap = round((piece.time - start) * RATE) - taken
            if gap > _GAP_MAX:
                raise RefusedError(f"the sound of {footage.name} has a hole of more than an hour")
            while gap > 0:  # the finder hears without a break, so that its times stay those of the footage
                silence = min(gap, _PIECE)
                finder.add(np.zeros(silence, np.float32))
                taken, gap = taken + silence, gap - silence
            finder.add(piece.samples)
            taken += len(piece.samples)
        if start is None:
            return []
        begin = float(start)
        turns = finder.finish(shortest=_SHORTEST_SECONDS, pad=PAD_SECONDS, on=_ON, off=_OFF)
        return [(max(0, floor((begin + t.start) * 1000)), ceil((begin + t.end) * 1000)) for t in turns]


def mute_speech(plan: Plan, ranges: Sequence[tuple[int, int]]) -> Plan:
    """Return the plan that mutes `ranges` and names what found them; without any, voices are still muted."""
    named = replace(plan, detectors=(*(d for d in plan.detectors if d.name != NAME), detector()))
    return operations.mute(named, ranges)
