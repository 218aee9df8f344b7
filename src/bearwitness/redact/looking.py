"""The detectors of plan and attack, over the worker for inference: faces at several sizes, mirrored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bearwitness.errors import RefusedError
from bearwitness.inference.faces import MODEL, Faces
from bearwitness.inference.models import model
from bearwitness.inference.worker import InferenceWorker
from bearwitness.media.model import Frame

from .plan import Detector
from .tracking import WEAK, Detection

MODELS: Final = (MODEL,)
_AT_ONCE: Final = 4
_LARGE_SIDE: Final = 1280


@dataclass(frozen=True, slots=True)
class Pass:
    """One way to look at a picture: how much it is enlarged, whether left and right are swapped."""

    scale: float
    mirrored: bool = False

    @property
    def name(self) -> str:
        """How plans and reports call it."""
        return f"{self.scale:g}×{' mirrored' if self.mirrored else ''}"


def plan_passes(longest_side: int) -> tuple[Pass, ...]:
    """Return the passes a plan is made with: native size and twice, or half for large pictures.

    Beyond 1280 pixels a face of the smallest size that counts is large enough without enlarging.
    """
    return (Pass(0.5), Pass(1.0)) if longest_side > _LARGE_SIDE else (Pass(1.0), Pass(2.0))


def attack_passes(longest_side: int) -> tuple[Pass, ...]:
    """Return the passes of the attack: those of the plan mirrored, and sizes in between."""
    if longest_side > _LARGE_SIDE:
        return (Pass(0.5, mirrored=True), Pass(1.0, mirrored=True), Pass(0.35), Pass(0.75))
    return (Pass(1.0, mirrored=True), Pass(2.0, mirrored=True), Pass(0.75), Pass(1.5))


class FaceLooker:
    """Looks for faces in frames with one worker and some passes."""

    def __init__(self, worker: InferenceWorker, passes: Sequence[Pass], threshold: float = WEAK) -> None:
        self._faces, self._passes, self._threshold = Faces(worker), tuple(passes), threshold

    @property
    def detectors(self) -> tuple[Detector, ...]:
        """One for each pass; the weights are the same."""
        pinned = model(MODEL).sha256
        return tuple(
            Detector(MODEL, pinned, (one.name,), round(self._threshold * 1000)) for one in self._passes
        )

    def look(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, list[Detection]]]:
        """Yield each frame with what was seen in it; raise RefusedError, ChildFailedError."""
        waiting: list[Frame] = []
        for frame in frames:
            waiting.append(frame)
            if len(waiting) == _AT_ONCE:
                yield from self._look(waiting)
                waiting = []
        yield from self._look(waiting)

    def _look(self, frames: Sequence[Frame]) -> Iterator[tuple[Frame, list[Detection]]]:
        if not frames:
            return
        found: list[list[Detection]] = [[] for _ in frames]
        pictures = [np.ascontiguousarray(frame.picture) for frame in frames]
        for one in self._passes:
            shown = [np.ascontiguousarray(p[:, ::-1]) for p in pictures] if one.mirrored else pictures
            answers = self._faces.detect(shown, (one.scale,), self._threshold)
            if len(answers) != len(frames):
                raise RefusedError("a detector answered for other frames than it was given")
            for picture, seen, answer in zip(pictures, found, answers, strict=True):
                for box in answer:
                    x = picture.shape[1] - box.x - box.w if one.mirrored else box.x
                    seen.append(Detection(x, box.y, box.w, box.h, box.score, f"faces {one.name}"))
        yield from zip(frames, found, strict=True)
