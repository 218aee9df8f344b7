"""TIFF of pixels alone: one page after the other, each a strip packed with deflate. Nothing else is in it.

Pillow's writer leaves the header of each further page standing between them, which our own attack refuses.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np

from bearwitness.media.model import Picture

_SHORT, _LONG = 3, 4
_DEFLATE: Final = 8
_DIFFERENCES: Final = 2  # of neighbours in a row, which pack better
_RGB: Final = 2


def write(pages: Sequence[Picture]) -> bytes:
    """Return a TIFF (6.0, little-endian) of BGR pages (height, width, 3)."""
    out = bytearray(b"II*\0" + struct.pack("<I", 8))
    for number, page in enumerate(pages):
        height, width = page.shape[:2]
        rgb = np.ascontiguousarray(page[:, :, ::-1])
        rows = rgb.copy()
        rows[:, 1:] -= rgb[:, :-1]
        strip = zlib.compress(rows.tobytes(), 6)
        entries = (
            (256, _LONG, 1, width), (257, _LONG, 1, height), (258, _SHORT, 3, 0), (259, _SHORT, 1, _DEFLATE),
            (262, _SHORT, 1, _RGB), (273, _LONG, 1, 0), (277, _SHORT, 1, 3), (278, _LONG, 1, height),
            (279, _LONG, 1, len(strip)), (284, _SHORT, 1, 1), (317, _SHORT, 1, _DIFFERENCES),
        )  # fmt: skip
        behind = len(out) + 2 + 12 * len(entries) + 4
        places = {258: behind, 273: behind + 8}
        out += struct.pack("<H", len(entries))
        for tag, kind, count, value in entries:
            out += struct.pack("<HHII", tag, kind, count, places.get(tag, value))
        end = behind + 8 + len(strip)
        end += end % 2
        out += struct.pack("<I", end if number + 1 < len(pages) else 0)
        out += struct.pack("<3H", 8, 8, 8) + b"\0\0" + strip
        out += bytes(end - len(out))
    return bytes(out)
