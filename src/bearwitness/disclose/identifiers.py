"""Finds in names and metadata what tells a recorder, a server, a computer, a person, a moment apart.

Rules of thumb: what they find should be looked at; that they find nothing proves nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

TEXT_LENGTH_MAX: Final = 4096  # names and tags are shorter; what is longer is looked at in part, and told
_ALONE_BEFORE: Final = r"(?<![^\W_])"
_ALONE_AFTER: Final = r"(?![^\W_])"


def _alone(pattern: str) -> re.Pattern[str]:
    """Return a pattern for what no letter and no digit touches; an underscore may."""
    return re.compile(f"{_ALONE_BEFORE}(?:{pattern}){_ALONE_AFTER}", re.IGNORECASE)


_PATTERNS: Final = {
    "network card": _alone(r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}"),
    "network address": _alone(r"(?:\d{1,3}\.){3}\d{1,3}"),
    "unique id": _alone(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"),
    "mail address": re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}"),
    "telephone": re.compile(r"\+\d[\d ()-]{7,18}\d"),
    "user folder": re.compile(
        r"(?:users|home|documents and settings|пользователи)[\\/]+([^\\/\s][^\\/]{0,63})", re.IGNORECASE
    ),
    "server": re.compile(r"\\\\[\w.-]{1,63}\\[^\\]{1,80}"),
    "recorder or camera": _alone(
        r"(?:dvr|nvr|xvr|ipc|cam|camera|channel|chan|ch|камера|канал|камер|摄像头|通道)[ _.#-]?\d{1,5}"
    ),
    "serial number": _alone(r"(?:s/n|sn|serial(?: ?(?:no|number))?)[ :_#.-]{1,3}[a-z0-9-]{5,40}"),
    "device number": _alone(r"\d{15}"),
    "code": re.compile(
        rf"{_ALONE_BEFORE}(?=[A-Z0-9]{{0,40}}\d)(?=[A-Z0-9]{{0,40}}[A-Z])[A-Z0-9]{{10,40}}{_ALONE_AFTER}"
    ),
    "time": re.compile(
        r"(?<!\d)(?:19|20)\d\d[-_.]?(?:0[1-9]|1[0-2])[-_.]?(?:[0-2]\d|3[01])"
        r"(?:[T _.-]{0,2}(?:[01]\d|2[0-3])[-_.:]?[0-5]\d(?:[-_.:]?[0-5]\d)?)?(?!\d)"
    ),
}


@dataclass(frozen=True)
class Identifier:
    """Something that tells one thing from others: of which kind, and the text."""

    kind: str
    text: str


def find(text: str) -> list[Identifier]:
    """Return what stands in `text`, each once, in the order of kinds."""
    part = text[:TEXT_LENGTH_MAX]
    found = [
        Identifier(kind, match[0]) for kind, pattern in _PATTERNS.items() for match in pattern.finditer(part)
    ]
    if len(text) > TEXT_LENGTH_MAX:
        found.append(Identifier("not looked at", f"all after the first {TEXT_LENGTH_MAX} characters"))
    return list(dict.fromkeys(found))
