"""Searches every byte of the finished file for names of programs, places, and the original's own tags."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from bearwitness.media.traces import PATTERNS, found

from .hits import Hit

CHECK: Final = "traces"
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


def _position(data: memoryview, wanted: bytes) -> int:
    match = re.search(re.escape(wanted), data)
    return match.start() if match else -1


__all__ = ["CHECK", "PATTERNS", "check", "found"]
