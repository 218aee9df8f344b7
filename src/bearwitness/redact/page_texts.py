"""Texts on pictures and pages: found on each by itself, covered, but for the text of a page full of it.

A picture shows itself once, so nobody can tell by its standing still that a text is burned in: whatever can
be read is taken for one, a sign in the scene too. A page with many lines is a document, which is handed on
for its text: there a line is covered if it is a clock's, the others are tracks that are shown, each with a
number by which people hide it (`--hide`, or `--overlays cover` for all).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from bearwitness.media.model import Picture
from bearwitness.signals.arrays import Grey, to_grey
from bearwitness.signals.borders import Box as Edges
from bearwitness.signals.clock_text import parse_clock, without_clock
from bearwitness.signals.text import Line

from .geometry import Box, around, common
from .overlays import Overlay, TextLooker, around_line, is_text, with_room

WHOLE_PAGE_LINES: Final = 20
PLAN_TILE: Final = 640  # what the finder makes of anything it is given
ATTACK_TILE: Final = 512
_OVERLAP: Final = 8  # neighbouring tiles share one part in so many
_SURE: Final = 0.5
_WORDS_BESIDE: Final = 12  # letters and digits beside a clock that make its line one of a text
_SAME: Final = 0.5
_SAME_ROWS: Final = 0.6


@dataclass(slots=True)
class PageFinder:
    """Takes in page after page, tells at the end what stands on them and which a person should look at."""

    texts: TextLooker
    _found: list[Overlay] = field(default_factory=list)
    _doubts: list[tuple[int, str]] = field(default_factory=list)
    _count: int = 0

    def take(self, seconds: float, picture: Picture, *, cut: bool) -> None:
        """Take in a page; raise ChildFailedError as the worker does."""
        number, self._count = self._count, self._count + 1
        grey = to_grey(picture)
        lines = [(box, read_at(self.texts, grey, box)) for box in find_on(self.texts, grey, PLAN_TILE)]
        read = [(box, line) for box, line in lines if line.sure >= _SURE and is_text(line.text)]
        unsure = sum(not is_text(line.text) or line.sure < _SURE for _, line in lines if _letters(line.text))
        full = len(read) >= WHOLE_PAGE_LINES
        for box, line in read:
            clock, alone = bool(parse_clock(line.text)), clock_alone(line.text)
            room = with_room(box, picture.shape[1], picture.shape[0], clock=clock)
            self._found.append(Overlay(room, number, number, line.text, clock, shown=full and not alone))
        if full:
            self._doubts.append((number, f"a page of text: its {len(read)} lines are shown, but for clocks"))
        if unsure:
            self._doubts.append((number, f"{unsure} line(s) may be text that can not be read; not hidden"))

    def finish(self) -> tuple[list[Overlay], list[tuple[int, str]]]:
        """Return the texts, and pages to look at with the reason."""
        return self._found, self._doubts


def find_on(texts: TextLooker, grey: Grey, tile: int) -> list[Box]:
    """Return the boxes of lines on a page, which is looked at whole and in tiles.

    `tile`: their side in pixels; other sides find other letters. Raises ChildFailedError.
    """
    found: list[Box] = []
    for top, left, part in _parts(grey, tile):
        for edges in texts.find(part):
            box = Box(left + edges.left, top + edges.top, edges.right - edges.left, edges.bottom - edges.top)
            same = next((n for n, one in enumerate(found) if _one_line(one, box)), None)
            if same is None:
                found.append(box)
            else:
                found[same] = around(found[same], box)
    return found


def read_at(texts: TextLooker, grey: Grey, box: Box) -> Line:
    """Return what the line in a box of a page reads as; raise ChildFailedError."""
    return texts.read(around_line(grey, Edges(box.x, box.y, box.right, box.bottom)))


def _parts(grey: Grey, tile: int) -> Iterator[tuple[int, int, Grey]]:
    """Yield the page whole, then tiles of it that overlap, each with where it lies."""
    rows, columns = grey.shape
    yield 0, 0, grey
    if max(rows, columns) <= tile:
        return
    for top in _starts(rows, tile):
        for left in _starts(columns, tile):
            yield top, left, np.ascontiguousarray(grey[top : top + tile, left : left + tile])


def _starts(length: int, tile: int) -> list[int]:
    step = tile - tile // _OVERLAP
    count = 1 if length <= tile else -(-(length - tile) // step) + 1
    return [round(n * max(0, length - tile) / max(1, count - 1)) for n in range(count)]


def _one_line(a: Box, b: Box) -> bool:
    rows = min(a.bottom, b.bottom) - max(a.y, b.y)
    return common(a, b) >= _SAME * min(a.area, b.area) and rows >= _SAME_ROWS * max(a.h, b.h)


def clock_alone(text: str) -> bool:
    """Say whether a line is a clock, with little beside it: not a sentence that names a time."""
    return bool(parse_clock(text)) and _letters(without_clock(text)) < _WORDS_BESIDE


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))
