"""Whose copy is this file? Asks a file that leaked for the marks of an item's copies (:mod:`signals.marks`).

The plan is carried out on the original as far as the pictures that marks were put into; what the file has
besides them is asked of each copy's key. File and original are decoded in the sandbox.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np

from bearwitness.errors import RefusedError
from bearwitness.media.frames import frames as decoded_frames
from bearwitness.media.model import GRAY8, DecodeTrouble
from bearwitness.media.source import Source as Bytes
from bearwitness.sandbox.client import Sandbox
from bearwitness.signals.arrays import shrink
from bearwitness.signals.mark_search import HEIGHT, THRESHOLD, WIDTH, Found, Shrunk, search

from . import ends
from .filling import planes
from .footage import Footage
from .plan import Plan, Source, require_for
from .rendering import unmarked

_PICTURES_MAX: Final = 12_000
_LEAKED_MAX: Final = 3_000
_EVERY: Final = Fraction(1, 5)


@dataclass(frozen=True)
class Leaked:
    """A file that leaked: its pictures, shrunk, and how many packets of it did not decode."""

    pictures: Shrunk
    broken: int


def read_leaked(sandbox: Sandbox, file: Bytes) -> Leaked:
    """Return some five pictures a second of a file, fewer of a long one; raise RefusedError, MediaError."""
    footage = Footage(sandbox, file)
    length = footage.facts.duration or Fraction(0)
    every = max(_EVERY, length / _LEAKED_MAX)
    found, troubles, first, step = Shrunk(), list[DecodeTrouble](), Fraction(0), 1
    for number, frame in enumerate(
        decoded_frames(
            sandbox, file, stream=footage.video.index, troubles=troubles, pixel=GRAY8, upright=True,
            every=every,
        )
    ):  # fmt: skip
        first = first if number else frame.time
        if number % step == 0:
            found.add(float(frame.time - first), shrink(np.ascontiguousarray(frame.picture), HEIGHT, WIDTH))
        if len(found.times) == 2 * _LEAKED_MAX:  # it is longer than it says
            found, step = found.every_other(), 2 * step
    if not found.times:
        raise RefusedError(f"no picture of {file.name} decodes, so it can not be asked for a mark")
    return Leaked(found, len(troubles))


def trace(
    sandbox: Sandbox, original: Bytes, source: Source, plan: Plan, leaked: Leaked, seeds: Sequence[bytes]
) -> Found | None:
    """Return how far a file follows the mark of each seed, None where it does not show these pictures.

    `plan` is that of the copies. Raises RefusedError where it is for another original or does not fit it.
    """
    require_for(plan, source, original.name)
    footage = Footage(sandbox, original)
    part, shown = ends.part_of(footage, plan)
    whole = Shrunk()
    for seconds, picture in _thinned(part, shown):
        luma = np.rot90(planes(picture)[0], -footage.quarter_turns)
        whole.add(float(seconds), shrink(np.ascontiguousarray(luma), HEIGHT, WIDTH))
    return search(whole, leaked.pictures, seeds, footage.quarter_turns)


def is_found(score: float, found: Found) -> bool:
    """Say whether a mark counts as found: by far more than chance, and than any key nobody was given."""
    return score >= THRESHOLD and score > found.strangers


def _thinned(footage: Footage, plan: Plan) -> Iterator[tuple[Fraction, np.ndarray]]:
    """Yield all pictures, or so many of hours of them as there is room for."""
    step = len(plan.times) // _PICTURES_MAX + 1
    for number, pair in enumerate(unmarked(footage, plan)):
        if number % step == 0:
            yield pair
