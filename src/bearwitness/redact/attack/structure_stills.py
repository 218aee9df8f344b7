"""Reads a finished JPEG, PNG, TIFF or PDF piece by piece and names what has no business in it."""

from __future__ import annotations

import re
import struct
import zlib
from typing import Final

from .hits import Hit

CHECK: Final = "container"
_JPEG_ALLOWED: Final = frozenset({0xC0, 0xC4, 0xDB, 0xDA, 0xE0})
_PNG_ALLOWED: Final = frozenset({b"IHDR", b"IDAT", b"IEND"})
# Sizes, compression, colours and strips.
_TIFF_ALLOWED: Final = frozenset({254, 256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 339})
_PDF_OBJECT: Final = re.compile(rb"(\d+) 0 obj\n(.*?)\nendobj\n", re.DOTALL)
_PDF_NAMES: Final = frozenset(
    b"Type Catalog Pages Count Kids Page Parent MediaBox Contents Resources XObject P Length Subtype Image "
    b"ColorSpace DeviceRGB BitsPerComponent Filter DCTDecode Width Height".split()
)
_JFIF_BYTES: Final = 16


def check(data: memoryview, kind: str, pages: int) -> tuple[int, list[Hit]]:
    """Return how many pieces were looked at and what is wrong with them."""
    try:
        looker = {"jpeg": _jpeg, "png": _png, "tiff": _tiff, "pdf": _pdf}[kind]
        pieces, wrong, found_pages = looker(bytes(data))
    except (struct.error, IndexError, ValueError, zlib.error) as error:
        return 0, [Hit(CHECK, f"its pieces can not be followed ({type(error).__name__})")]
    if found_pages != pages:
        wrong.append(f"it has {found_pages} pages or pictures instead of {pages}")
    return pieces, [Hit(CHECK, says) for says in wrong]


_Answer = tuple[int, list[str], int]


def _jpeg(data: bytes) -> _Answer:
    if data[:2] != b"\xff\xd8":
        raise ValueError("no JPEG")
    at, pieces, wrong = 2, 0, []
    while True:
        if data[at] != 0xFF:
            raise ValueError("no marker")
        marker = data[at + 1]
        pieces += 1
        if marker == 0xD9:
            break
        size = struct.unpack_from(">H", data, at + 2)[0]
        if marker not in _JPEG_ALLOWED or (marker == 0xE0 and size != _JFIF_BYTES):
            wrong.append(f"a segment {marker:02X} of {size} bytes stands in it")
        at += 2 + size
        if marker == 0xDA:
            at = _after_scan(data, at)
    if at + 2 != len(data):
        wrong.append(f"{len(data) - at - 2} bytes stand behind its end")
    return pieces, wrong, 1


def _after_scan(data: bytes, at: int) -> int:
    while True:
        at = data.index(b"\xff", at)
        if data[at + 1] and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2


def _png(data: bytes) -> _Answer:
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("no PNG")
    at, pieces, wrong, kind, packed = 8, 0, [], b"", bytearray()
    while kind != b"IEND":
        size, kind = struct.unpack_from(">I4s", data, at)
        pieces += 1
        if kind not in _PNG_ALLOWED:
            wrong.append(f"a chunk {kind!r} of {size} bytes stands in it")
        if kind == b"IDAT":
            packed += data[at + 8 : at + 8 + size]
        at += 12 + size
    if at != len(data):
        wrong.append(f"{len(data) - at} bytes stand behind its end")
    unpacker = zlib.decompressobj()
    unpacker.decompress(bytes(packed))
    if unpacker.unused_data:
        wrong.append(f"{len(unpacker.unused_data)} bytes stand behind its pixels")
    return pieces, wrong, 1


def _tiff(data: bytes) -> _Answer:
    if data[:4] != b"II*\0":
        raise ValueError("no TIFF of ours")
    used, wrong, pages, pieces = [(0, 8)], [], 0, 0
    at = struct.unpack_from("<I", data, 4)[0]
    sizes = {1: 1, 3: 2, 4: 4, 5: 8}
    while at:
        (count,) = struct.unpack_from("<H", data, at)
        used.append((at, at + 6 + 12 * count))
        values: dict[int, list[int]] = {}
        for n in range(count):
            tag, kind, length, _ = struct.unpack_from("<HHII", data, at + 2 + 12 * n)
            pieces += 1
            if tag not in _TIFF_ALLOWED or kind not in sizes:
                wrong.append(f"a tag {tag} stands in it")
                continue
            values[tag] = _tiff_values(data, at + 10 + 12 * n, kind, length, used)
        used += [(a, a + b) for a, b in zip(values.get(273, []), values.get(279, []), strict=True)]
        at = struct.unpack_from("<I", data, at + 2 + 12 * count)[0]
        pages += 1
    wrong += _unused(used, data)
    return pieces, wrong, pages


def _tiff_values(data: bytes, at: int, kind: int, count: int, used: list[tuple[int, int]]) -> list[int]:
    form, size = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4), 5: ("Q", 8)}[kind]
    if count * size > 4:
        (at,) = struct.unpack_from("<I", data, at)
        used.append((at, at + count * size))
    return list(struct.unpack_from(f"<{count}{form}", data, at))


def _unused(used: list[tuple[int, int]], data: bytes) -> list[str]:
    """Name stretches that nothing points to and that are not empty."""
    at, wrong = 0, []
    for begin, end in sorted([*used, (len(data), len(data))]):
        if any(data[at:begin]):
            wrong.append(f"{begin - at} bytes at {at} belong to nothing")
        at = max(at, end)
    return wrong


def _pdf(data: bytes) -> _Answer:
    if not data.startswith(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"):
        raise ValueError("no PDF of ours")
    at, wrong, pages, pieces = 15, [], 0, 0
    while (found := _PDF_OBJECT.match(data, at)) is not None:
        pieces += 1
        head = found[2].split(b"stream\n", 1)[0]
        unknown = set(re.findall(rb"/([A-Za-z]+)", head)) - _PDF_NAMES
        if unknown:
            wrong.append(f"an object speaks of {b', '.join(sorted(unknown)).decode('latin-1')}")
        pages += b"/Type/Page/" in head
        if b"DCTDecode" in head:
            picture = found[2].split(b"stream\n", 1)[1].removesuffix(b"\nendstream")
            wrong += _jpeg(picture)[1]
        at = found.end()
    rest = (
        rb"xref\n0 \d+\n(?:\d{10} \d{5} [fn] \n)+trailer\n<</Size \d+/Root 1 0 R>>\nstartxref\n\d+\n%%EOF\n"
    )
    if not re.fullmatch(rest, data[at:]):
        wrong.append("something else than its table stands at its end")
    return pieces, wrong, pages
