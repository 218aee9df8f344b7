"""Documents: their text and the pages of PDF, read in the sandbox; PDF written of pictures alone.

A PDF that is one of pictures alone can be told from others: written again of its pictures, it is the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bearwitness.errors import ChildFailedError, MalformedError, RefusedError
from bearwitness.sandbox.client import Sandbox
from bearwitness.sandbox.limits import Limits
from bearwitness_verify import canonical
from bearwitness_verify.canonical import integer, members

from .model import PIXELS_MAX, Picture
from .source import Source

TASKS: Final = "bearwitness.media.locked_documents"
DPI: Final = 150
TEXT: Final = "text"
_ARCHIVES: Final = (
    b"PK\x03\x04", b"PK\x05\x06", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x1f\x8b\x08", b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd",
)  # fmt: skip
_SPACES: Final = "\n\t\r\f\ufeff\xa0\u2002\u2003\u2009\u202f\u3000"
_HEAD_BYTES_MAX: Final = 4096
_LIMITS: Final = Limits(300, 120, 1 << 30, PIXELS_MAX * 3 + _HEAD_BYTES_MAX)
_MAGIC: Final = b"%PDF-"
_POINTS: Final = 72
_ITEM_BYTES_MAX: Final = 1 << 30
_PIECE: Final = 1 << 20
_READING: Final = Limits(cpu_seconds=120, wall_seconds=180, memory_bytes=1 << 30, answer_bytes_max=32 << 20)
_SHAPE: Final = {"format": str, "text": str, "pages": int, "cut": bool, "encrypted": bool, "trouble": str}
_IMAGE: Final = re.compile(
    rb"<</Type/XObject/Subtype/Image/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode"
    rb"/Width ([0-9]{1,5})/Height ([0-9]{1,5})/Length ([0-9]{1,10})>>stream\n"
)


@dataclass(frozen=True)
class Document:
    """What stands in a document, in printable text; `trouble` says what of it could not be read.

    `cut`: there is more of it. `unseen`: how many signs were left out of it that can not be seen.
    `format` is text, html, rtf, pdf, docx and so on.
    """

    format: str
    text: str
    pages: int
    cut: bool
    encrypted: bool
    trouble: str
    unseen: int = 0


def read(sandbox: Sandbox, source: Source) -> Document:
    """Return what a reader in `sandbox` (of :data:`TASKS`) finds; raise ChildFailedError."""
    files, ranges = source.handed()
    untrusted = sandbox.call("document", b"", files, _READING, ranges)
    try:
        value = json.loads(untrusted)
    except (ValueError, RecursionError):
        value = None
    sound = isinstance(value, dict) and value.keys() == _SHAPE.keys()
    if not sound or not all(type(value[name]) is kind for name, kind in _SHAPE.items()):
        raise ChildFailedError("the reader of documents answered nonsense")
    words = {name: _plain(value[name]) for name in ("format", "text", "trouble")}
    unseen = sum(not (c.isprintable() or c in _SPACES) for c in value["text"])
    return Document(
        words["format"],
        words["text"],
        value["pages"],
        value["cut"],
        value["encrypted"],
        words["trouble"],
        unseen,
    )


def is_archive(head: bytes) -> bool:
    """Say whether a file that begins so, with 512 bytes or more, is an archive; documents may be archives."""
    bzip2 = head.startswith(b"BZh") and head[4:10] == b"1AY&SY"
    return bzip2 or head.startswith(_ARCHIVES) or head[257:262] == b"ustar"  # the last: TAR


def _plain(untrusted: str) -> str:
    """Return text without signs that steer a terminal or turn a line round; line ends and tabs stay."""
    return "".join(c for c in untrusted if c.isprintable() or c in "\n\t")


def pictures_of(data: bytes) -> list[bytes]:
    """Return the JPEG files that a PDF consists of, if it is one that :func:`write` made; else nothing."""
    found: list[tuple[bytes, int, int]] = []
    at = 0
    while (match := _IMAGE.search(data, at)) is not None:
        width, height, length = map(int, match.groups())
        at = match.end() + length
        found.append((data[match.end() : at], width, height))
    return [picture for picture, _, _ in found] if found and write(found, DPI) == data else []


def is_pdf(source: Source) -> bool:
    """Say whether a file begins as PDF files do."""
    if source.size < len(_MAGIC):
        return False
    if source.read is not None:
        return source.read(0, len(_MAGIC)) == _MAGIC
    return source.descriptor is not None and os.pread(source.descriptor, len(_MAGIC), 0) == _MAGIC


@contextlib.contextmanager
def _as_file(source: Source) -> Iterator[int]:
    """Give a document as a descriptor; what comes by ranges, out of a vault, is put together in memory."""
    if source.read is None:
        (descriptor,), _ = source.handed()
        yield descriptor
        return
    if source.size > _ITEM_BYTES_MAX:
        raise RefusedError(
            f"{source.name} has {source.size} bytes, more than a document is held in memory with"
        )
    descriptor = os.memfd_create("document", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as sink:
            for at in range(0, source.size, _PIECE):
                sink.write(source.read(at, min(_PIECE, source.size - at)))
        yield descriptor
    finally:
        os.close(descriptor)


def pages(source: Source, most: int) -> tuple[Picture, ...]:
    """Return the pages of a PDF as BGR pictures; raise RefusedError, SandboxError."""
    found: list[Picture] = []
    with Sandbox(TASKS) as sandbox, _as_file(source) as descriptor:
        count = 1
        while len(found) < count:
            arguments = canonical.dumps({"page": str(len(found))})
            untrusted = sandbox.call("page", arguments, [descriptor], _LIMITS)
            count, picture = _decode(untrusted)
            if count > most:
                raise RefusedError(f"{source.name} has {count} pages, more than are redacted at once")
            found.append(picture)
    return tuple(found)


def _decode(untrusted: bytes) -> tuple[int, Picture]:
    head, found_end, pixels = untrusted.partition(b"\n")
    if not found_end or len(head) > _HEAD_BYTES_MAX:
        raise MalformedError("the sandbox gave no sound answer about a page")
    got = members(canonical.loads(head, "a page"), "a page", "height pages width")
    width, height = (
        integer(got["width"], "a width", 1, 1 << 16),
        integer(got["height"], "a height", 1, 1 << 16),
    )
    if len(pixels) != width * height * 3:
        raise MalformedError("a page has more or fewer pixels than it tells")
    count = integer(got["pages"], "a count of pages", 1, 1 << 20)
    return count, np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def write(pictures: Sequence[tuple[bytes, int, int]], dpi: int) -> bytes:
    """Return a PDF of JPEG pictures (bytes, width, height), one a page, with nothing else in it."""
    kids = " ".join(f"{3 + 3 * n} 0 R" for n in range(len(pictures)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {len(pictures)}/Kids[{kids}]>>".encode(),
    ]
    for number, (data, width, height) in enumerate(pictures):
        at = 3 + 3 * number
        w, h = width * _POINTS / dpi, height * _POINTS / dpi
        drawing = f"q {w:.3f} 0 0 {h:.3f} 0 0 cm /P Do Q".encode()
        objects += [
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {w:.3f} {h:.3f}]/Contents {at + 1} 0 R"
            f"/Resources<</XObject<</P {at + 2} 0 R>>>>>>".encode(),
            b"<</Length %d>>stream\n%s\nendstream" % (len(drawing), drawing),
            b"<</Type/XObject/Subtype/Image/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode"
            b"/Width %d/Height %d/Length %d>>stream\n%s\nendstream" % (width, height, len(data), data),
        ]
    out, places = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % at for at in places)
    out += b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)
