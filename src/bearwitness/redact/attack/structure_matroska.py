"""Reads a finished Matroska or WebM file element by element and names what has no business in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .hits import Hit

CHECK: Final = "container"
_MASTERS: Final[Mapping[int, frozenset[int]]] = {
    0: frozenset({0x1A45DFA3, 0x18538067}),
    0x1A45DFA3: frozenset({0x4286, 0x42F7, 0x42F2, 0x42F3, 0x4282, 0x4287, 0x4285}),
    0x18538067: frozenset({0x1549A966, 0x1654AE6B, 0x1F43B675, 0x1C53BB6B}),
    0x1549A966: frozenset({0x2AD7B1, 0x4D80, 0x5741, 0x4489}),
    0x1654AE6B: frozenset({0xAE}),
    0xAE: frozenset({0xD7, 0x73C5, 0x9C, 0x86, 0x63A2, 0x83, 0x56AA, 0x56BB, 0x23E383, 0xE0, 0xE1}),
    0xE0: frozenset({0xB0, 0xBA, 0x54B0, 0x54BA, 0x55B0, 0x7670}),
    0xE1: frozenset({0xB5, 0x9F}),
    0x55B0: frozenset({0x55B1, 0x55B9, 0x55BA, 0x55BB}),
    0x7670: frozenset({0x7671, 0x7675}),
    0x1F43B675: frozenset({0xE7, 0xA3}),
    0x1C53BB6B: frozenset({0xBB}),
    0xBB: frozenset({0xB3, 0xB7}),
    0xB7: frozenset({0xF7, 0xF1}),
}
_APPS: Final = (0x4D80, 0x5741)
_TYPE: Final = 0x83
_KINDS: Final = {1: "video", 2: "sound"}
_ELEMENTS_MAX: Final = 20_000_000


@dataclass(slots=True)
class _Found:
    hits: list[Hit] = field(default_factory=list)
    elements: int = 0
    kinds: list[str] = field(default_factory=list)

    def hit(self, says: str) -> None:
        self.hits.append(Hit(CHECK, says))


def check(data: memoryview, sounds: int) -> tuple[int, list[Hit]]:
    """Return how many elements were looked at and what is wrong with them; `sounds`: tracks asked for."""
    found = _Found()
    try:
        _walk(data, 0, len(data), 0, found)
    except (IndexError, ValueError) as error:
        found.hit(f"its elements can not be followed ({type(error).__name__})")
    expected = ["video"] + ["sound"] * sounds
    if found.kinds != expected:
        found.hit(f"it has the tracks {' '.join(found.kinds) or 'none'} instead of {' '.join(expected)}")
    return found.elements, found.hits


def _walk(data: memoryview, at: int, end: int, parent: int, found: _Found) -> None:
    while at < end:
        kind, at = _vint(data, at, keep_marker=True)
        size, at = _vint(data, at, keep_marker=False)
        found.elements += 1
        if at + size > end or found.elements > _ELEMENTS_MAX:
            raise ValueError("an element does not fit")
        if kind not in _MASTERS[parent]:
            found.hit(f"an element {kind:X} stands in {parent or 0:X}, where none is written")
        elif kind in _APPS and bytes(data[at : at + size]) != b"-":
            found.hit("the name of a writing program stands in it")
        elif kind == _TYPE:
            found.kinds.append(_KINDS.get(int.from_bytes(data[at : at + size], "big"), "other"))
        elif kind in _MASTERS:
            _walk(data, at, at + size, kind, found)
        at += size


def _vint(data: memoryview, at: int, *, keep_marker: bool) -> tuple[int, int]:
    first = data[at]
    if not first:
        raise ValueError("a number is too long")
    length = 9 - first.bit_length()
    value = int.from_bytes(data[at : at + length], "big")
    return (value if keep_marker else value & (1 << 7 * length) - 1), at + length
