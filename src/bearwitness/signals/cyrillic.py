"""Cyrillic text in pictures, read by Tesseract where it is installed with Russian: a program of its own,
locked up (sandbox/program.py) and fed through a pipe.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from bearwitness.errors import BearwitnessError, ChildFailedError
from bearwitness.sandbox.limits import Limits
from bearwitness.sandbox.program import Program, find_program, run_program
from bearwitness.signals.arrays import Grey
from bearwitness.signals.text import Line


class ReaderMissingError(BearwitnessError):
    """The program that reads Cyrillic is not installed."""


_LIMITS: Final = Limits(cpu_seconds=20, wall_seconds=60, memory_bytes=2 << 30, answer_bytes_max=1 << 20)
_HEIGHT: Final = 64
_SURE: Final = 0.6
_UNLIKE_LATIN: Final = frozenset("БГДЖИЙЛПФЦЧШЩЪЫЬЭЮЯбгджийлнпфцчшщъыьэюя")


@lru_cache(maxsize=1)
def tesseract(*, accept_weak: bool = False) -> Program:
    """Return Tesseract, which was asked whether it has Russian.

    Raises ReaderMissingError if it, or its Russian, is not installed.
    """
    program = find_program("tesseract")
    if program is not None:
        listed = run_program(program, ["--list-langs"], [], _LIMITS, accept_weak=accept_weak)
        if b"rus" in listed.split():
            return program
    raise ReaderMissingError(
        "Cyrillic overlays are not read: Tesseract with Russian is not installed",
        "on Debian: sudo apt install tesseract-ocr-rus",
    )


def read_cyrillic(grey: Grey, *, accept_weak: bool = False) -> Line:
    """Return one line of Russian or Latin text, light on dark or dark on light; sureness 0 where nothing was
    read.

    A top-hat takes the scene behind the letters away: light letters first where most of the line is dark,
    the other way where that reads as nothing sure. Raises ReaderMissingError as `tesseract` does, and
    ChildFailedError where the program fails or talks nonsense.
    """
    program = tesseract(accept_weak=accept_weak)
    low, middle, high = np.percentile(grey, (5, 50, 95))
    best = Line("", 0.0)
    for light in (True, False) if middle - low <= high - middle else (False, True):
        letters = _letters(grey, light=light)
        page = b"P5 %d %d 255\n" % letters.shape[::-1] + letters.tobytes()
        words = ["stdin", "stdout", "-l", "rus+eng", "--psm", "7", "tsv"]
        line = _line(run_program(program, words, [page], _LIMITS, accept_weak=accept_weak))
        best = max(best, line, key=lambda each: each.sure)
        if best.sure >= _SURE:
            break
    return best


def _line(untrusted: bytes) -> Line:
    """Read the table that Tesseract answers with: twelve columns, the words in the last, -1 for no word."""
    words, sure = [], []
    try:
        for row in untrusted.decode().splitlines()[1:]:
            cells = row.split("\t")
            if len(cells) == 12 and cells[11].strip() and float(cells[10]) >= 0:
                words.append(cells[11].strip())
                sure.append(min(1.0, float(cells[10]) / 100))
    except ValueError:
        raise ChildFailedError("tesseract answered nonsense") from None
    return Line(" ".join(words), float(np.mean(sure)) if sure else 0.0)


def is_cyrillic(text: str) -> bool:
    """Say whether a text has a Cyrillic letter that no Latin one looks like: САМ may be CAM, ДВОР can not."""
    return any(letter in _UNLIKE_LATIN for letter in text)


def _letters(grey: Grey, *, light: bool) -> Grey:
    """Return dark letters on white, _HEIGHT high, from what is light, or dark, against what is around it."""
    import cv2

    scale = _HEIGHT / max(1, grey.shape[0])
    size = (max(8, round(grey.shape[1] * scale)), _HEIGHT)
    line = cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    brush = cv2.getStructuringElement(cv2.MORPH_RECT, (_HEIGHT // 3, _HEIGHT // 3))
    hat = cv2.morphologyEx(line, cv2.MORPH_TOPHAT if light else cv2.MORPH_BLACKHAT, brush)
    stretched = hat.astype(np.float32) * (255 / max(1.0, float(hat.max())))
    return np.asarray(
        cv2.copyMakeBorder(
            (255 - stretched).astype(np.uint8), 16, 16, 16, 16, cv2.BORDER_CONSTANT, value=255
        ),
        dtype=np.uint8,
    )
