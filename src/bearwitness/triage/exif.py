"""A second opinion on what files say of themselves: ExifTool, where it is installed.

It knows makers' notes and formats that our own reading does not, and it is a large Perl program over hostile
bytes; so it runs in a process that is locked up for it alone (sandbox/program.py), fed through a pipe,
without network or a file to write. Its answer is read strictly. Where it is missing triage says so.

It takes a third of a second, which is hours for a delivery of photographs. So of a picture it is asked only
where our own reading left something unread (media/inside/unread.py) or had trouble; the result says what.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from bearwitness.catalogue.moments import read_moment
from bearwitness.errors import BearwitnessError, ChildFailedError
from bearwitness.media.source import Source
from bearwitness.sandbox.limits import Limits
from bearwitness.sandbox.program import find_program, run_program
from bearwitness_verify.canonical import Json

from .analyser import DOCUMENT, IMAGE, SOUND, VIDEO, Analyser, Analysis, Bytes, Fact, Material, Result, Text
from .answers import plain_text
from .metadata import TASKS, read_metadata

_ARGUMENTS: Final = ("-fast", "-json", "-G1", "-n", "-charset", "utf8", "-")
_LIMITS: Final = Limits(cpu_seconds=60, wall_seconds=180, memory_bytes=1 << 30, answer_bytes_max=4 << 20)
_PIECE: Final = 1 << 20
_FED_MAX: Final = 256 << 20  # bytes; what an index at the very end says of larger files is not read
_TAGS_MAX: Final = 2_000
_TEXT_MAX: Final = 500
_OURS: Final = ("System:", "SourceFile", "ExifTool:ExifToolVersion")  # of the pipe, not of the file
_FACTS: Final = {
    "maker": ("IFD0:Make", "Keys:Make", "UserData:Make", "QuickTime:Make"),
    "device": ("IFD0:Model", "Keys:Model", "UserData:Model", "QuickTime:Model"),
    "serial": ("ExifIFD:SerialNumber", "ExifIFD:BodySerialNumber", "MakerNotes:SerialNumber"),
}
_MOMENTS: Final = ("ExifIFD:DateTimeOriginal", "Keys:CreationDate", "QuickTime:CreateDate", "IFD0:ModifyDate")
_NOT_ASKED: Final = {"tags": {}, "trouble": "", "c2pa": [], "cut": False, "missing": "", "unread": []}
MISSING: Final = (
    "no second opinion on metadata: ExifTool is not installed; "
    "on Debian: sudo apt install libimage-exiftool-perl"
)


@lru_cache(maxsize=1)
def version() -> str:
    """Return the version of the ExifTool that is installed, empty where there is none that runs."""
    program = find_program("exiftool")
    if program is None:
        return ""
    try:
        told = run_program(program, ["-ver"], [], _LIMITS, accept_weak=True).decode("ascii").strip()
    except (BearwitnessError, UnicodeDecodeError):
        return ""
    return told if told and len(told) < 12 and set(told) <= set("0123456789.") else ""


class SecondOpinion(Analyser):
    """What ExifTool says of pictures, videos, sound and documents."""

    name = "exiftool"
    version = "2"
    kinds = frozenset({IMAGE, VIDEO, SOUND, DOCUMENT})
    wants = (Bytes(),)
    sandboxes = (TASKS,)

    def __init__(self) -> None:
        self.parameters: Mapping[str, Json] = {"exiftool": version() or "no"}

    @property
    def lacking(self) -> str:
        """That there is no second opinion, where there is none."""
        return "" if version() else MISSING

    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
        return _SecondOpinion(material)


class _SecondOpinion(Analysis):
    def __init__(self, material: Material) -> None:
        self._material = material
        self._result: Result | None = None

    def settle(self) -> None:
        if self._result is None:
            self._result = self._asked()

    def finish(self) -> Result:
        return self._result or self._asked()

    def _asked(self) -> Result:
        """Return what ExifTool says, if there is anything to ask it for."""
        program = find_program("exiftool") if version() else None
        if program is None:
            return Result(details={"missing": MISSING, "tags": {}})
        source, unread = self._material.source, self._unread()
        if not unread:
            return Result(details={**_NOT_ASKED, "version": version()})
        untrusted = run_program(
            program, _ARGUMENTS, _pieces(source), _LIMITS, accept_weak=self._material.accept_weak
        )
        tags = read_tags(untrusted)
        trouble = " ".join(tags.pop(name) for name in ("ExifTool:Error", "ExifTool:Warning") if name in tags)
        words = "\n".join(f"{name}: {value}" for name, value in tags.items())
        c2pa = sorted({name for name in tags if name.startswith(("JUMBF:", "C2PA", "CBOR:"))})
        facts = _facts(tags)
        if c2pa:  # that it sees none says nothing: older versions know it in some formats alone
            facts.append(Fact("exiftool.c2pa", "present"))
        details = {
            "version": version(), "tags": tags, "trouble": trouble, "c2pa": c2pa[:50],
            "cut": source.size > _FED_MAX, "missing": "", "unread": unread,
        }  # fmt: skip
        return Result(facts=facts, texts=[Text("metadata", words)] if words else [], details=details)

    def _unread(self) -> list[str]:
        """Return what there is to ask for."""
        if self._material.kind != IMAGE:
            return ["kind"]
        try:
            told = read_metadata(self._material)
        except ChildFailedError as error:
            return [f"trouble: {error.message}"]
        trouble = [f"trouble: {told['trouble']}"] if told["trouble"] else []
        return [plain_text(str(name)) for name in (*told["unread"], *trouble)]


def read_tags(untrusted: bytes) -> dict[str, str]:
    """Return tags by group and name as texts; raise ChildFailedError for nonsense."""
    try:
        told = json.loads(untrusted)
    except (ValueError, RecursionError):
        raise ChildFailedError("exiftool answered nonsense") from None
    if not isinstance(told, list) or len(told) != 1 or not isinstance(told[0], dict):
        raise ChildFailedError("exiftool answered nonsense")
    tags = {}
    for name, value in list(told[0].items())[:_TAGS_MAX]:
        text = plain_text(_text(value))[:_TEXT_MAX].strip()
        if text and not name.startswith(_OURS) and not text.startswith("(Binary data"):
            tags[plain_text(name)[:_TEXT_MAX]] = text
    return tags


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _pieces(source: Source) -> Iterator[bytes]:
    """Yield the bytes from the first on, as far as they are read at all."""
    for at in range(0, min(source.size, _FED_MAX), _PIECE):
        length = min(_PIECE, source.size - at)
        if source.read is not None:
            yield source.read(at, length)
        elif source.descriptor is not None:
            yield os.pread(source.descriptor, length, at)


def _facts(tags: Mapping[str, str]) -> list[Fact]:
    """Return what is searched, under names of their own: two opinions stay two."""
    facts = []
    for fact, names in _FACTS.items():
        facts += [Fact(f"exiftool.{fact}", tags[name]) for name in names if name in tags][:1]
    for name in _MOMENTS:
        moment = read_moment(tags[name].replace(":", "-", 2)) if name in tags else None
        if moment is not None:
            facts.append(Fact("exiftool.moment", moment))
            break
    place = [_degrees(tags.get(f"Composite:GPS{axis}")) for axis in ("Latitude", "Longitude")]
    if place[0] is not None and place[1] is not None and abs(place[0]) <= 90 and abs(place[1]) <= 180:
        facts.append(Fact("exiftool.latitude", round(place[0], 6)))
        facts.append(Fact("exiftool.longitude", round(place[1], 6)))
    return facts


def _degrees(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        value = math.nan
    return value if math.isfinite(value) else None
