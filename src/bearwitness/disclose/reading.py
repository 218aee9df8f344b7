"""What stands in a text or PDF that is to go out whole, as those who approve must accept it, by name.

Rules of thumb find names, telephones, ids, paths; what they find is told line by line and has to be accepted.
That they find nothing proves nothing: so one finding is always there, and says that a text is to be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from bearwitness.custody.statements import LINE_LENGTH_MAX
from bearwitness.media.documents import TEXT, Document
from bearwitness.media.model import MediaError

from . import identifiers

PAGES_MAX: Final = 200
FINDINGS_MAX: Final = 500
_PDF: Final = "pdf"
_WINDOW: Final = 4000
_OVERLAP: Final = 200
_CAPITAL: Final = "[A-Z\u00c0-\u00de\u0410-\u042f\u0401]"
_SMALL: Final = "[a-z\u00df-\u00ff\u0430-\u044f\u0451'\u2019-]"
_PATTERNS: Final = {
    "name": re.compile(
        rf"\b{_CAPITAL}{_SMALL}+(?:[ \t]+{_CAPITAL}{_SMALL}+){{1,3}}"
        rf"|\b{_CAPITAL}\.[ \t]?(?:{_CAPITAL}\.[ \t]?)?(?:{_CAPITAL}{_SMALL}+|(?<=\. ){_CAPITAL}\.|(?<=\.))"
        rf"|\b{_CAPITAL}{_SMALL}+[ \t]+{_CAPITAL}\.(?:[ \t]?{_CAPITAL}\.)?"
    ),
    "path": re.compile(r"\b[A-Za-z]:\\\\?[^\s\"<>|]{2,200}|(?<![\w/])/[\w.-]{2,60}(?:/[\w.@ -]{1,60}){1,20}"),
    "number": re.compile(r"(?<![\w.])\d(?:[ ()-]?\d){5,18}(?![\w.])"),
}


def whole_text(told: Document, name: str) -> str:
    """Return all that stands in a document; raise MediaError unless all of it could be read."""
    if told.format not in (TEXT, _PDF):
        raise MediaError(
            f"{name} is {told.format or 'something'} that may hold more than it shows: print it to PDF or "
            "plain text, seal that, and release it"
        )
    if told.unseen:
        raise MediaError(f"{name} holds {told.unseen} signs that can not be seen: nobody knows what they do")
    if told.trouble or told.cut or told.encrypted:
        why = told.trouble or ("it is encrypted" if told.encrypted else "it is too long")
        raise MediaError(f"what stands in {name} can not be read whole: {why}")
    if told.pages > PAGES_MAX:
        raise MediaError(
            f"{name} has {told.pages} pages, and {PAGES_MAX} are looked at at most: take it apart"
        )
    return told.text


def words_of(told: Document) -> list[str]:
    """Return what people must accept, ascending; raise MediaError where it is more than anybody reads."""
    lines, signs = sum(bool(line.strip()) for line in told.text.splitlines()), len(told.text)
    what = f"a PDF of {told.pages} pages, which may hold more than they show" if told.pages else "a text"
    found = {f"{what}: {lines} lines, {signs} characters, to be read whole by those who approve"}
    for line in told.text.splitlines():
        for part in _windows(line):
            found |= set(_found(part))
    if len(found) > FINDINGS_MAX:
        raise MediaError(
            f"{len(found)} names, numbers and paths stand in it, more than anybody accepts one by one: "
            "redact it as a PDF, or tell what matters in words (--statement)"
        )
    return sorted(found)


def _found(text: str) -> Iterator[str]:
    for one in identifiers.find(text):
        yield _line(one.kind, one.text)
    for kind, pattern in _PATTERNS.items():
        for match in pattern.finditer(text):
            yield _line(kind, match[0])


def _line(kind: str, text: str) -> str:
    return " ".join(f"text, {kind}: {text}".split())[:LINE_LENGTH_MAX].strip()


def _windows(line: str) -> Iterator[str]:
    for at in range(0, max(1, len(line)), _WINDOW - _OVERLAP):
        yield line[at : at + _WINDOW]
