"""A strict reader of DER, as much of it as time stamps and certificates need (ITU-T X.690).

:class:`Reader` walks the elements inside one constructed value; every method takes the next element,
which must have the tag the method names. Leaving a ``with`` block checks that nothing follows:

    with Reader(data, "the reply") as whole, whole.sequence() as reply:
        status = reply.integer()

Lengths are definite and minimal, values have their one DER encoding, sets are in order. Anything else
raises MalformedError; nothing here recurses, depth and size are bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final, NoReturn

from .errors import MalformedError

BYTES_MAX: Final = 4 * 1024 * 1024  # a revocation list may be large, a reply has a few kilobytes
DEPTH_MAX: Final = 32  # a name in an attribute of a token lies 18 deep
INTEGER_BYTES_MAX: Final = 32  # serial numbers have up to 20 bytes, nonces as many as we chose
OID_BYTES_MAX: Final = 64

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OID: Final = 0x06
UTF8_STRING: Final = 0x0C
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31

_CONSTRUCTED, _CONTEXT, _CLASS, _NUMBER = 0x20, 0x80, 0xC0, 0x1F
_TIME = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{0,17}[1-9]))?Z\Z")


def context(number: int, *, constructed: bool = True) -> int:
    """Return the tag ``[number]``, of a constructed value unless said otherwise."""
    return _CONTEXT | (_CONSTRUCTED if constructed else 0) | number


@dataclass(frozen=True)
class Element:
    """One element: its tag, its content, and all of it as it was encoded."""

    tag: int
    content: bytes
    encoded: bytes
    _what: str = field(repr=False, compare=False)
    _depth: int = field(repr=False, compare=False)

    def reader(self, tag: int = SEQUENCE) -> Reader:
        """Return a reader of the elements inside a SEQUENCE, or whatever else `tag` stands for."""
        if self.tag != tag or not tag & _CONSTRUCTED:
            raise MalformedError(f"{self._what} has a value of type {self.tag:#04x} where {tag:#04x} belongs")
        return Reader(self.content, self._what, self._depth)


class Reader:
    """A cursor over the elements in `data`; `what` names the data in errors."""

    def __init__(self, data: bytes, what: str, depth: int = DEPTH_MAX) -> None:
        """Begin to read; `depth` is how many levels of values may be opened from here."""
        self._data, self._what, self._depth, self._at = data, what, depth, 0
        if len(data) > BYTES_MAX:
            self.fail("is too large")
        if depth < 1:
            self.fail(f"is nested deeper than {DEPTH_MAX} levels")

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.end()

    def fail(self, problem: str) -> NoReturn:
        """Raise MalformedError with what these bytes are and the `problem` with them."""
        raise MalformedError(f"{self._what} {problem}")

    def more(self) -> bool:
        """Say whether another element follows."""
        return self._at < len(self._data)

    def next_is(self, tag: int) -> bool:
        """Say whether another element follows and has `tag`."""
        return self.more() and self._data[self._at] == tag

    def end(self) -> None:
        """Check that nothing follows."""
        if self.more():
            self.fail("holds more than it should")

    def any(self) -> Element:
        """Take the next element, whatever its tag (X.690, 8.1, 10.1 and 10.2)."""
        tag, size = self._byte(), self._byte()
        if tag & _NUMBER == _NUMBER or tag == 0:
            self.fail("has a tag that does not occur here")
        if not tag & _CLASS and bool(tag & _CONSTRUCTED) != (tag | _CONSTRUCTED in (SEQUENCE, SET)):
            self.fail("is not in DER: a value is in pieces")
        start = self._at - 2
        if size & 0x80:
            size = self._long_size(size & 0x7F)
        if size > len(self._data) - self._at:
            self.fail("ends too soon")
        content = self._data[self._at : self._at + size]
        self._at += size
        return Element(tag, content, self._data[start : self._at], self._what, self._depth - 1)

    def _byte(self) -> int:
        if not self.more():
            self.fail("ends too soon")
        self._at += 1
        return self._data[self._at - 1]

    def _long_size(self, count: int) -> int:
        if not 1 <= count <= 4:
            self.fail("is not in DER: a length is indefinite or has too many bytes")
        size = 0
        for _ in range(count):
            size = size << 8 | self._byte()
        if size < 0x80 or size < 1 << 8 * (count - 1):
            self.fail("is not in DER: a length is longer than need be")
        return size

    def take(self, tag: int) -> Element:
        """Take the next element, which must have `tag`."""
        if self.more() and not self.next_is(tag):
            self.fail(f"has a value of type {self._data[self._at]:#04x} where {tag:#04x} belongs")
        return self.any()

    def optional(self, tag: int) -> Element | None:
        """Take the next element if it has `tag`."""
        return self.any() if self.next_is(tag) else None

    def sequence(self, tag: int = SEQUENCE) -> Reader:
        """Open the next element, a SEQUENCE or one tagged `tag` instead."""
        return self.take(tag).reader(tag)

    def set_of(self, tag: int = SET, *, in_order: bool = True) -> list[Element]:
        """Take the elements of the next element, a SET OF, in ascending order (X.690, 11.6)."""
        inside, elements = self.sequence(tag), []
        while inside.more():
            elements.append(inside.any())
        if in_order and any(a.encoded > b.encoded for a, b in pairwise(elements)):
            self.fail("is not in DER: a set is not in order")
        return elements

    def octets(self) -> bytes:
        """Take an OCTET STRING."""
        return self.take(OCTET_STRING).content

    def null(self) -> None:
        """Take a NULL (X.690, 8.8.2)."""
        if self.take(NULL).content:
            self.fail("is not in DER: a NULL holds something")

    def boolean(self) -> bool:
        """Take a BOOLEAN, 00 or FF (X.690, 11.1)."""
        content = self.take(BOOLEAN).content
        if content not in (b"\x00", b"\xff"):
            self.fail("is not in DER: a BOOLEAN is neither 00 nor FF")
        return content == b"\xff"

    def integer(self, tag: int = INTEGER) -> int:
        """Take an INTEGER of the fewest bytes that hold it (X.690, 8.3.2)."""
        content = self.take(tag).content
        if not 1 <= len(content) <= INTEGER_BYTES_MAX:
            self.fail("has an INTEGER of no bytes or of too many")
        value = int.from_bytes(content, "big", signed=True)
        if len(content) > 1 and -(1 << 8 * len(content) - 9) <= value < 1 << 8 * len(content) - 9:
            self.fail("is not in DER: an INTEGER is longer than need be")
        return value

    def oid(self) -> str:
        """Take an OBJECT IDENTIFIER, as dotted text (X.690, 8.19)."""
        content = self.take(OID).content
        if not 1 <= len(content) <= OID_BYTES_MAX or content[-1] & 0x80:
            self.fail("has an OBJECT IDENTIFIER that is cut off, empty or too long")
        arcs, value = [], 0
        for byte in content:
            if value == 0 and byte == 0x80:
                self.fail("is not in DER: an OBJECT IDENTIFIER is longer than need be")
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                arcs.append(value)
                value = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))

    def time(self) -> datetime:
        """Take a GeneralizedTime: UTC, a fraction without trailing zeros (X.690, 11.7).

        What is finer than a microsecond is rounded up, so that *not later than* stays true.
        """
        found = _TIME.match(self.take(GENERALIZED_TIME).content)
        if not found:
            self.fail("is not in DER: a time is not of the form YYYYMMDDhhmmss.fffZ")
        *parts, fraction = (part.decode() for part in found.groups(b""))
        micros = int(fraction[:6].ljust(6, "0")) + (len(fraction) > 6)
        try:
            year, month, day, hour, minute, second = map(int, parts)
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC) + timedelta(
                microseconds=micros
            )
        except (ValueError, OverflowError):
            self.fail("names a time that does not exist")
