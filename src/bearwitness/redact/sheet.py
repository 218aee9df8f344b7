"""The contact sheet: every track, every doubtful frame and every hit with its number, obscured by default.

An obscured picture is so coarse that it shows where, and not who; boxes are drawn on top.
"""

from __future__ import annotations

import io
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
_TEXT: Final = 30
_COARSE: Final = 24  # fields across an obscured picture: a face that fills half of it has some twelve
_ENTRIES_MAX: Final = 400
_COLOURS: Final = {
    "face": (255, 210, 0), "head": (255, 140, 0), "overlay": (120, 255, 120), "doubt": (0, 200, 255),
    "hit": (255, 60, 60),
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
        span = f"{plan.seconds(times[0]):.2f}–{plan.seconds(times[-1]):.2f} s"
        words = f" {track.says!r}" if track.says else ""
        text = f"track {track.number} {track.kind} {state} {span}{words}"
        found.append(Entry(middle, text, (track.boxes[middle],), track.kind))
    numbers = {time: number for number, time in enumerate(plan.times)}
    found += [
        Entry(d.time, f"frame {numbers[d.time]} ({plan.seconds(d.time):.2f} s): {d.reason}", (), "doubt")
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
    sheet = Image.new("RGB", (_WIDTH * min(_COLUMNS, max(1, len(wanted))), rows * height), (32, 32, 32))
    if by_time:
        base = plan.picture.time_base
        for frame in footage.frames(upright=True, start=min(by_time) * base, end=(max(by_time) + 1) * base):
            for number in by_time.get(frame.pts, ()):
                tile = _tile(frame.picture, wanted[number], plan, height, clear=clear)
                sheet.paste(tile, (number % _COLUMNS * _WIDTH, number // _COLUMNS * height))
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=80)
    return out.getvalue()


def _tile(picture: Picture, entry: Entry, plan: Plan, height: int, *, clear: bool) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(picture[:, :, ::-1]))
    if not clear:
        rows = max(1, round(_COARSE * plan.picture.height / plan.picture.width))
        image = image.resize((_COARSE, rows), Image.Resampling.BOX)
    tile = Image.new("RGB", (_WIDTH, height), (0, 0, 0))
    tile.paste(image.resize((_WIDTH, height - _TEXT), Image.Resampling.BICUBIC), (0, 0))
    pen = ImageDraw.Draw(tile)
    scale = _WIDTH / plan.picture.width
    for box in entry.boxes:
        corners = [round(v * scale) for v in (box.x, box.y, box.right, box.bottom)]
        pen.rectangle(corners, outline=_COLOURS.get(entry.colour, (200, 200, 200)), width=2)
    text = entry.text.encode("latin-1", "replace").decode("latin-1").replace("–", "-")
    for line, part in enumerate((text[:52], text[52:104])):
        pen.text((3, height - _TEXT + 2 + 13 * line), part, fill=(230, 230, 230))
    return tile
