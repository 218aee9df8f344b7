"""Which extension an exhibit gets, from its first bytes: its own name may say too much, or lie."""

from __future__ import annotations

from typing import Final

HEAD_BYTES: Final = 200
_MAGIC: Final = (
    (0, b"\xff\xd8\xff", "jpg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"GIF8", "gif"),
    (0, b"%PDF-", "pdf"),
    (0, b"\x1aE\xdf\xa3", "mkv"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"fLaC", "flac"),
    (0, b"ID3", "mp3"),
    (0, b"OggS", "ogg"),
    (0, b"II*\x00", "tif"),
    (0, b"MM\x00*", "tif"),
    (4, b"ftypqt", "mov"),
    *((4, b"ftyp" + brand, "heic") for brand in (b"heic", b"heix", b"heim", b"heis", b"mif1")),
    *((4, b"ftyp" + brand, "heics") for brand in (b"hevc", b"hevx", b"hevm", b"hevs", b"msf1")),
    *((4, b"ftyp" + brand, "avif") for brand in (b"avif", b"avis")),
    (4, b"ftypcrx ", "cr3"),
    (4, b"ftyp", "mp4"),
    (4, b"moov", "mov"),
    (4, b"mdat", "mov"),
    (8, b"AVI ", "avi"),
    (8, b"WAVE", "wav"),
    (8, b"WEBP", "webp"),
)


def extension_of(head: bytes) -> str:
    """Return an extension without dot; ``bin`` for what is not recognised."""
    if head[:1] == b"G" and len(head) > 188 and head[188:189] == b"G":
        return "ts"
    for offset, magic, extension in _MAGIC:
        if head[offset:].startswith(magic):
            return extension
    if head and all(byte >= 32 or byte in b"\t\n\r\f" for byte in head):
        return "txt"
    return "bin"
