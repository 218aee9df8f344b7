"""Suggests that a picture may show a minor, where a group brought a model for it; there is none of ours.

A suggestion is a score and the times: nothing is shown, and nothing is frozen by it. Somebody reads the list
(`bearwitness freeze --suggested`) and presses the stop key, or does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

import numpy as np

from bearwitness.errors import ChildFailedError
from bearwitness.media.model import Frame

from .analyser import IMAGE, NOT_MINE, VIDEO, Analyser, Analysis, Fact, Frames, Material, Result, Still
from .models import BroughtModel

TASK: Final = "minor"
FACT: Final = "minor.suggested"
_EVERY: Final = Fraction(1)


class MinorSuggestions(Analyser):
    """Asks the brought model once a second: decoder `score`, one picture in, one number from 0 to 1 out.

    The picture goes in as 1 × 3 × height × width, red, green, blue, each 0 to 1, without regard to its
    proportions.
    """

    name = TASK
    version = "1"
    kinds = frozenset({VIDEO, IMAGE})

    def __init__(self, brought: BroughtModel) -> None:
        side = max(brought.width, brought.height)
        self.size, self.threshold = (brought.width, brought.height), brought.threshold
        self.wants = (Frames(every=_EVERY, max_side=side), Still(max_side=side))
        self.networks = (TASK,)
        self.brought = {TASK: (brought.path, brought.sha256)}
        self.model = brought.model
        self.parameters: Mapping[str, str] = {
            "every": str(_EVERY), "size": f"{brought.width}x{brought.height}",
            "threshold": str(brought.threshold),
        }  # fmt: skip

    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
        return _Suggesting(self, material)


class _Suggesting(Analysis):
    def __init__(self, analyser: MinorSuggestions, material: Material) -> None:
        self._analyser, self._material = analyser, material
        self._scores: list[tuple[float, float]] = []

    def frame(self, frame: Frame) -> None:
        from PIL import Image

        picture = np.asarray(Image.fromarray(np.array(frame.picture)).resize(self._analyser.size))
        planes = np.ascontiguousarray(picture[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255)
        answer = self._material.inference().compute("run", {"model": TASK}, [planes])
        if len(answer) != 1 or answer[0].size != 1 or not 0 <= float(answer[0].ravel()[0]) <= 1:
            raise ChildFailedError("the model for minors answers with something else than one score")
        self._scores.append((round(float(frame.time), 6), round(float(answer[0].ravel()[0]), 4)))

    def finish(self) -> Result:
        if not self._scores:
            return NOT_MINE
        reached = [pair for pair in self._scores if pair[1] >= self._analyser.threshold]
        facts = []
        if reached:
            facts.append(Fact(FACT, max(score for _, score in reached), reached[0][0], reached[-1][0]))
        details = {"pictures": len(self._scores), "reached": [list(pair) for pair in reached]}
        return Result(facts=facts, details=details)
