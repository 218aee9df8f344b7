"""Text burned into pictures, and the clock among it: what is wanted of videos and images for it.

How a video is read: :mod:`.windows`, and of long ones :mod:`.glancing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from bearwitness.inference.models import MODELS
from bearwitness.inference.texts import FINDER, READER, Texts
from bearwitness.media.model import GRAY8, Frame
from bearwitness.signals.overlays import cut
from bearwitness_verify.canonical import Json

from .analyser import (
    IMAGE,
    VIDEO,
    Analyser,
    Analysis,
    Frames,
    Material,
    Model,
    Result,
    Still,
    Text,
)
from .clock_words import is_text, parts_of
from .cyrillic_lines import CyrillicLines, missing
from .glancing import Glances
from .windows import KEY_EVERY, READ_EVERY, SIDE, Windows

_SELDOM: Final = Fraction(30)  # seconds of long footage between looks whether there is any text
_STILL_TEXTS_MAX: Final = 40


class Clock(Analyser):
    """Burned-in text, clocks and device ids: Latin letters and digits by PP-OCR, Cyrillic by Tesseract."""

    name = "clock"
    version = "5"
    kinds = frozenset({VIDEO, IMAGE})
    wants = (
        Frames(every=KEY_EVERY, max_side=640, pixel=GRAY8, seldom=_SELDOM),
        Still(max_side=SIDE, pixel=GRAY8),
    )
    networks = (FINDER, READER)
    model = Model(READER, MODELS[READER].sha256)

    def __init__(self) -> None:
        self.parameters: Mapping[str, Json] = {
            "cyrillic": "no" if missing() else "tesseract", "every": str(READ_EVERY),
            "finder": MODELS[FINDER].sha256,
        }  # fmt: skip

    @property
    def lacking(self) -> str:
        """That Cyrillic is not read, where it is not."""
        return missing()

    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
        if material.kind == IMAGE:
            return _Still(material)
        return Glances(material) if self.key_frames_only(material) else Windows(material)


class _Still(Analysis):
    def __init__(self, material: Material) -> None:
        self._material, self._lines = material, list[list[Any]]()
        self._cyrillic = CyrillicLines(accept_weak=material.accept_weak)
        self._russian: list[Text] = []

    def frame(self, frame: Frame) -> None:
        texts, grey = Texts(self._material.inference()), frame.picture
        for box in texts.find(grey)[:_STILL_TEXTS_MAX]:
            line = texts.read(cut(grey, box))
            if is_text(line.text):
                self._lines.append([*parts_of(box, grey), line.text, round(line.sure, 4)])
            russian = self._cyrillic.read(cut(grey, box), line.text)
            if russian:
                self._russian.append(Text("overlay", russian, "ru"))

    def finish(self) -> Result:
        found = [Text("overlay", line[4]) for line in self._lines] + self._russian
        details = {
            "lines": self._lines,
            "cyrillic": self._cyrillic.told([text.text for text in self._russian]),
        }
        return Result(texts=found, details=details)
