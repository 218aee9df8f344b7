"""How much there is, and when it was sealed, in ranges that are the same for many deliveries.

A range is one of a fixed row, never drawn around the number: its middle would tell it. Counts are told by
their powers of ten, footage by powers of ten of hours, the time of sealing by the year.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from bearwitness.errors import UsageError
from bearwitness_verify.canonical import Json
from bearwitness_verify.ranges import RANGES

_HOUR: Final = 3600


@dataclass
class Amounts:
    """What adds up over the deliveries that are shown: items, bytes, whole seconds, years of sealing."""

    items: int = 0
    bytes: int = 0
    seconds: int = 0
    years: list[int] = field(default_factory=list)

    def to_json(self, names: Collection[str]) -> Json:
        """Return the ranges of these names; there must be a delivery."""
        spans = {
            "items": power_of_ten(self.items),
            "bytes": power_of_ten(self.bytes),
            "seconds": hours(self.seconds),
            "sealed": (min(self.years), max(self.years)),
        }
        return {name: {"from": str(spans[name][0]), "to": str(spans[name][1])} for name in sorted(names)}


def power_of_ten(number: int, unit: int = 1) -> tuple[int, int]:
    """Return the range of `number` in the row 0 … 9, 10 … 99, 100 … 999 …, each times `unit`."""
    high = 10
    while number >= high * unit:
        high *= 10
    return (0 if high == 10 else high // 10 * unit), high * unit - 1


def hours(seconds: int) -> tuple[int, int]:
    """Return the range in seconds: less than an hour, less than ten, less than a hundred …"""
    return (0, _HOUR - 1) if seconds < _HOUR else _from_hour(seconds)


def _from_hour(seconds: int) -> tuple[int, int]:
    low = _HOUR
    while seconds >= low * 10:
        low *= 10
    return low, low * 10 - 1


def parse_range_words(texts: Iterable[str]) -> frozenset[str]:
    """Read what --ranges names; raise UsageError."""
    words = {word.strip() for text in texts for word in text.split(",") if word.strip()}
    unknown = sorted(words - set(RANGES))
    if unknown:
        raise UsageError(f"{unknown[0]!r} is not told in ranges", f"one of: {', '.join(RANGES)}")
    return frozenset(words)
