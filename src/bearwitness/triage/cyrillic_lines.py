"""Cyrillic lines of a recording: Tesseract is asked once for each text, not again while it stands there.

What it answers goes to the search beside what PP-OCR reads, for neither knows which alphabet it looks at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from bearwitness.errors import BearwitnessError
from bearwitness.signals.arrays import Grey
from bearwitness.signals.cyrillic import ReaderMissingError, read_cyrillic, tesseract

_SURE: Final = 0.6
_NEAR: Final = 0.02  # of the picture's sides
_WIDE: Final = 1.5  # of the height of a line with a little around it: three letters
_ASKED_MAX: Final = 200  # of one recording: a text that changes all the time is no overlay


def missing() -> str:
    """Return why Cyrillic can not be read here, with the command that changes it; empty where it can."""
    try:
        tesseract(accept_weak=True)
    except ReaderMissingError as error:
        return f"{error.message}; {error.hint}"
    except BearwitnessError as error:
        return f"Cyrillic overlays are not read: {error.message}"
    return ""


class CyrillicLines:
    """Reads lines of one recording or picture, where Tesseract is installed."""

    def __init__(self, *, accept_weak: bool) -> None:
        self._accept_weak, self._missing = accept_weak, missing()
        self._known: dict[str, list[tuple[Sequence[float], str]]] = {}
        self._asked = 0

    def read(self, grey: Grey, latin: str, place: Sequence[float] = ()) -> str:
        """Return the Cyrillic text of a line, empty where there is none.

        `latin` is what PP-OCR made of it, and `place` where it stands in parts of the picture: the same at
        the same place is the same text.
        """
        if self._missing or self._asked >= _ASKED_MAX or not _may_be_words(latin, grey):
            return ""
        for where, text in self._known.get(latin, []):
            if place and all(abs(a - b) <= _NEAR for a, b in zip(where, place, strict=True)):
                return text
        self._asked += 1
        line = read_cyrillic(grey, accept_weak=self._accept_weak)
        text = line.text if line.sure >= _SURE and _letters(line.text) >= 2 else ""
        self._known.setdefault(latin, []).append((place, text))
        return text

    def told(self, found: Sequence[str]) -> dict[str, Any]:
        """Return what the result says of it: texts, and why there are none."""
        cut = self._asked >= _ASKED_MAX
        return {"texts": list(found), "missing": self._missing, "asked": self._asked, "cut": cut}


def _letters(text: str) -> int:
    return sum("а" <= letter.casefold() <= "я" or letter in "ёЁ" for letter in text)


def _may_be_words(latin: str, grey: Grey) -> bool:
    """Say whether it is worth a look: not where digits fill the line, for PP-OCR reads a line in Cyrillic as
    the number at its end; nor where a line has no room for three letters, for it is mostly a stroke.
    """
    signs = [sign for sign in latin if sign.isalnum()]
    rows, columns = grey.shape
    if columns < _WIDE * rows:
        return False
    return not all(sign.isdigit() for sign in signs) or columns > rows * (1 + len(latin))
