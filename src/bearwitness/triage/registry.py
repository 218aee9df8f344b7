"""Which analysers there are: to add one, add a line. Models that a group brings: :mod:`.models`."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bearwitness.errors import UsageError

if TYPE_CHECKING:
    from .analyser import Analyser

ANALYSERS: Final = {
    "probe": "bearwitness.triage.probe:Probe",
    "metadata": "bearwitness.triage.metadata:Metadata",
    "exiftool": "bearwitness.triage.exif:SecondOpinion",
    "shots": "bearwitness.triage.shots:Shots",
    "sketch": "bearwitness.triage.copies:Copies",
    "loudness": "bearwitness.triage.hearing:Loud",
    "soundprint": "bearwitness.triage.echoes:SoundPrint",
    "faces": "bearwitness.triage.seeing:FaceBoxes",
    "persons": "bearwitness.triage.seeing:PersonBoxes",
    "sensitivity": "bearwitness.triage.seeing:Sensitivity",
    "speech": "bearwitness.triage.speaking:SpeechTurns",
    "clock": "bearwitness.triage.reading:Clock",
    "document": "bearwitness.triage.documents:Documents",
}
"""Name (which is also the kind of result) to module and class; the class takes no arguments."""

NETWORKS: Final = {
    "faces": ("centerface",),
    "persons": ("movenet-multipose",),
    "sensitivity": ("opennsfw",),
    "speech": ("silero-vad",),
    "clock": ("ocr-find", "ocr-read"),
}
"""The networks of those that ask any: their worker starts before an analyser is imported (early.py)."""

OPTIONAL: Final = {
    "faceprints": "bearwitness.triage.faceprints:PrintedFaces",
    "proxies": "bearwitness.triage.proxies:Proxies",
    "transcript": "bearwitness.triage.speaking:Transcribed",
    "brightness": "bearwitness.triage.example_analyser:Brightness",
}
"""Those that run only when asked for by name."""

ONLY_BROUGHT: Final = ("minor",)
"""Those for which we have no model: they run where a group brought one, and not otherwise."""

DECODERS: Final = {
    ("faces", "centerface"): "bearwitness.triage.seeing:FaceBoxes",
    ("persons", "movenet-multipose"): "bearwitness.triage.seeing:PersonBoxes",
    ("sensitivity", "opennsfw"): "bearwitness.triage.seeing:Sensitivity",
    ("minor", "score"): "bearwitness.triage.minors:MinorSuggestions",
}
"""Task and decoder of a brought model to the class that runs it, made with the model as its argument."""


def load(only: Sequence[str] = (), models: Path | None = None, *, thorough: bool = False) -> list[Analyser]:
    """Return the analysers named in `only`, or all that are not optional; raise UsageError.

    A model in the folder `models` takes the place of the one that the analyser of its task has. With
    `thorough` those that look at pictures look at all they want of long footage, too.
    """
    known = {**ANALYSERS, **OPTIONAL}
    brought = _brought(models) if models else {}
    unknown = sorted(set(only) - known.keys() - brought.keys())
    if unknown:
        raise UsageError(
            f"there is no analyser {unknown[0]!r}", "there are: " + ", ".join([*known, *ONLY_BROUGHT])
        )
    wanted = list(dict.fromkeys(only) or [*ANALYSERS, *(name for name in brought if name in ONLY_BROUGHT)])
    made = [brought.get(name) or _make(known[name]) for name in wanted]
    for analyser in made if thorough else ():
        analyser.make_thorough()
    return made


def _brought(folder: Path) -> dict[str, Analyser]:
    from .models import FILE
    from .models import load as load_models

    made: dict[str, Analyser] = {}
    for model in load_models(folder):
        place = DECODERS.get((model.task, model.decoder))
        if place is None:
            listed = ", ".join(f"{task} by {decoder}" for task, decoder in DECODERS)
            raise UsageError(
                f"{model.path.parent / FILE} asks for {model.task} by the unknown decoder {model.decoder}",
                f"known are: {listed}",
            )
        if model.task in made:
            raise UsageError(f"there are two models for {model.task} in {folder}", "leave one of them there")
        made[model.task] = _make(place, model)
    return made


def _make(place: str, *arguments: object) -> Analyser:
    from .analyser import Analyser  # which takes a second to import: names and networks are wanted before

    module, _, name = place.partition(":")
    made = getattr(importlib.import_module(module), name)(*arguments)
    if not isinstance(made, Analyser):
        raise TypeError(f"{place} is no analyser")
    return made
