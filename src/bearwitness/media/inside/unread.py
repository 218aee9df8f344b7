"""What a file holds beside pictures and sound that our own reading of metadata (tagging.py) does not take in.

Where a picture has nothing of it a second reader could say nothing more, and need not be asked. Only JPEG and
PNG are known that well; of any other picture, and where anything looks odd, something is left unread. Of
footage the boxes of MP4 and QuickTime are looked at, and nothing of other containers.
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


_BOXES_MAX: Final = 100_000  # a stream in fragments has some for each second
_EMPTY: Final = frozenset({"free", "skip", "wide"})
_TEXTS: Final = "nam ART alb cmt cpy day dir enc gen grp lyr mak mod prd swr too wrt xyz"
# What makes a file play, and the texts that FFmpeg was seen to hand on as metadata; of tracks no further.
_KNOWN: Final = {
    "": frozenset("ftyp styp moov mdat moof mfra sidx ssix prft pdin meta udta".split()),
    "moov": frozenset("mvhd iods trak mvex meta udta".split()),
    "trak": frozenset("tkhd edts tref mdia tapt load clip matt meta udta".split()),
    "meta": frozenset("hdlr keys ilst".split()),
    "udta": frozenset(
        "meta name cprt FIRM manu modl".split()
        + [
            f"\u00a9{name}"
            for name in f"{_TEXTS} aut com dis fmt inf ope PRD prf req src trk url wrn".split()
        ]
    ),
    "ilst": frozenset(
        "---- aART apID catg covr cpil cprt desc disk gnre hdvd keyw ldes pgap purd rtng soaa soal soar soco "
        "sonm sosn stik tmpo trkn tven tvnn tves tvsh".split()
        + [f"\u00a9{name}" for name in f"{_TEXTS} st3".split()]
    ),
}


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
    return list(dict.fromkeys(found))[:_NAMES_MAX]


def unread_boxes(source: Bytes) -> list[str]:
    """Return the names of boxes of an MP4 or QuickTime file that are not known to be read, or to be empty.

    Makers put serial numbers, places and pictures into boxes of their own, which FFmpeg passes over.
    """
    found: list[str] = []
    try:
        _walk(source, 0, source.size, "", found)
    except _OddError:
        found.append("structure")
    return list(dict.fromkeys(found))[:_NAMES_MAX]


class _OddError(Exception):
    """Boxes that can not be followed."""


def _walk(source: Bytes, at: int, end: int, parent: str, found: list[str]) -> None:
    for _ in range(_BOXES_MAX):
        head = source.pread(at, min(16, end - at))
        if not head[:8].strip(b"\0"):  # the end, or what fills up to it
            if source.pread(at, min(end - at, _BYTES_MAX)).strip(b"\0"):
                raise _OddError
            return
        size, kind, begin = int.from_bytes(head[:4], "big"), head[4:8].decode("latin-1"), 8
        if size == 1:
            size, begin = int.from_bytes(head[8:16], "big"), 16
        size = end - at if size == 0 and not parent else size
        if len(head) < 8 or size < begin or at + size > end:
            raise _OddError
        if kind in _EMPTY:
            if source.pread(at + begin, min(size - begin, _BYTES_MAX)).strip(b"\0"):
                found.append(f"box {kind}")
        elif parent == "ilst" and head[4:6] == b"\0\0":
            pass  # by the number of its name among the keys
        elif kind not in _KNOWN[parent]:
            found.append(f"box {kind.encode('ascii', 'backslashreplace').decode()}")
        elif kind in _KNOWN:
            skipped = 4 if kind == "meta" and source.pread(at + begin + 4, 4) != b"hdlr" else 0
            _walk(source, at + begin + skipped, at + size, kind, found)
        at += size
    raise _OddError


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
