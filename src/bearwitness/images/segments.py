"""The segment files of an EWF image, found by name beside the first: .E01 … .E99, .EAA … .EZZ, .FAA …"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from string import ascii_uppercase
from typing import Final

from bearwitness.errors import SourceError

from .disk_image import FILES_MAX

_FIRST = re.compile(r"\.([EeSs])01\Z")
_ANY = re.compile(r"\.[EeSs][0-9A-Za-z]{2}\Z")
_LETTERS: Final = ascii_uppercase


def segment_files(first: Path) -> list[Path]:
    """Return all segment files of the image that `first` begins; raise SourceError."""
    match = _FIRST.search(first.name)
    if match is None:
        if _ANY.search(first.name):
            raise SourceError(
                f"{first} is not the first segment of its image", "name the file that ends in .E01"
            )
        return [first]
    stem, lower = first.name[: match.start()], match[1][0].islower()
    found = [first]
    for suffix in _suffixes(match[1].upper()):
        path = first.with_name(f"{stem}.{suffix.lower() if lower else suffix}")
        if not path.exists():
            break
        found.append(path)
        if len(found) > FILES_MAX:
            raise SourceError(
                f"the image {first} has more than {FILES_MAX} segment files",
                "write it again with larger segments (ewfexport can), or as one raw file",
            )
    return found


def _suffixes(kind: str) -> Iterator[str]:
    """Yield the endings of the second and all further segments; `kind` is ``E`` or ``S``."""
    yield from (f"{kind}{number:02}" for number in range(2, 100))
    for step in count():
        high, rest = divmod(step, len(_LETTERS) ** 2)
        head = ord(kind) + high
        if head > ord("Z"):
            return
        yield f"{chr(head)}{_LETTERS[rest // 26]}{_LETTERS[rest % 26]}"
