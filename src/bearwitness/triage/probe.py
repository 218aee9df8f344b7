"""What each item is: kind, container, streams, codecs, sizes, durations. All are claims of the container."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from bearwitness.media.model import Facts, Stream

from .analyser import KINDS, SOUND, VIDEO, Analyser, Analysis, Bytes, Fact, Material, Result


class Probe(Analyser):
    """The first question to every item; it looks into footage and sound, of others it tells the kind."""

    name = "probe"
    version = "3"
    kinds = frozenset(KINDS)
    wants = (Bytes(),)

    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
        return _Probe(material)


class _Probe(Analysis):
    def __init__(self, material: Material) -> None:
        self._material = material

    def finish(self) -> Result:
        kind = self._material.kind
        if kind not in (VIDEO, SOUND):
            return Result(facts=[Fact("media", kind)])
        told = self._material.probe()
        picture, sound = told.first("video"), told.first("audio")
        if kind == VIDEO and picture is None and sound is not None:
            kind = SOUND
        facts = [Fact("media", kind), Fact("container", told.container)]
        if told.duration is not None:
            facts.append(Fact("duration", _seconds(told.duration)))
        if told.start is not None:
            facts.append(Fact("starts", _seconds(told.start)))
        if picture is not None:
            facts += [
                Fact("codec", picture.codec),
                Fact("width", picture.width),
                Fact("height", picture.height),
            ]
            if not picture.decodes:
                facts.append(Fact("damaged", "none of the first pictures decodes"))
        if sound is not None:
            facts.append(Fact("sound", sound.codec))
        return Result(facts=facts, details=_details(told))


def _details(told: Facts) -> dict[str, Any]:
    return {
        "container": told.container,
        "start": None if told.start is None else _seconds(told.start),
        "duration": None if told.duration is None else _seconds(told.duration),
        "bit_rate": told.bit_rate,
        "chapters": told.chapters,
        "streams": [_stream(stream) for stream in told.streams],
    }


def _stream(stream: Stream) -> dict[str, Any]:
    plain = (
        "index kind codec profile tag frames width height pixel_format rotation sample_rate channels layout "
        "bit_rate language decodes"
    ).split()
    ratios = "time_base start duration pixel_aspect rate".split()
    out = {name: getattr(stream, name) for name in plain}
    for name in ratios:
        value = getattr(stream, name)
        out[name] = None if value is None else str(value)
    return out


def _seconds(value: Fraction) -> float:
    return round(float(value), 6)
