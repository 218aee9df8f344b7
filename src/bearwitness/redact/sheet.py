"""The contact sheet: every track, every doubtful frame and every hit with its number, obscured by default.

An obscured picture is so coarse that it shows where, and not who, and what the plan hides is one even colour
in it; boxes are drawn on top.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from bearwitness.media.model import Picture

from .attack.hits import Hit
from .geometry import Box
from .plan import Plan
from .shown import Shown

_WIDTH: Final = 320
_COLUMNS: Final = 4
_LINE: Final = 13
_LINES: Final = 3
_LETTERS: Final = 54  # in a line under a picture
_TEXT: Final = 4 + _LINE * _LINES
_HEAD: Final = 6 + 2 * _LINE
_COARSE: Final = 24  # fields across an obscured picture: an open face that fills a quarter has six
_ENTRIES_MAX: Final = 400
_COLOURS: Final = {
    "face": (255, 210, 0), "head": (255, 140, 0), "overlay": (120, 255, 120), "doubt": (0, 200, 255),
    "hit": (255, 60, 60), "shown": (255, 255, 255), "box": (200, 200, 200),
    "body": (220, 120, 255),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture of the sheet: which frame, what is written under it, which boxes are drawn."""

    time: int
    text: str
    boxes: tuple[Box, ...]
    colour: str


def entries(plan: Plan, hits: Iterable[Hit] = ()) -> list[Entry]:
    """Return what a sheet shows of a plan: hits first, then tracks in their middle, then doubts."""
    found = [
        Entry(
            hit.time,
            f"{hit.check}: {hit.says}",
            tuple(b for t, b in hit.boxes.items() if t == hit.time),
            "hit",
        )
        for hit in hits
        if hit.time is not None
    ]
    for track in plan.tracks:
        times = sorted(track.boxes)
        middle = times[len(times) // 2]
        state = "hidden" if track.hide else "SHOWN"
        span = f"{plan.seconds(times[0]):.2f}-{plan.seconds(times[-1]):.2f} s"
        words = f" {track.says!r}" if track.says else ""
        text = f"track {track.number} {track.kind} {state} {span}{words}"
        found.append(Entry(middle, text, (track.boxes[middle],), track.kind if track.hide else "shown"))
    numbers = {time: number for number, time in enumerate(plan.times)}
    found += [
        Entry(
            d.time,
            f"frame {numbers[d.time]} ({plan.seconds(d.time):.2f} s){_where(d.box)}: {d.reason}",
            () if d.box is None else (d.box,),
            "doubt",
        )
        for d in plan.doubts
    ]
    return found[:_ENTRIES_MAX]


def draw(footage: Shown, plan: Plan, wanted: Sequence[Entry], *, clear: bool = False) -> bytes:
    """Return the sheet as a JPEG; `clear`: pictures as they are, which identify whoever is on them."""
    by_time: dict[int, list[int]] = {}
    for number, entry in enumerate(wanted):
        by_time.setdefault(entry.time, []).append(number)
    height = max(1, round(plan.picture.height * _WIDTH / plan.picture.width)) + _TEXT
    rows = max(1, -(-len(wanted) // _COLUMNS))
    sheet = Image.new("RGB", (_WIDTH * _COLUMNS, _HEAD + rows * height), (32, 32, 32))
    _head(sheet, plan, clear=clear)
    hidden = plan.hidden()
    if by_time:
        base = plan.picture.time_base
        for frame in footage.frames(upright=True, start=min(by_time) * base, end=(max(by_time) + 1) * base):
            for number in by_time.get(frame.pts, ()):
                boxes = hidden.get(frame.pts, [])
                tile = _tile(frame.picture, wanted[number], plan, height, boxes, clear=clear)
                sheet.paste(tile, (number % _COLUMNS * _WIDTH, _HEAD + number // _COLUMNS * height))
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=80)
    return out.getvalue()


def _tile(
    picture: Picture, entry: Entry, plan: Plan, height: int, hidden: Sequence[Box], *, clear: bool
) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(picture[:, :, ::-1]))
    if not clear:
        # What is hidden is one colour: a close-up is not recognised, and what is not hidden stands out.
        for box in hidden:
            edges = (box.x, box.y, box.right, box.bottom)
            mean = image.crop(edges).resize((1, 1), Image.Resampling.BOX)
            image.paste(mean.resize((box.w, box.h)), edges)
        rows = max(1, round(_COARSE * plan.picture.height / plan.picture.width))
        image = image.resize((_COARSE, rows), Image.Resampling.BOX)
    tile = Image.new("RGB", (_WIDTH, height), (0, 0, 0))
    tile.paste(image.resize((_WIDTH, height - _TEXT), Image.Resampling.BICUBIC), (0, 0))
    pen = ImageDraw.Draw(tile)
    scale = _WIDTH / plan.picture.width
    for box in entry.boxes:
        corners = [round(v * scale) for v in (box.x, box.y, box.right, box.bottom)]
        pen.rectangle(corners, outline=_COLOURS.get(entry.colour, (200, 200, 200)), width=2)
    lines = textwrap.wrap(_plain(entry.text), _LETTERS)
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], lines[_LINES - 1][: _LETTERS - 3] + "..."]
    for number, line in enumerate(lines):
        pen.text((3, height - _TEXT + 2 + _LINE * number), line, fill=(230, 230, 230))
    return tile


def _head(sheet: Image.Image, plan: Plan, *, clear: bool) -> None:
    """Write on top what this is, and what the colours mean."""
    pen = ImageDraw.Draw(sheet)
    shown = sum(not track.hide for track in plan.tracks)
    what = (
        f"plan for the file with the SHA-256 {plan.source.sha256[:16]}...: {len(plan.tracks)} tracks, "
        f"{shown} of them shown by choice, {len(plan.doubts)} frames to look at. "
    )
    what += (
        "Pictures are as they are: keep it as you keep the footage." if clear else "Pictures are obscured."
    )
    pen.text((3, 3), what, fill=(230, 230, 230))
    x = 3.0
    for name, colour in _COLOURS.items():
        pen.text((x, 3 + _LINE), name, fill=colour)
        x += pen.textlength(name) + 14


def _where(box: Box | None) -> str:
    """Return a box as --add-box takes it."""
    return "" if box is None else f" at {box.x},{box.y},{box.w},{box.h}"


def _plain(text: str) -> str:
    """Return text in letters that the font of the sheet has."""
    for letter, instead in (("\u00d7", "x"), ("\u2013", "-"), ("\u2026", "...")):
        text = text.replace(letter, instead)
    return text.encode("latin-1", "replace").decode("latin-1")
