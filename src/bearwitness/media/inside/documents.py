"""Text of documents, in the locked child: PDF (pypdf), Office and OpenDocument files (ZIP, XML), HTML, RTF,
text.

The answer is JSON ``{"format", "text", "pages", "cut", "encrypted", "trouble"}``; `trouble` says what of it
could not be read. Times, memory and length are bounded by the child's limits and here.
"""

from __future__ import annotations

import html.parser
import io
import json
import re
import zipfile
from typing import Any, BinaryIO, Final
from xml.etree import ElementTree

import pypdf

from bearwitness.media.documents import is_archive
from bearwitness.media.inside.opening import bytes_of
from bearwitness.media.inside.stream import as_file
from bearwitness.sandbox.channel import ParentGoneError
from bearwitness.sandbox.tasks import Task

CHARACTERS_MAX: Final = 2_000_000
_PART_BYTES_MAX: Final = 64 << 20
_PARTS_MAX: Final = 2_000
_TEXT_BYTES_MAX: Final = 16 << 20
_NOT_LOOKED_INTO: Final = "an archive, which is not looked into"
_BREAKS: Final = frozenset(("p", "h", "br", "tab", "tr", "row", "si", "list-item", "cr"))
# Latin and Cyrillic letters in one word, or accented letters in a row: no language does that.
_MIXED: Final = re.compile("[a-zA-Z][а-яё]|[а-яё][a-zA-Z]|[à-ÿ]{2}")
_RTF: Final = re.compile(
    r"\\'([0-9a-fA-F]{2})|\\u(-?\d+)\??|\\(par|line|tab)\b ?|\\[a-z]+-?\d* ?|[{}]|\\[^a-z]|\r?\n"
)


