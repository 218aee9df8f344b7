"""Searches every byte of the finished file for names of programs, places, and the original's own tags."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from .hits import Hit

CHECK: Final = "traces"
PATTERNS: Final = (
    (rb"Lav[fc]\d{2}\.", "the name of an encoder (FFmpeg)"),
    (rb"x26[45] [-(]", "the settings of an encoder"),
    (rb"LAME3\.\d\d", "the name of an encoder (LAME)"),
    (rb"HandBrake \d", "the name of an editor"),
    (rb"Exif\0\0", "a block of Exif"),
    (rb"http://ns\.adobe\.com/", "a block of XMP"),
    (rb"Photoshop 3\.0\0", "a block of Photoshop"),
    (rb"ICC_PROFILE\0", "a colour profile, which may name a device"),
    (rb"jumbc2pa|c2pa\.(claim|assertions|signature)", "a content credential"),
    (rb"com\.apple\.quicktime\.", "a tag of a phone"),
    (rb"[+-]\d{2}\.\d{3,}[+-]\d{3}\.\d{3,}", "a place on earth"),
    (rb"<x:xmpmeta", "a block of XMP"),
)
_SEARCH: Final = re.compile(b"|".join(b"(" + pattern.replace(b"(", b"(?:") + b")" for pattern, _ in PATTERNS))
_TAG_CHARACTERS_MIN: Final = 6
_PROSE: Final = frozenset({"isom", "mp41", "mp42", "undefined", "matroska"})


def check(data: memoryview, tags: Iterable[str]) -> tuple[int, list[Hit]]:
    """Return how many bytes were searched, and hits; `tags` are texts the original's metadata held."""
    hits = [Hit(CHECK, f"{name} stands at byte {at}") for name, at in found(data)]
    for tag in sorted({tag.strip() for tag in tags}):
        if len(tag) < _TAG_CHARACTERS_MIN or tag.lower() in _PROSE:
            continue
        if any(_position(data, tag.encode(code)) >= 0 for code in ("utf-8", "utf-16-le", "utf-16-be")):
            hits.append(Hit(CHECK, "a text of the original's metadata stands in the file"))
    return len(data), hits


def found(data: bytes | memoryview) -> list[tuple[str, int]]:
    """Return which traces stand in `data` and where, the first of each kind."""
    seen: dict[str, int] = {}
    for match in _SEARCH.finditer(data):
        name = PATTERNS[(match.lastindex or 1) - 1][1]
        seen.setdefault(name, match.start())
    return list(seen.items())


def _position(data: memoryview, wanted: bytes) -> int:
    match = re.search(re.escape(wanted), data)
    return match.start() if match else -1
