"""What kind of file an item may be, by its first bytes: compared with constants, never parsed."""

from __future__ import annotations

from typing import Final

from .analyser import DOCUMENT, IMAGE, OTHER, SOUND, VIDEO

HEAD_BYTES: Final = 4096
_AT_START: Final = (
    (b"\xff\xd8\xff", IMAGE), (b"\x89PNG\r\n\x1a\n", IMAGE), (b"GIF8", IMAGE), (b"BM", IMAGE),
    (b"II*\x00", IMAGE), (b"MM\x00*", IMAGE), (b"\x1aE\xdf\xa3", VIDEO), (b"FLV\x01", VIDEO),
    (b"\x00\x00\x01\xba", VIDEO), (b"\x00\x00\x01\xb3", VIDEO), (b"DHAV", VIDEO),
    (b"0&\xb2u\x8ef\xcf\x11", VIDEO),
    (b"ID3", SOUND), (b"fLaC", SOUND), (b"#!AMR", SOUND), (b"%PDF-", DOCUMENT), (b"{\\rtf", DOCUMENT),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", DOCUMENT), (b"PK\x03\x04", DOCUMENT),
)  # fmt: skip
_IMAGE_BRANDS: Final = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis", b"crx ")
_SOUND_BRANDS: Final = (b"M4A ", b"M4B ")
_BOXES: Final = (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip", b"pnot", b"moof", b"styp")
_RIFF: Final = {b"AVI ": VIDEO, b"WAVE": SOUND, b"WEBP": IMAGE}
_TS_CELL: Final = 188
_M2TS_CELL: Final = 192


def guess(head: bytes) -> str:
    """Return the kind of a file that begins with `head` (the first 4,096 bytes, or all there are)."""
    for magic, kind in _AT_START:
        if head.startswith(magic):
            return kind
    if head[4:8] in _BOXES:
        return _of_boxes(head)
    if head[:4] in (b"RIFF", b"RF64", b"BW64", b"RIFX"):
        return _RIFF.get(head[8:12], OTHER)
    if head[:4] == b"OggS":
        return VIDEO if b"theora" in head[:128] else SOUND
    if _is_stream(head):
        return VIDEO
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) and _is_wide_text(head):
        return DOCUMENT
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06:
        return SOUND  # an MPEG audio frame without a tag before it
    return DOCUMENT if _is_text(head) else OTHER


def _of_boxes(head: bytes) -> str:
    brand = head[8:12] if head[4:8] == b"ftyp" else b""
    if brand in _IMAGE_BRANDS:
        return IMAGE
    return SOUND if brand in _SOUND_BRANDS else VIDEO


def _is_stream(head: bytes) -> bool:
    """Say whether sync bytes stand where MPEG-TS has them."""
    for cell, start in ((_TS_CELL, 0), (_M2TS_CELL, 4)):
        at = range(start, min(len(head), start + 5 * cell), cell)
        if len(at) >= 3 and all(head[place] == 0x47 for place in at):
            return True
    return False


def _is_text(head: bytes) -> bool:
    if head.startswith(b"\xef\xbb\xbf"):
        return True
    return bool(head) and not any(byte < 9 or (13 < byte < 32 and byte != 27) for byte in head)


def _is_wide_text(head: bytes) -> bool:
    """Say whether what follows a byte order mark is UTF-16: most units are of scripts with few pages."""
    pages = head[3::2] if head[0] == 0xFF else head[2::2]
    return 2 * sum(page < 0x31 for page in pages) > len(pages)
