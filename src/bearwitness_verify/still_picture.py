"""The picture of a still: a PNG made from its shown tiles by rules, byte for byte (docs/format.md, 11.4)."""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Mapping, Sequence
from typing import Final

from .errors import ProofError
from .stills import TILE, Frame, Layout

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_BLOCK_BYTES: Final = 65_535
_SHIFT: Final = 512  # so that no index of the clamping table is negative
_HALF: Final = 32_768
_CLAMP: Final = bytes(min(255, max(0, n - _SHIFT)) for n in range(3 * _SHIFT))
_GREY: Final = 128
_COLOURS: Final = {
    ("bt601", "limited"): (16, 76309, 104597, 25675, 53279, 132201),
    ("bt601", "full"): (0, 65536, 91881, 22553, 46802, 116130),
    ("bt709", "limited"): (16, 76309, 117489, 13975, 34925, 138438),
    ("bt709", "full"): (0, 65536, 103206, 12276, 30679, 121609),
    ("bt2020", "limited"): (16, 76309, 110014, 12277, 42626, 140363),
    ("bt2020", "full"): (0, 65536, 96639, 10784, 37444, 123299),
}


def picture(frame: Frame, tiles: Mapping[int, bytes]) -> bytes:
    """Return the PNG of a frame of which the payloads of some `tiles` are shown; raise ProofError."""
    layout = frame.layout
    planes = _planes(layout, tiles)
    colours = _Colours(frame)
    pixels = bytearray()
    for row in range(layout.height):
        line = colours.line(planes, layout, row)
        first = row // TILE * layout.columns
        for column in range(layout.columns):
            if first + column not in tiles:
                left, right = column * TILE, min(layout.width, (column + 1) * TILE)
                line[4 * left : 4 * right] = bytes(4 * (right - left))
        pixels += line
    width, height, turned = _turned(bytes(pixels), layout.width, layout.height, frame.turn)
    return _png(width, height, turned)


def _planes(layout: Layout, tiles: Mapping[int, bytes]) -> list[bytearray]:
    """Return planes of 8 bits a sample in which the shown tiles stand; all else is 0."""
    planes = []
    for number in range(len(layout.planes)):
        width, height = layout.side(number)
        planes.append(bytearray(width * height))
    for tile, payload in tiles.items():
        samples, at = _eight_bits(payload) if layout.sample_bytes == 2 else payload, 0
        for number, (left, right, top, low) in enumerate(layout.parts(tile)):
            plane, width, step = planes[number], layout.side(number)[0], right - left
            for begin in range(top * width + left, low * width + left, width):
                plane[begin : begin + step] = samples[at : at + step]
                at += step
    return planes


def _eight_bits(payload: bytes) -> bytes:
    """Return the upper eight of ten bits a sample; raise ProofError for a sample of more than ten."""
    values = array("H", payload)
    if struct.pack("=H", 1) != struct.pack("<H", 1):
        values.byteswap()
    if max(values) > 1023:
        raise ProofError("a sample of a still is larger than ten bits hold")
    return bytes(value >> 2 for value in values)


class _Colours:
    """Turns lines of samples into lines of red, green, blue, opacity."""

    def __init__(self, frame: Frame) -> None:
        black, luma, red, green_u, green_v, blue = _COLOURS[frame.matrix, frame.range]
        self._luma = [luma * (y - black) + _HALF + (_SHIFT << 16) for y in range(256)]
        self._red = [red * (v - 128) for v in range(256)]
        self._blue = [blue * (u - 128) for u in range(256)]
        self._green = [green_u * (u - 128) for u in range(256)], [green_v * (v - 128) for v in range(256)]

    def line(self, planes: Sequence[bytearray], layout: Layout, row: int) -> bytearray:
        """Return a line of pixels, none of them hidden."""
        width = layout.width
        lumas = [self._luma[y] for y in planes[0][row * width : (row + 1) * width]]
        if len(planes) == 1:
            us = vs = bytes([_GREY]) * width
            across = 0
        else:
            across, down = layout.planes[1]
            chroma = layout.side(1)[0]
            us, vs = (
                bytes(plane[(row >> down) * chroma : ((row >> down) + 1) * chroma]) for plane in planes[1:]
            )
        reds = [self._red[v] for v in vs]
        greens = [self._green[0][u] + self._green[1][v] for u, v in zip(us, vs, strict=True)]
        blues = [self._blue[u] for u in us]
        if across:
            reds, greens, blues = (_doubled(some, width) for some in (reds, greens, blues))
        out = bytearray(b"\xff") * (4 * width)
        out[0::4] = bytes([_CLAMP[y + c >> 16] for y, c in zip(lumas, reds, strict=True)])
        out[1::4] = bytes([_CLAMP[y - c >> 16] for y, c in zip(lumas, greens, strict=True)])
        out[2::4] = bytes([_CLAMP[y + c >> 16] for y, c in zip(lumas, blues, strict=True)])
        return out


def _doubled(values: list[int], width: int) -> list[int]:
    out = [0] * (2 * len(values))
    out[0::2] = out[1::2] = values
    return out[:width]


def _turned(pixels: bytes, width: int, height: int, turn: int) -> tuple[int, int, bytes]:
    """Return sides and pixels turned counterclockwise by so many quarters."""
    if not turn:
        return width, height, pixels
    whole = array("I")  # four bytes each on every platform Python runs on; they are moved, never read
    whole.frombytes(pixels)
    if turn == 2:
        return width, height, whole[::-1].tobytes()
    columns = [whole[column::width] for column in range(width)]
    rows = columns[::-1] if turn == 1 else [column[::-1] for column in columns]
    return height, width, b"".join(row.tobytes() for row in rows)


def _png(width: int, height: int, pixels: bytes) -> bytes:
    data = b"".join(b"\x00" + pixels[at : at + 4 * width] for at in range(0, len(pixels), 4 * width))
    blocks = [data[at : at + _BLOCK_BYTES] for at in range(0, len(data), _BLOCK_BYTES)]
    stream = [b"\x78\x01"]
    for number, block in enumerate(blocks, start=1):
        last, length = number == len(blocks), len(block)
        stream += [struct.pack("<BHH", last, length, length ^ 0xFFFF), block]
    stream.append(struct.pack(">I", zlib.adler32(data)))
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", head) + _chunk(b"IDAT", b"".join(stream)) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
