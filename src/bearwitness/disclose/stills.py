"""Writes a still: its shown tiles, the picture made of them, and what proves both (docs/format.md, 11.4)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from bearwitness.custody.tiles import Tiled
from bearwitness.errors import RefusedError, TamperedError, UsageError
from bearwitness.vault.delivery import OpenDelivery, Record
from bearwitness.vault.ledger import Ledger
from bearwitness_verify.canonical import Json
from bearwitness_verify.still_picture import picture
from bearwitness_verify.stills import TILE, Frame

from . import proofs
from .clips import ClipFile, Writer, several, table_json
from .still_choice import ChosenStill, Found, decode, find_row

_STILL = re.compile(r"(?P<still>[0-9a-f]{6,32})(?P<regions>(#[0-9.]+,[0-9.]+,[0-9.]+,[0-9.]+)*)\Z")
_WHOLE = 100

Region = tuple[Fraction, Fraction, Fraction, Fraction]


@dataclass(frozen=True)
class AskedStill:
    """A still as asked for; `hidden` are regions in per cent of the upright picture: x, y, width, height."""

    still: str
    hidden: tuple[Region, ...] = ()
    hide_length: bool = False  # show no edit list, which may tell how long the recording is


@dataclass(frozen=True)
class WrittenStill:
    """A still as written: its files, the JSON that proves it, how many tiles are shown of how many."""

    files: tuple[ClipFile, ...]
    json: Json
    shown: int
    tiles: int
    exact: bool


def parse_asked_still(words: str, *, hide_length: bool = False) -> AskedStill:
    """Read ``STILL[#X,Y,WIDTH,HEIGHT]…``: what is hidden, in per cent of the picture; raise UsageError."""
    match = _STILL.match(words)
    if match is None:
        raise UsageError(
            f"{words!r} is not a still", "write STILL, and #X,Y,WIDTH,HEIGHT for each region to hide"
        )
    regions = []
    for part in match["regions"].split("#")[1:]:
        try:
            x, y, width, height = (Fraction(number) for number in part.split(","))
        except ValueError:
            raise UsageError(f"{part!r} is not a region", "four numbers in per cent") from None
        if not width or not height or x + width > _WHOLE or y + height > _WHOLE:
            raise UsageError(
                f"the region {part!r} does not lie within the picture", "four numbers in per cent"
            )
        regions.append((x, y, width, height))
    return AskedStill(match["still"], tuple(regions), hide_length)


def shown_tiles(frame: Frame, hidden: Sequence[Region]) -> list[int]:
    """Return the tiles that no hidden region touches."""
    layout = frame.layout
    gone = set()
    for region in hidden:
        left, right, top, low = _as_stored(region, frame.turn)
        rows = _touched(top, low, layout.height)
        for row in rows:
            gone |= {row * layout.columns + column for column in _touched(left, right, layout.width)}
    return [tile for tile in range(layout.count) if tile not in gone]


def _touched(begin: Fraction, end: Fraction, side: int) -> range:
    """Return the rows or columns of tiles that a stretch, in shares of a side, touches."""
    return range(math.floor(begin * side) // TILE, -(-math.ceil(end * side) // TILE))


def _as_stored(region: Region, turn: int) -> tuple[Fraction, Fraction, Fraction, Fraction]:
    """Return left, right, top, low of a region as shares of the stored picture, before it is turned."""
    x, y, width, height = (part / _WHOLE for part in region)
    left, right, top, low = x, x + width, y, y + height
    for _ in range(turn):  # undo one quarter counterclockwise
        left, right, top, low = 1 - low, 1 - top, left, right
    return left, right, top, low


def write_still(
    folder: Path,
    number: int,
    ledger: Ledger,
    opened: OpenDelivery,
    record: Record,
    chosen: ChosenStill,
    asked: AskedStill,
) -> WrittenStill:
    """Write the files of a still below `folder`; raise RefusedError where it does not come out as it was."""
    found = find_row(opened, record, chosen)
    _, tiled, _ = decode(opened, record, chosen.item, found)
    if tiled.layout != chosen.frame.layout or tiled.tree != chosen.frame.tiles:
        raise RefusedError(
            f"still {chosen.still} does not decode here to the samples that were entered when it was chosen",
            f"it was decoded by {chosen.frame.decoder}: use that version, or choose it again",
        )
    shown = shown_tiles(chosen.frame, asked.hidden)
    if not shown:
        raise UsageError(f"of still {chosen.still} everything would be hidden")
    files = _files(folder, number, chosen.frame, tiled, shown)
    proof = tiled.prove(shown)
    tiles: Json = {"file": files[0].name, **several(proof, tiled.secret, shown)}
    act = chosen.act
    if act.body is None:
        raise TamperedError(f"the entry of still {chosen.still} is closed")
    log = ledger.vault.log
    sizes = proofs.covering_sizes(log, act.index, (), ())
    json: Json = {
        "entry": proofs.entry_json(act.entry, act.body, ("item", "kind", "still")),
        "log": proofs.log_json(log, act.index, sizes, {}, plain=True),
        "picture": files[1].name,
        "table": _table(record, found, edits=not asked.hide_length),
        "tiles": tiles,
    }
    return WrittenStill(files, json, len(shown), tiled.layout.count, chosen.frame.exact)


def _files(
    folder: Path, number: int, frame: Frame, tiled: Tiled, shown: Sequence[int]
) -> tuple[ClipFile, ClipFile]:
    made = []
    raw = b"".join(tiled.payloads[tile] for tile in shown)
    png = picture(frame, {tile: tiled.payloads[tile] for tile in shown})
    for ending, data in (("tiles", raw), ("png", png)):
        name = f"exhibits/{number:02}.{ending}"
        out = Writer(folder.parent / name, name)
        out.write(data)
        made.append(out.close())
    return made[0], made[1]


def _table(record: Record, found: Found, *, edits: bool) -> Json:
    """Return the proof of the fields of one track and of one packet."""
    fields = range(found.whole.field_leaf, found.whole.field_leaf + (3 if edits else 2))
    return table_json(record, found.blob, (*fields, found.leaf))
