"""Embedded metadata: where and when, of which device, and whether content credentials (C2PA) are there.

What a file says of itself is a claim, and easily made; that it says nothing proves nothing.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

from bearwitness.catalogue.moments import read_moment
from bearwitness.errors import ChildFailedError
from bearwitness.sandbox.limits import Limits

from .analyser import IMAGE, SOUND, VIDEO, Analyser, Analysis, Bytes, Fact, Material, Result, Text
from .answers import plain_text, read_answer

METADATA: Final = "metadata"
TASKS: Final = "bearwitness.triage.locked"
_LIMITS: Final = Limits(cpu_seconds=60, wall_seconds=90, memory_bytes=1 << 30, answer_bytes_max=4 << 20)
_SHAPE: Final = {"format": str, "tags": dict, "c2pa": list, "unread": list, "trouble": str}
_ISO_6709: Final = re.compile(r"([+-]\d+(?:\.\d+)?)([+-]\d+(?:\.\d+)?)")
_MAKERS: Final = ("make", "com.apple.quicktime.make", "com.android.manufacturer")
_DEVICES: Final = ("model", "com.apple.quicktime.model", "com.android.model")
_MOMENTS: Final = (
    "DateTimeOriginal", "DateTimeDigitized", "DateTime", "creation_time", "com.apple.quicktime.creationdate",
)  # fmt: skip
_PLACES: Final = ("location", "com.apple.quicktime.location.iso6709", "location-eng")


class Metadata(Analyser):
    """What pictures, videos and sound say of themselves."""

    name = "metadata"
    version = "1"
    kinds = frozenset({IMAGE, VIDEO, SOUND})
    wants = (Bytes(),)
    sandboxes = (TASKS,)

    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
        return _Metadata(material)


class _Metadata(Analysis):
    def __init__(self, material: Material) -> None:
        self._material = material

    def finish(self) -> Result:
        told = read_metadata(self._material)
        tags = {plain_text(str(name)): plain_text(str(value)) for name, value in told["tags"].items()}
        if told["trouble"] and not tags and not told["format"]:
            raise ChildFailedError(f"no metadata could be read: {plain_text(told['trouble'])}")
        facts = _facts({name.lower(): value for name, value in tags.items()})
        facts.append(Fact("c2pa", "present" if told["c2pa"] else "absent"))
        details = {
            "format": plain_text(told["format"]),
            "tags": tags,
            "c2pa": [plain_text(str(place)) for place in told["c2pa"]],
            "trouble": plain_text(told["trouble"]),
        }
        words = "\n".join(f"{name}: {value}" for name, value in tags.items())
        return Result(facts=facts, texts=[Text("metadata", words)] if words else [], details=details)


def read_metadata(material: Material) -> dict[str, Any]:
    """Return what the locked reader says of an item, asked once for all; raise as the sandbox does."""
    if METADATA not in material.asked:
        files, ranges = material.source.handed()
        answer = material.sandbox(TASKS).call("metadata", material.kind.encode(), files, _LIMITS, ranges)
        material.asked[METADATA] = read_answer(answer, _SHAPE, "the reader of metadata")
    told: dict[str, Any] = material.asked[METADATA]
    return told


def _facts(tags: dict[str, str]) -> list[Fact]:
    """Return what is searched; names of `tags` in small letters."""
    facts = [Fact("maker", tags[name]) for name in _MAKERS if name in tags][:1]
    facts += [Fact("device", tags[name]) for name in _DEVICES if name in tags][:1]
    moments = {name.lower(): tags[name.lower()] for name in _MOMENTS if name.lower() in tags}
    facts += [Fact(f"moment.{name}", value) for name, value in moments.items()]
    for value in moments.values():
        seconds = read_moment(value)
        if seconds is not None:
            facts.append(Fact("moment", seconds))
            break
    place = _place(tags)
    if place is not None:
        facts += [Fact("latitude", place[0]), Fact("longitude", place[1])]
    return facts


def _place(tags: dict[str, str]) -> tuple[float, float] | None:
    """Return latitude and longitude in degrees, from EXIF or ISO 6709."""
    for name in _PLACES:
        match = _ISO_6709.match(tags.get(name, ""))
        if match:
            return _checked(float(match[1]), float(match[2]))
    latitude, longitude = tags.get("gpslatitude"), tags.get("gpslongitude")
    if latitude is None or longitude is None:
        return None
    try:
        south = tags.get("gpslatituderef", "N").upper().startswith("S")
        west = tags.get("gpslongituderef", "E").upper().startswith("W")
        return _checked(_degrees(latitude) * (-1 if south else 1), _degrees(longitude) * (-1 if west else 1))
    except ValueError:
        return None


def _degrees(text: str) -> float:
    parts = [float(part) for part in text.split()]
    return float(sum(part / 60**power for power, part in enumerate(parts[:3])))


def _checked(latitude: float, longitude: float) -> tuple[float, float] | None:
    known = math.isfinite(latitude) and math.isfinite(longitude)
    if not known or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return round(latitude, 6), round(longitude, 6)
