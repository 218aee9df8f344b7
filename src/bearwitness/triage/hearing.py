"""How loud it is over time, and where it suddenly gets loud: a bang, a scream, a door."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np

from bearwitness.errors import MalformedError
from bearwitness.media.model import Sound
from bearwitness.signals.loudness import LoudnessMeter

from .analyser import NOT_MINE, SOUND, VIDEO, Analyser, Analysis, Fact, Material, Result, Samples

_RATE: Final = 16_000
_SILENT: Final = -120.0  # LUFS; below nothing is told


class Loud(Analyser):
    """Loudness by ITU-R BS.1770, and peaks above what is usual around them."""

    name = "loudness"
    version = "1"
    kinds = frozenset({VIDEO, SOUND})
    wants = (Samples(_RATE),)

    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
        return _Loud()


class _Loud(Analysis):
    def __init__(self) -> None:
        self._meter, self._heard = LoudnessMeter(_RATE), False

    def sound(self, sound: Sound) -> None:
        try:
            self._meter.add(sound.samples, sound.time)
        except ValueError as error:
            raise MalformedError(f"the sound can not be followed: {error}") from None
        self._heard = self._heard or len(sound.samples) > 0

    def finish(self) -> Result:
        if not self._heard:
            return NOT_MINE
        loudness = self._meter.finish()
        peaks = loudness.peaks()
        facts = [Fact("peaks", len(peaks))]
        if loudness.integrated is not None:
            facts.append(Fact("loudness", round(loudness.integrated, 2)))
        facts += [
            Fact("peak", round(peak.lufs, 2), start=_seconds(peak.start), end=_seconds(peak.end))
            for peak in peaks
        ]
        finite = np.isfinite(loudness.momentary) & (loudness.momentary > _SILENT)
        momentary = [
            round(float(value), 1) if heard else None
            for value, heard in zip(loudness.momentary, finite, strict=True)
        ]
        return Result(facts=facts, details={"start": _seconds(loudness.start), "momentary": momentary})


def _seconds(value: Fraction) -> float:
    return round(float(value), 3)
