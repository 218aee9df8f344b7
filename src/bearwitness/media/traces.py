"""What betrays programs, devices and places in the bytes of a file, whatever its format says is there."""

from __future__ import annotations

import re
from typing import Final

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
LENGTH_MAX: Final = 64
"""No trace is longer, but for the digits of a place: how far pieces of a file must overlap."""
# One by one: a search for all at once tries each at every byte, and takes ten times as long.
_SEARCHES: Final = tuple((re.compile(pattern), name) for pattern, name in PATTERNS)


def found(data: bytes | memoryview) -> list[tuple[str, int]]:
    """Return which traces stand in `data` and where, the first of each kind, in the order of their places."""
    seen: dict[str, int] = {}
    for search, name in _SEARCHES:
        match = search.search(data)
        if match is not None:
            seen[name] = min(match.start(), seen.get(name, match.start()))
    return sorted(seen.items(), key=lambda trace: trace[1])
