"""Where somebody speaks in footage, as ranges to mute: Silero VAD in a locked worker of its own.

What is no speech to it (a shout in noise, singing, a murmur) is not found: docs/measurements-redact.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Final

from bearwitness.inference.models import model
from bearwitness.inference.speech import Speech
from bearwitness.inference.worker import InferenceWorker
from bearwitness.signals.speech import RATE, SpeechFinder

from . import operations
from .footage import Footage
from .plan import Detector, Plan, Utterance
from .sound import silenced

NAME: Final = "silero-vad"
# Too much silence costs little, a syllable left tells who speaks: far more is taken for speech than the usual
# 0.5 would, and a turn is widened by what was still heard behind the ends of turns of the corpus.
PAD_SECONDS: Final = 0.6
_ON, _OFF = 0.2, 0.1
_SHORTEST_SECONDS: Final = 0.06
_THRESHOLD: Final = round(_ON * 1000)

Range = tuple[int, int]
"""From … to … in milliseconds of the footage's clock."""


def detector() -> Detector:
    """Return what looks for speech, as plans name it."""
    return Detector(NAME, model(NAME).sha256, ("speech",), _THRESHOLD)


@dataclass(frozen=True, slots=True)
class Hearing:
    """How sure somebody must be heard to begin and to go on, for how long, and how far a turn is widened.

    `join`: shorter pauses, in seconds, belong to a turn.
    """

    on: float
    off: float
    shortest: float
    pad: float
    join: float


WIDE: Final = Hearing(_ON, _OFF, _SHORTEST_SECONDS, PAD_SECONDS, 0.7)
"""For a plan."""
# For the attack: what is left between muted turns is heard without its surroundings, and each hit refuses the
# file; so surer than a plan has to be, and not widened.
# For cutting speech into utterances.
CUTTING: Final = Hearing(0.4, 0.25, 0.1, 0.0, 0.25)
NARROW: Final = Hearing(0.5, 0.35, 0.1, 0.0, 0.1)


class Listener:
    """Finds speech; starts its worker when it is first needed. Raises ModelError."""

    def __init__(self, *, accept_weak: bool = False) -> None:
        self._worker = InferenceWorker((NAME,), threads=1, accept_weak=accept_weak)

    def close(self) -> None:
        """End the worker."""
        self._worker.close()

    def speech(self, footage: Footage, how: Hearing = WIDE) -> list[Range]:
        """Return ranges in milliseconds of the footage's clock in which somebody speaks, of all its tracks.

        Raises RefusedError where sound does not decode, ChildFailedError where the worker fails.
        """
        return [
            turn for stream in footage.sounds for turn in self.of_track(footage, stream.index, how=how)[1]
        ]

    def of_track(
        self, footage: Footage, stream: int, unheard: Sequence[Range] = (), how: Hearing = WIDE
    ) -> tuple[int, list[Range]]:
        """Return how many samples of a track were heard, and when somebody speaks in it.

        It is heard as it is, and with what is faint raised. In `unheard` ranges it is taken for silent.
        Raises as :meth:`speech` does.
        """
        finder = SpeechFinder(Speech(self._worker).likelihoods, faint=True)
        pieces = ((piece.time, silenced(piece, unheard)) for piece in footage.sound(stream, RATE))
        start = finder.hear(pieces, footage.name)
        taken = finder.taken
        if start is None:
            return 0, []
        begin = float(start)
        turns = finder.finish(how.join, how.shortest, how.pad, on=how.on, off=how.off)
        return taken, [(max(0, floor((begin + t.start) * 1000)), ceil((begin + t.end) * 1000)) for t in turns]


def change_speech(
    plan: Plan, speech: Sequence[Range], utterances: Sequence[Utterance], *, mute_rest: bool = False
) -> Plan:
    """Return the plan that mutes `speech`, but for the utterances, which are heard in another voice.

    With `mute_rest` nothing else is heard.
    """
    changed = operations.change_voices(mute_speech(plan, speech), utterances)
    return operations.mute_rest(changed) if mute_rest else changed


def mute_speech(plan: Plan, ranges: Sequence[tuple[int, int]]) -> Plan:
    """Return the plan that mutes `ranges` and names what found them; without any, voices are still muted."""
    named = replace(plan, detectors=(*(d for d in plan.detectors if d.name != NAME), detector()))
    return operations.mute(named, ranges)
