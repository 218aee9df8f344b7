"""How to write an analyser: this one says how bright a video is, minute by minute.

1. Say who you are: `name` (also the kind of the result), `version` (raise it whenever the same file may give
   another result), the `kinds` of item you can say anything of.
2. Say what you want: frames at some rate and size, sound, the still of an image, or the bytes. Ask for as
little
   as you need: the frame decodes once for everybody, but scaling costs.
3. `parameters` are what somebody might tune. They are part of the job's id: with others it is another job,
and
   both results are kept. Numbers are decimal strings, as everywhere in the log.
4. `begin` gives an object for one item. Keep your state there, never in the analyser: items are looked at in
   several processes.
5. `finish` returns facts (searched by ``find``), texts (full-text search), details (yours) and files. Where
you
   can say nothing return NOT_MINE; where you failed raise a BearwitnessError whose sentence tells why. What
   was not decoded stands in ``material.troubles``: never pass over it as if the file were whole.

Parse nothing of the file here. If you need its bytes, write a task for the sandbox (``triage/locked.py`` has
a table), name its module in `sandboxes` and call ``material.sandbox(module).call("task", …, *handed)`` with
``files, ranges = material.source.handed()``; take the answer for hostile (``inside/`` and ``documents.py``
show it).

To have it run add one line to ``registry.py``, and a test beside ``tests/triage/test_example_analyser.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from bearwitness.media.model import GRAY8, Frame
from bearwitness_verify.canonical import Json

from .analyser import NOT_MINE, VIDEO, Analyser, Analysis, Fact, Frames, Material, Result


class Brightness(Analyser):
    """Mean brightness of a video by the minute, 0 (black) to 1 (white)."""

    name = "brightness"
    version = "1"
    kinds = frozenset({VIDEO})

    def __init__(self, seconds: int = 5) -> None:
        self.parameters: Mapping[str, Json] = {"every": str(seconds)}
        self.wants = (Frames(every=Fraction(seconds), max_side=64, pixel=GRAY8),)

    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
        return _Brightness(material)


class _Brightness(Analysis):
    def __init__(self, material: Material) -> None:
        self._material = material
        self._minutes: dict[int, list[float]] = {}

    def frame(self, frame: Frame) -> None:
        self._minutes.setdefault(int(frame.time // 60), []).append(float(np.mean(frame.picture)) / 255)

    def finish(self) -> Result:
        if not self._minutes:
            return NOT_MINE
        means = {minute: sum(values) / len(values) for minute, values in sorted(self._minutes.items())}
        return Result(
            facts=[
                Fact("brightness", round(mean, 4), start=60.0 * minute, end=60.0 * (minute + 1))
                for minute, mean in means.items()
            ],
            details={"troubles": len(self._material.troubles)},
        )
