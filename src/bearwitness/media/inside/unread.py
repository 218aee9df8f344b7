"""What a picture holds beside its pixels that our own reading of metadata (tagging.py) does not take in.

Where there is nothing of it a second reader could say nothing more, and need not be asked. Only JPEG and PNG
are known that well; of any other format, and where anything looks odd, something is left unread.
"""

from __future__ import annotations

import re
from typing import Final

import PIL.ExifTags
import PIL.Image

from .opening import Bytes

_BYTES_MAX: Final = 256 << 20
_SEGMENTS_MAX: Final = 1_000
_NAMES_MAX: Final = 20
_START_OF_SCAN, _END = 0xDA, 0xD9
_JFIF, _JFIF_BYTES = 0xE0, 16  # as long as it is without a thumbnail
_BEHIND: Final = "what stands behind its end"
_MARKER: Final = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")  # of a segment, not one of the picture's own
_TABLES: Final = frozenset({0xC4, 0xCC, 0xDB, 0xDC, 0xDD, 0xDE, *range(0xC0, 0xC4), *range(0xC5, 0xCC),
                            *range(0xCD, 0xD0)})  # fmt: skip
_READ: Final = (
    (0xE0, b"JFIF\0"), (0xE1, b"Exif\0"), (0xE2, b"ICC_PROFILE\0"), (0xEE, b"Adobe"),
    (0xFE, b""),
)  # fmt: skip
_CHUNKS: Final = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP bKGD pHYs sBIT hIST acTL fcTL fdAT eXIf".split()
)


def unread(source: Bytes, image: PIL.Image.Image) -> list[str]:
    """Return the names of what is left unread in a picture that Pillow has opened; in the locked child."""
    head = source.pread(0, 8)
    if head.startswith(b"\xff\xd8"):
        found = _of_jpeg(source.pread(0, min(source.size, _BYTES_MAX)))
    elif head.startswith(b"\x89PNG\r\n\x1a\n"):
        found = _of_png(source)
    else:
        return ["format"]
    exif = image.getexif()
    if exif.get_ifd(PIL.ExifTags.IFD.IFD1):
        found.append("a thumbnail")  # what it shows may be more than the picture does
    inner = exif.get_ifd(PIL.ExifTags.IFD.Exif)
    for tag in (PIL.ExifTags.Base.MakerNote, PIL.ExifTags.Base.UserComment):
        if inner.get(tag):
            found.append(tag.name)
    names = list(dict.fromkeys(found))
    return [*names[:_NAMES_MAX], *(["and more"] if len(names) > _NAMES_MAX else [])]


def _of_jpeg(data: bytes) -> list[str]:
    """Walk the segments, those of the picture itself among them, to the end: phones hang films behind it."""
    at, found = 2, list[str]()
    for _ in range(_SEGMENTS_MAX):
        if at + 2 > len(data) or data[at] != 0xFF:
            return [*found, "structure"]
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _END:
            return [*found, *([_BEHIND] if data[at + 2 :].strip(b"\0") else [])]
        if length < 2:
            return [*found, "structure"]
        body = data[at + 4 : at + 20]
        known = marker == _START_OF_SCAN or marker in _TABLES
        if not known and not any(marker == m and body.startswith(start) for m, start in _READ):
            found.append(f"segment {marker:02x}")
        elif marker == _JFIF and length != _JFIF_BYTES:
            found.append("a thumbnail")
        at += 2 + length
        if marker == _START_OF_SCAN:
            following = _MARKER.search(data, at)
            if following is None:
                return [*found, "structure"]
            at = following.end() - 2
    return [*found, "structure"]


def _of_png(source: Bytes) -> list[str]:
    at, found = 8, list[str]()
    for _ in range(_SEGMENTS_MAX * 10):
        head = source.pread(at, 8)
        if len(head) < 8:
            return [*found, "structure"]
        if head[4:] not in _CHUNKS:
            found.append(f"chunk {head[4:].decode('ascii', 'replace')}")
        at += 12 + int.from_bytes(head[:4], "big")
        if head[4:] == b"IEND":
            return [*found, *([_BEHIND] if source.pread(at, _BYTES_MAX).strip(b"\0") else [])]
    return [*found, "structure"]
