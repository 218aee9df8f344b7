"""What kind of file an item may be, by its first bytes: compared with constants, never parsed."""

from __future__ import annotations

from typing import Final

from bearwitness.media.documents import is_archive

from .analyser import DOCUMENT, IMAGE, OTHER, SOUND, VIDEO

HEAD_BYTES: Final = 4096
_AT_START: Final = (
    (b"\xff\xd8\xff", IMAGE), (b"\x89PNG\r\n\x1a\n", IMAGE), (b"GIF8", IMAGE), (b"BM", IMAGE),
    (b"II*\x00", IMAGE), (b"MM\x00*", IMAGE), (b"\x1aE\xdf\xa3", VIDEO), (b"FLV\x01", VIDEO),
    (b"\x00\x00\x01\xba", VIDEO), (b"\x00\x00\x01\xb3", VIDEO), (b"DHAV", VIDEO),
    (b"0&\xb2u\x8ef\xcf\x11", VIDEO), (b"\x00\x00\x01\xb0", VIDEO), (b"DKIF", VIDEO), (b".RMF", VIDEO),
    (b"\x06\x0e+4\x02\x05\x01\x01", VIDEO), (b"caff", SOUND), (b".snd", SOUND),
    (b"ID3", SOUND), (b"fLaC", SOUND), (b"#!AMR", SOUND), (b"%PDF-", DOCUMENT), (b"{\\rtf", DOCUMENT),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", DOCUMENT), (b"PK\x03\x04", DOCUMENT),
)  # fmt: skip
_IMAGE_BRANDS: Final = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis", b"crx ")
_SOUND_BRANDS: Final = (b"M4A ", b"M4B ")
_BOXES: Final = (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip", b"pnot", b"moof", b"styp")
_RIFF: Final = {b"AVI ": VIDEO, b"WAVE": SOUND, b"WEBP": IMAGE, b"AIFF": SOUND, b"AIFC": SOUND}
_FIRST_UNITS: Final = (b"\x67", b"\x47", b"\x27", b"\x09", b"\x40\x01", b"\x42\x01", b"\x46\x01")
_TS_CELL: Final = 188
_M2TS_CELL: Final = 192


def guess(head: bytes) -> str:
    """Return the kind of a file that begins with `head` (the first 4,096 bytes, or all there are)."""
    for magic, kind in _AT_START:
        if head.startswith(magic):
            return kind
    if head[4:8] in _BOXES:
        return _of_boxes(head)
    if head[:4] in (b"RIFF", b"RF64", b"BW64", b"RIFX") or (head[:4] == b"FORM" and head[8:12] in _RIFF):
        return _RIFF.get(head[8:12], OTHER)
    if head[:4] == b"OggS":
        return VIDEO if b"theora" in head[:128] else SOUND
    if _is_stream(head) or _is_bare_video(head):
        return VIDEO
    if is_archive(head) or (head.startswith((b"\xff\xfe", b"\xfe\xff")) and _is_wide_text(head)):
        return DOCUMENT  # of archives its reader says that it does not look into them
    if _is_bare_sound(head) or _is_bare_aac(head):
        return SOUND
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


def _is_bare_video(head: bytes) -> bool:
    """Say whether it is H.264 or H.265 without a container, as recorders export it: a first unit says so."""
    for mark in (b"\x00\x00\x00\x01", b"\x00\x00\x01"):
        if head.startswith(mark):
            return head[len(mark) :].startswith(_FIRST_UNITS)
    return False


def _is_bare_sound(head: bytes) -> bool:
    """Say whether it begins with a frame of MPEG audio, without a tag before it."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and bool(head[1] & 0x06)


def _is_bare_aac(head: bytes) -> bool:
    """Say whether frames of AAC without a container follow each other."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return False
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    after = head[length : length + 2]
    return length > 7 and (len(after) < 2 or (after[0] == 0xFF and after[1] & 0xF6 == 0xF0))


def _is_text(head: bytes) -> bool:
    if head.startswith(b"\xef\xbb\xbf"):
        return True
    return bool(head) and not any(byte < 9 or (13 < byte < 32 and byte != 27) for byte in head)


def _is_wide_text(head: bytes) -> bool:
    """Say whether what follows a byte order mark is UTF-16: most units are of scripts with few pages."""
    pages = head[3::2] if head[0] == 0xFF else head[2::2]
    return 2 * sum(page < 0x31 for page in pages) > len(pages)
