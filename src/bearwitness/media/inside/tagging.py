"""Embedded metadata, in the locked child: EXIF of pictures (Pillow), tags of containers (PyAV), traces of
C2PA.

The answer is JSON ``{"format", "tags": {name: text}, "c2pa": [where found], "unread": [what], "trouble"}``.
Names are those of the format; what they mean is told apart in the parent (``metadata.py``). That no C2PA
manifest was found says nothing of a picture being genuine or not. `unread`: see unread.py
and passed_over.py.
"""

from __future__ import annotations

import json
from typing import Any, Final

import PIL.ExifTags
import PIL.Image

from bearwitness.sandbox.channel import ParentGoneError
from bearwitness.sandbox.tasks import Task

from .opening import Bytes, bytes_of, open_container
from .passed_over import unread_of
from .stream import as_file
from .unread import unread

PIL.Image.MAX_IMAGE_PIXELS = None  # no picture is decoded here
PIL.Image.init()  # its readers are loaded when they are met first, and in the child that can not be later

_TEXT_MAX: Final = 500
_TAGS_MAX: Final = 500
_BOXES_MAX: Final = 10_000
_C2PA_UUID: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_JUMBF: Final = b"jumb"
_HEAD_BYTES: Final = 4 << 20


def read_metadata(task: Task) -> bytes:
    """Return the answer for the source of `task`; its argument is the kind of item."""
    source, kind = bytes_of(task), task.arguments.decode()
    told: dict[str, Any] = {"format": "", "tags": {}, "c2pa": [], "unread": [], "trouble": ""}
    steps = [_picture] if kind == "image" else [_container]
    for step in (*steps, _c2pa):
        try:
            step(source, told)
        except (ParentGoneError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - libraries raise anything over hostile files
            told["trouble"] = f"{type(error).__name__}: {error}"[:200]
    return json.dumps(told).encode()


def _add(told: dict[str, Any], name: str, value: object) -> None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace").strip("\x00")
    text = "".join(c for c in _unicode(str(value)) if c.isprintable())[:_TEXT_MAX].strip()
    if text and len(told["tags"]) < _TAGS_MAX:
        told["tags"][name] = text


def _unicode(text: str) -> str:
    """Return what a phone meant that wrote UTF-8 where EXIF has ASCII only and Pillow reads Latin-1."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _picture(source: Bytes, told: dict[str, Any]) -> None:
    with PIL.Image.open(as_file(source)) as image:
        told["format"] = str(image.format)
        _add(told, "size", f"{image.width}x{image.height}")
        exif = image.getexif()
        for number, value in exif.items():
            _add(told, PIL.ExifTags.TAGS.get(number, f"0x{number:04x}"), value)
        for number, value in exif.get_ifd(PIL.ExifTags.IFD.Exif).items():
            name = PIL.ExifTags.TAGS.get(number, f"0x{number:04x}")
            if name not in ("MakerNote", "UserComment") or isinstance(value, str):
                _add(told, name, value)
        gps = exif.get_ifd(PIL.ExifTags.IFD.GPSInfo)
        for number, value in gps.items():
            plain = " ".join(str(float(part)) for part in value) if isinstance(value, tuple) else value
            _add(told, PIL.ExifTags.GPSTAGS.get(number, f"GPS0x{number:04x}"), plain)
        for name in ("comment", "xmp", "Description", "Software", "Author", "Creation Time"):
            if name in image.info:
                _add(told, name, image.info[name])
        told["unread"] = unread(source, image)
        if len(told["tags"]) >= _TAGS_MAX:
            told["unread"].append("tags")


def _container(source: Bytes, told: dict[str, Any]) -> None:
    with open_container(source) as container:
        told["format"] = container.format.name
        for name, value in container.metadata.items():
            _add(told, name, value)
        for stream in container.streams:
            for name, value in stream.metadata.items():
                _add(told, f"stream {stream.index} {name}", value)
        for number, chapter in enumerate(container.chapters(), 1):
            _add(told, f"chapter {number}", " ".join(map(str, chapter["metadata"].values())) or "untitled")
        told["unread"] += unread_of(source, container.format.name)
        if len(told["tags"]) >= _TAGS_MAX:
            told["unread"].append("tags")


def _c2pa(source: Bytes, told: dict[str, Any]) -> None:
    """Look where C2PA manifests lie: JPEG APP11, PNG caBX, RIFF C2PA, a uuid box."""
    head = source.pread(0, 12)
    found: list[str] = told["c2pa"]
    if head.startswith(b"\xff\xd8"):
        _jpeg(source.pread(0, _HEAD_BYTES), found)
    elif head.startswith(b"\x89PNG"):
        _chunks(source, 8, found, png=True)
    elif head[:4] == b"RIFF":
        _chunks(source, 12, found, png=False)
    elif head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"uuid"):
        _boxes(source, found)


def _jpeg(data: bytes, found: list[str]) -> None:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] not in (0xDA, 0xD9):
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xEB and _JUMBF in data[at + 4 : at + 4 + min(length, 64)]:
            found.append("JPEG APP11")
            return
        at += 2 + max(2, length)


def _chunks(source: Bytes, at: int, found: list[str], *, png: bool) -> None:
    for _ in range(_BOXES_MAX):
        head = source.pread(at, 8)
        if len(head) < 8:
            return
        name = head[4:] if png else head[:4]
        size = int.from_bytes(head[:4], "big") if png else int.from_bytes(head[4:], "little")
        if name in (b"caBX", b"C2PA"):
            found.append(f"chunk {name.decode()}")
            return
        at += 12 + size if png else 8 + size + size % 2


def _boxes(source: Bytes, found: list[str]) -> None:
    at = 0
    for _ in range(_BOXES_MAX):
        head = source.pread(at, 32)
        if len(head) < 8:
            return
        size, start = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, start = int.from_bytes(head[8:16], "big"), 16
        if head[4:8] == b"uuid" and head[start : start + 16] == _C2PA_UUID:
            found.append("box uuid")
            return
        if size < start:
            return
        at += size
