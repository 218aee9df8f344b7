"""What a release tells of its deliveries in ranges instead of numbers (docs/format.md, 11.8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from .canonical import Json, integer, members
from .errors import MalformedError

RANGES: Final = ("bytes", "items", "sealed", "seconds")
_WORDS: Final = {
    "bytes": "{} to {} bytes",
    "items": "{} to {} items",
    "sealed": "sealed in the years {} to {}",
    "seconds": "{} to {} seconds of footage",
}


def parse_ranges(value: Json) -> Mapping[str, tuple[int, int]]:
    """Read the ranges, each from a number to another that is not less; raise MalformedError."""
    got = members(value, "the ranges", "", " ".join(RANGES))
    if not got:
        raise MalformedError("a release has ranges, and none is told")
    found = {}
    for name, one in got.items():
        span = members(one, "a range", "from to")
        low, high = integer(span["from"], "a range"), integer(span["to"], "a range")
        if low > high:
            raise MalformedError("a range ends before it begins")
        found[name] = (low, high)
    return found


def in_words(ranges: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    """Yield what is told, for people."""
    for name, (low, high) in sorted(ranges.items()):
        one_year = name == "sealed" and low == high
        yield f"sealed in the year {low}" if one_year else _WORDS[name].format(low, high)