def read_document(task: Task) -> bytes:
    """Return the answer for the source of `task`."""
    source = bytes_of(task)
    head = source.pread(0, 512)
    told: dict[str, Any] = {
        "format": "",
        "text": "",
        "pages": 0,
        "cut": False,
        "encrypted": False,
        "trouble": "",
    }
    try:
        if head.startswith(b"%PDF-"):
            _pdf(as_file(source), told)
        elif head.startswith(b"PK\x03\x04"):
            _zipped(as_file(source), told)
        elif is_archive(head):
            told["trouble"] = _NOT_LOOKED_INTO
        elif head.startswith(b"\xd0\xcf\x11\xe0"):
            told["trouble"] = "an old Office file (OLE), which is not read"
        else:
            _text(source.pread(0, min(source.size, _TEXT_BYTES_MAX)), told)
            told["cut"] = source.size > _TEXT_BYTES_MAX
    except (ParentGoneError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - libraries raise anything over hostile files
        told["trouble"] = f"{type(error).__name__}: {error}"[:200]
    if len(told["text"]) > CHARACTERS_MAX:
        told["text"], told["cut"] = told["text"][:CHARACTERS_MAX], True
    return json.dumps(told).encode()


def _pdf(file: BinaryIO, told: dict[str, Any]) -> None:
    told["format"] = "pdf"
    reader = pypdf.PdfReader(file, strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        told["encrypted"], told["trouble"] = True, "it is encrypted with a password"
        return
    pieces, length = [], 0
    for page in reader.pages:
        told["pages"] += 1
        try:
            pieces.append(page.extract_text() or "")
        except Exception as error:  # noqa: BLE001 - one page costs itself
            told["trouble"] = f"page {told['pages']}: {type(error).__name__}: {error}"[:200]
            continue
        length += len(pieces[-1])
        if length > CHARACTERS_MAX:
            told["cut"] = True
            break
    told["text"] = "\n\n".join(pieces)


def _zipped(file: BinaryIO, told: dict[str, Any]) -> None:
    """Read the parts of an Office or OpenDocument file that hold its text."""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()[:_PARTS_MAX]
        wanted = _text_parts(names)
        told["format"] = wanted[0] if wanted else "zip"
        if not wanted:
            told["trouble"] = _NOT_LOOKED_INTO
            return
        pieces, length = [], 0
        for name in wanted[1:]:
            with archive.open(name) as part:
                data = part.read(_PART_BYTES_MAX + 1)
            if len(data) > _PART_BYTES_MAX:
                told["cut"] = True
                continue
            pieces.append(_xml_text(data))
            length += len(pieces[-1])
            if length > CHARACTERS_MAX:
                told["cut"] = True
                break
        told["text"] = "\n\n".join(pieces)


def _text_parts(names: list[str]) -> list[str]:
    """Return the format and the parts with text, in order; empty if it is no document."""
    if "word/document.xml" in names:
        further = [
            n for n in names if re.fullmatch(r"word/(header|footer|footnotes|endnotes|comments)\d*\.xml", n)
        ]
        return ["docx", "word/document.xml", *sorted(further)]
    if "xl/workbook.xml" in names:
        return ["xlsx", *sorted(n for n in names if re.fullmatch(r"xl/(sharedStrings|comments\d*)\.xml", n))]
    if "ppt/presentation.xml" in names:
        slides = [n for n in names if re.fullmatch(r"ppt/(slides|notesSlides)/\w+\.xml", n)]
        return ["pptx", *sorted(slides, key=lambda n: (len(n), n))]
    if "content.xml" in names and "mimetype" in names:
        return ["odf", "content.xml"]
    return []


def _xml_text(data: bytes) -> str:
    """Return the text of an XML part; entities that a document declares itself are refused."""
    if b"<!ENTITY" in data:
        raise ValueError("it declares entities, as no office program does")
    pieces: list[str] = []
    for event, element in ElementTree.iterparse(io.BytesIO(data), ("start", "end")):  # noqa: S314 - locked child
        tag = element.tag.rpartition("}")[2]
        if event == "end":
            if tag in _BREAKS:
                pieces.append("\n")
            if element.tail:
                pieces.append(element.tail)
            continue
        if element.text:
            pieces.append(element.text)
    return "".join(pieces)


def _text(data: bytes, told: dict[str, Any]) -> None:
    if data.startswith(b"{\\rtf"):
        told["format"], told["text"] = "rtf", _rtf(data.decode("latin-1"))
        return
    text = decode(data)
    if re.match(r"\s*(<!doctype html|<html)", text, re.IGNORECASE):
        told["format"] = "html"
        parser = _Html()
        parser.feed(text)
        text = "".join(parser.pieces)
    else:
        told["format"] = "text"
    told["text"] = text


def decode(data: bytes) -> str:
    """Return text of unknown encoding: Unicode, or else the Cyrillic or Western page that fits best."""
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(name, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start > len(data) - 4:  # cut in the middle of a letter
            return data.decode("utf-8", "replace")
    candidates = [data.decode(name, "replace") for name in ("cp1251", "koi8-r", "cp866", "cp1252")]
    return max(candidates, key=_plausible)


def _plausible(text: str) -> float:
    """Say how much decoded text looks like words: small letters count, odd signs and mixtures do not."""
    sample = text[:20_000]
    high = [c for c in sample if ord(c) > 127]
    good = sum("а" <= c <= "я" or c == "ё" or "à" <= c <= "ÿ" for c in high)
    bad = sum(not c.isalpha() for c in high) + 0.5 * sum(c.isupper() for c in high)
    return good - bad - 2 * len(_MIXED.findall(sample))


def _rtf(text: str) -> str:
    """Return the text of RTF whose bytes are of code page 1251 or 1252, as Word writes them."""
    page = "cp1251" if "ansicpg1251" in text else "cp1252"

    def plain(match: re.Match[str]) -> str:
        if match[1]:
            return bytes([int(match[1], 16)]).decode(page, "replace")
        if match[2]:
            return chr(int(match[2]) % 65_536)
        return "\n" if match[3] else ""

    return _RTF.sub(plain, text)


class _Html(html.parser.HTMLParser):
    """Collects what a reader would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Enter an element."""
        self._hidden += tag in ("script", "style")
        if tag in ("p", "br", "div", "tr", "li", "h1", "h2", "h3"):
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        self._hidden = max(0, self._hidden - (tag in ("script", "style")))

    def handle_data(self, data: str) -> None:
        """Take text."""
        if not self._hidden:
            self.pieces.append(data)
