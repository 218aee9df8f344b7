"""Cyrillic text in pictures, read by Tesseract where it is installed with Russian: a program of its own, fed
through a pipe.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import lru_cache

import numpy as np

from bearwitness.errors import BearwitnessError
from bearwitness.signals.arrays import Grey
from bearwitness.signals.text import Line


class ReaderMissingError(BearwitnessError):
    """The program that reads Cyrillic is not installed."""


_SECONDS = 20
_HEIGHT = 64


@lru_cache(maxsize=1)
def tesseract() -> str:
    """Return where Tesseract is.

    Raises ReaderMissingError if it, or its Russian, is not installed.
    """
    path = shutil.which("tesseract")
    if path:
        listed = subprocess.run(  # noqa: S603 - a fixed program, fixed arguments
            [path, "--list-langs"], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        if "rus" in listed.stdout.split():
            return path
    raise ReaderMissingError(
        "Cyrillic text can not be read: Tesseract with Russian is not installed",
        "on Debian: sudo apt install tesseract-ocr-rus",
    )


def read_cyrillic(grey: Grey) -> Line:
    """Return one line of Russian or Latin text, light on dark or dark on light; sureness 0 where nothing was
    read.

    A top-hat takes the scene behind the letters away. Raises ReaderMissingError as `tesseract` does.
    """
    page = b"P5 %d %d 255\n" % tuple(_letters(grey).shape[::-1]) + _letters(grey).tobytes()
    command = [tesseract(), "stdin", "stdout", "-l", "rus+eng", "--psm", "7", "tsv"]
    done = subprocess.run(command, input=page, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603 - a fixed program, fixed arguments
    words, sure = [], []
    for row in done.stdout.decode(errors="replace").splitlines()[1:]:
        cells = row.split("\t")
        if len(cells) == 12 and cells[11].strip() and float(cells[10]) >= 0:
            words.append(cells[11].strip())
            sure.append(float(cells[10]) / 100)
    return Line(" ".join(words), float(np.mean(sure)) if sure else 0.0)


def _letters(grey: Grey) -> Grey:
    """Return dark letters on white, _HEIGHT high: of the two top-hats, light or dark, the one with more in
    it.
    """
    import cv2

    scale = _HEIGHT / max(1, grey.shape[0])
    size = (max(8, round(grey.shape[1] * scale)), _HEIGHT)
    line = cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    brush = cv2.getStructuringElement(cv2.MORPH_RECT, (_HEIGHT // 3, _HEIGHT // 3))
    hats = [cv2.morphologyEx(line, way, brush) for way in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT)]
    hat = max(hats, key=lambda each: float(np.percentile(each, 95)))
    stretched = hat.astype(np.float32) * (255 / max(1.0, float(hat.max())))
    return np.asarray(
        cv2.copyMakeBorder(
            (255 - stretched).astype(np.uint8), 16, 16, 16, 16, cv2.BORDER_CONSTANT, value=255
        ),
        dtype=np.uint8,
    )
