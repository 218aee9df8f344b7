"""Which analysers there are: to add one, add a line. Models that a group brings: :mod:`.models`."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Final

from bearwitness.errors import UsageError

from .analyser import Analyser

ANALYSERS: Final = {
    "probe": "bearwitness.triage.probe:Probe",
    "metadata": "bearwitness.triage.metadata:Metadata",
    "shots": "bearwitness.triage.shots:Shots",
    "sketch": "bearwitness.triage.copies:Copies",
    "loudness": "bearwitness.triage.hearing:Loud",
    "faces": "bearwitness.triage.seeing:FaceBoxes",
    "persons": "bearwitness.triage.seeing:PersonBoxes",
    "sensitivity": "bearwitness.triage.seeing:Sensitivity",
    "document": "bearwitness.triage.documents:Documents",
}
"""Name (which is also the kind of result) to module and class; the class takes no arguments."""

OPTIONAL: Final = {
    "brightness": "bearwitness.triage.example_analyser:Brightness",
}
"""Those that run only when asked for by name."""


def load(only: Sequence[str] = ()) -> list[Analyser]:
    """Return the analysers named in `only`, or all that are not optional; raise UsageError."""
    known = {**ANALYSERS, **OPTIONAL}
    unknown = sorted(set(only) - known.keys())
    if unknown:
        raise UsageError(f"there is no analyser {unknown[0]!r}", "there are: " + ", ".join(known))
    return [_make(known[name]) for name in (dict.fromkeys(only) or ANALYSERS)]


def _make(place: str) -> Analyser:
    module, _, name = place.partition(":")
    made = getattr(importlib.import_module(module), name)()
    if not isinstance(made, Analyser):
        raise TypeError(f"{place} is no analyser")
    return made
