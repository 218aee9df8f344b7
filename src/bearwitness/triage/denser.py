"""A denser look at what two videos may share, where key frames leave it open: only that stretch of both.

Of long footage triage keeps sketches of key frames (copies.py). A clip of ten seconds may have two of these
in it, which agree, and prove nothing. So when copies are asked for, the stretch that both would show is
decoded once more, in the sandbox, and compared five frames a second. What is found so is not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from fractions import Fraction
from typing import Final, Self

import numpy as np

from bearwitness import media
from bearwitness.catalogue.catalogue import Catalogue
from bearwitness.errors import ChildFailedError
from bearwitness.media.frames import frames
from bearwitness.media.model import GRAY8, DecodeTrouble, MediaError
from bearwitness.media.probe import probe
from bearwitness.media.source import Source
from bearwitness.sandbox.client import Sandbox
from bearwitness.signals.aligned import lay
from bearwitness.signals.candidates import CandidateIndex
from bearwitness.signals.placing import Tip
from bearwitness.signals.relation import Relation, compare
from bearwitness.signals.sketch import Sketch, Sketcher, sampling
from bearwitness.vault.entering import reader_of
from bearwitness.vault.ledger import Ledger

from .analyser import VIDEO
from .kinds import HEAD_BYTES, guess

PAIRS_MAX: Final = 60  # of one question; decoding takes seconds each
_SPARSE: Final = 1.0  # seconds: sketches of all frames have smaller steps
_LONGEST: Final = 60.0  # seconds of a stretch
_SLACK_MAX: Final = 5.0
_MOMENTS_MAX: Final = 2
_APART: Final = 1.0  # seconds between two shifts: nearer ones are looked at together
_PAIRS_LOOKED_AT: Final = 200
_EVERY: Final = Fraction(1, 5)
_SIDE: Final = 640

Moment = tuple[float, float]
"""Seconds of the one and of the other video that may show the same."""


def is_open(one: Sketch, other: Sketch, relation: Relation | None) -> bool:
    """Say whether a denser look may tell more: no copy was found, and one of the two is key frames alone."""
    if relation is not None and relation.kind != "same-view":
        return False
    return one.step > _SPARSE or other.step > _SPARSE


def moments(one: Sketch, other: Sketch, relation: Relation | None, tips: Sequence[Tip]) -> list[Moment]:
    """Return which moments of the two may be one: the likeliest pictures, else those whose features fitted.

    Under a fixed camera all pictures are alike, and those of one moment a little more than others.
    """
    placement = relation.placement if relation is not None else None
    aligned = lay(one, other, placement) if placement is not None else None
    pairs = [(tip.a, tip.b) for tip in tips]
    if aligned is not None:
        best = np.argsort(-aligned.likeness, axis=None, kind="stable")[:_PAIRS_LOOKED_AT]
        pairs = [(int(at) // len(other.frames), int(at) % len(other.frames)) for at in best]
    found: list[Moment] = []
    for a, b in pairs:
        at, there = float(one.times[a]), float(other.times[b])
        if len(found) < _MOMENTS_MAX and all(abs(there - at - (d - c)) > _APART for c, d in found):
            found.append((at, there))
    return found


def stretches(one: Sketch, other: Sketch, moment: Moment) -> tuple[Moment, Moment]:
    """Return from when to when the one and the other may show the same if they do at `moment`, in seconds."""
    at, there = moment
    slack = min(_SLACK_MAX, max(one.step, other.step))
    before = min(at - float(one.times[0]), there - float(other.times[0]), _LONGEST / 2)
    after = min(
        float(one.times[-1]) + one.step - at, float(other.times[-1]) + other.step - there, _LONGEST / 2
    )
    low, high = before + slack, after + slack
    return (max(0.0, at - low), at + high), (max(0.0, there - low), there + high)


class Denser:
    """Opens items and decodes stretches of them; the sandbox starts when it is first needed."""

    def __init__(self, ledger: Ledger, catalogue: Catalogue, *, accept_weak: bool = False) -> None:
        self._ledger, self._catalogue, self._accept_weak = ledger, catalogue, accept_weak
        self._stack = ExitStack()
        self._sandbox: Sandbox | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def compare(
        self, names: tuple[str, str], stored: tuple[Sketch, Sketch], where: Iterable[Moment]
    ) -> Relation | None:
        """Return how two items are related at the first of the moments at which they are copies, else None.

        Raises FrozenError for what is frozen, SandboxError where nothing can be locked up; what does not
        decode is no copy.
        """
        for moment in where:
            found = [
                self._sketch(name, sketch, stretch)
                for name, sketch, stretch in zip(names, stored, stretches(*stored, moment), strict=True)
            ]
            if found[0] is not None and found[1] is not None:
                tips = CandidateIndex([found[0], found[1]]).pairs().get((0, 1))
                relation = compare(found[0], found[1], tips) if tips else None
                if relation is not None and relation.kind == "copy":
                    return relation
        return None

    def _sketch(self, name: str, stored: Sketch, stretch: Moment) -> Sketch | None:
        """Return a sketch of a stretch; the stored one where that is dense or the item is no video."""
        if stored.step <= _SPARSE and len(stored.frames) > 1:
            return stored
        row = self._catalogue.get(name)
        if row is None:
            return None
        held = reader_of(self._ledger, row.delivery, row.part, row.leaf)
        if guess(held.read(0, min(HEAD_BYTES, held.size))) != VIDEO:
            return stored
        try:
            return self._decoded(Source.of_ranges(held.read, held.size, f"item {name}"), stretch)
        except (ChildFailedError, MediaError):
            return None

    def _decoded(self, source: Source, stretch: Moment) -> Sketch | None:
        if self._sandbox is None:
            self._sandbox = self._stack.enter_context(Sandbox(media.TASKS, accept_weak=self._accept_weak))
        stream = probe(self._sandbox, source).first("video")
        if stream is None:
            return None
        sketcher, some = Sketcher(*sampling(stretch[1] - stretch[0])), False
        troubles: list[DecodeTrouble] = []
        for frame in frames(
            self._sandbox, source, stream=stream.index, troubles=troubles, max_side=_SIDE, pixel=GRAY8,
            start=Fraction(stretch[0]), end=Fraction(stretch[1]), every=_EVERY, upright=True,
        ):  # fmt: skip
            some = sketcher.add(frame.picture, frame.time) or some
        return sketcher.finish() if some else None
