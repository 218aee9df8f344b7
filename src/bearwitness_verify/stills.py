"""What a release says of a still, a decoded frame in tiles (docs/format.md, 11.4). Nothing is proven here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from . import canonical
from .canonical import Json, integer, members, text
from .clips import Several, Table, parse_several, parse_table
from .errors import MalformedError
from .leaves import TreeRef, tiles_ref

TILE: Final = 16
SIDE_MAX: Final = 16_384
PIXELS_MAX: Final = 40_000_000
PIXELS: Final = {
    f"{name}p{depth}" if name != "grey" else f"grey{depth}": (shifts, depth)
    for name, shifts in (("grey", None), ("420", (1, 1)), ("422", (1, 0)), ("444", (0, 0)))
    for depth in (8, 10)
}
"""Name of a layout: by how many bits chroma is smaller across and down (None: no chroma), bits a sample."""
EXACT: Final = frozenset("av1 ffv1 ffvhuff h264 hevc huffyuv rawvideo utvideo vp8 vp9 vvc".split())
MATRICES: Final = ("bt601", "bt709", "bt2020")
RANGES: Final = ("limited", "full")
_WORDS_MAX: Final = 200


@dataclass(frozen=True)
class Layout:
    """How a frame is laid out: sides in luma samples, name of the layout (:data:`PIXELS`)."""

    width: int
    height: int
    pixels: str

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return 1 if PIXELS[self.pixels][1] == 8 else 2

    @property
    def planes(self) -> list[tuple[int, int]]:
        """By how many bits each plane is smaller than luma, across and down."""
        shifts = PIXELS[self.pixels][0]
        return [(0, 0)] if shifts is None else [(0, 0), shifts, shifts]

    def side(self, number: int) -> tuple[int, int]:
        """Return width and height of a plane in samples."""
        across, down = self.planes[number]
        return -(-self.width >> across), -(-self.height >> down)

    @property
    def columns(self) -> int:
        """How many tiles stand in a row."""
        return -(-self.width // TILE)

    @property
    def count(self) -> int:
        """How many tiles there are."""
        return self.columns * -(-self.height // TILE)

    def parts(self, tile: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield where a tile lies in each plane: columns from, to, rows from, to (ends exclusive)."""
        row, column = divmod(tile, self.columns)
        for number, (across, down) in enumerate(self.planes):
            width, height = self.side(number)
            left, top = column * TILE >> across, row * TILE >> down
            yield left, min(width, left + (TILE >> across)), top, min(height, top + (TILE >> down))

    def tile_bytes(self, tile: int) -> int:
        """Return the length of a tile's payload."""
        return sum((right - left) * (low - top) for left, right, top, low in self.parts(tile)) * (
            self.sample_bytes
        )


@dataclass(frozen=True)
class Frame:
    """What the entry of a still commits to."""

    layout: Layout
    codec: str
    decoder: str
    exact: bool
    matrix: str
    range: str
    turn: int
    track: int
    packet: int
    time: int
    tiles: TreeRef

    def to_json(self) -> dict[str, Json]:
        """Return the value of the field `still`."""
        return {
            "codec": self.codec, "decoder": self.decoder, "exact": self.exact,
            "height": str(self.layout.height), "matrix": self.matrix, "packet": str(self.packet),
            "pixels": self.layout.pixels, "range": self.range, "tiles": self.tiles.to_json(),
            "time": str(self.time), "track": str(self.track), "turn": str(self.turn),
            "width": str(self.layout.width),
        }  # fmt: skip


@dataclass(frozen=True)
class Pieces:
    """A still as a release shows it, beside its entry: its packet, the tiles shown, its picture."""

    table: Table
    picture: str
    file: str
    proof: Several


def parse_frame(value: Json) -> Frame:
    """Read the value of the field `still`; raise MalformedError."""
    names = "codec decoder exact height matrix packet pixels range tiles time track turn width"
    got = members(value, "a still", names)
    width, height = (integer(got[name], "a side of a still", 1, SIDE_MAX) for name in ("width", "height"))
    pixels, exact = text(got["pixels"], "the pixels of a still"), got["exact"]
    matrix, spread = text(got["matrix"], "a matrix"), text(got["range"], "a range")
    codec, decoder = (_words(got[name]) for name in ("codec", "decoder"))
    known = pixels in PIXELS and matrix in MATRICES and spread in RANGES and isinstance(exact, bool)
    if not known or width * height > PIXELS_MAX:
        raise MalformedError("a still is of a kind this verifier does not know, or too large")
    if exact and codec not in EXACT:
        raise MalformedError(f"a still is called exact, and {codec!r} leaves its decoder a choice")
    tiles = tiles_ref(got["tiles"])
    layout = Layout(width, height, pixels)
    if tiles.height != next(h for h in (16, 24, 32) if layout.count <= 1 << h - 1):
        raise MalformedError("the tree of a still does not fit its size")
    return Frame(
        layout, codec, decoder, bool(exact), matrix, spread,
        integer(got["turn"], "the turn of a still", 0, 3),
        integer(got["track"], "the number of a track", 0, 2**32 - 1),
        integer(got["packet"], "the packet of a still", 0, 2**32 - 1),
        integer(got["time"], "the time of a still", -(2**63), 2**63 - 1),
        tiles,
    )  # fmt: skip


def _words(value: Json) -> str:
    said = text(value, "a decoder")
    if not 0 < len(said) <= _WORDS_MAX:
        raise MalformedError("the name of a decoder is empty or too long")
    return said


def parse_pieces(got: dict[str, Json]) -> Pieces:
    """Read the members `table`, `picture` and `tiles` of a still; raise MalformedError."""
    tiles = members(got["tiles"], "the tiles of a still", "file hashes runs salts")
    salts = canonical.unb64(tiles["salts"], "salts")
    if len(salts) % 32:
        raise MalformedError("the salts of a still are not 32 bytes each")
    return Pieces(
        parse_table(got["table"]),
        text(got["picture"], "the picture of a still"),
        text(tiles["file"], "the tiles of a still"),
        parse_several(tiles, len(salts) // 32),
    )
