"""Matroska and WebM out of proven packets (RFC 9559; docs/format.md, 11.3)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from .canonical import Json, integer, unb64
from .mp4_entry import fraction, numbers
from .plan import NoPlanError, Plan
from .rows import KEY, Row, Track

_UNKNOWN_SIZE: Final = b"\x01" + b"\xff" * 7
_UNITS: Final = {"cm": 1, "inch": 2, "ratio": 3, "unknown": 4}
_CROPS: Final = (0x54BB, 0x54AA, 0x54CC, 0x54DD)  # top, bottom, left, right
_NAME: Final = b"bearwitness"
_NANOSECONDS: Final = 10**9


def element(kind: int, *content: bytes) -> bytes:
    """Return an element; its size is written in 8 bytes."""
    data = b"".join(content)
    return _head(kind, len(data)) + data


def _head(kind: int, size: int) -> bytes:
    return kind.to_bytes((kind.bit_length() + 7) // 8, "big") + struct.pack(">Q", 1 << 56 | size)


def _uint(kind: int, value: int) -> bytes:
    return element(kind, struct.pack(">Q", value))


def _float(kind: int, value: float) -> bytes:
    return element(kind, struct.pack(">d", value))


def write(tracks: Sequence[Track], order: Sequence[tuple[Track, Row]]) -> Plan:
    """Return the plan of a segment of unknown size, its clusters of known size."""
    scale = tracks[0].base * _NANOSECONDS
    if any(t.base != tracks[0].base or t.codec.startswith("A_PCM") for t in tracks) or scale.denominator != 1:
        raise NoPlanError("the tracks have times or sound that Matroska does not tell")
    begin = min(row.time for _, row in order)
    end = max(row.time + row.lasts for _, row in order)
    ebml = element(
        0x1A45DFA3, _uint(0x4286, 1), _uint(0x42F7, 1), _uint(0x42F2, 4), _uint(0x42F3, 8),
        element(0x4282, tracks[0].container.encode()), _uint(0x4287, 4), _uint(0x4285, 2),
    )  # fmt: skip
    info = element(
        0x1549A966, _uint(0x2AD7B1, scale.numerator), _float(0x4489, float(end - begin)),
        element(0x4D80, _NAME), element(0x5741, _NAME),
    )  # fmt: skip
    head = ebml + b"\x18\x53\x80\x67" + _UNKNOWN_SIZE + info + element(0x1654AE6B, *map(_entry, tracks))
    return Plan(head, _before(order, begin), b"")


def _before(order: Sequence[tuple[Track, Row]], begin: int) -> list[bytes]:
    """Return the heads of blocks, and of clusters before the first block of each."""
    before: list[bytes] = []
    sizes: list[int] = []
    firsts: list[tuple[int, int]] = []  # of each cluster: number of its first packet, its time
    for number, (track, row) in enumerate(order):
        is_key = track.media == "video" and row.flags & KEY
        if not firsts or is_key or not -0x8000 <= row.time - firsts[-1][1] <= 0x7FFF:
            firsts.append((number, row.time))
        head = _vint(track.number) + struct.pack(
            ">hB", row.time - firsts[-1][1], 0x80 if row.flags & KEY else 0
        )
        block = _head(0xA3, len(head) + row.size) + head
        before.append(block)
        sizes.append(len(block) + row.size)
    for (number, time), (upto, _) in zip(firsts, [*firsts[1:], (len(order), 0)], strict=True):
        stamp = _uint(0xE7, time - begin)
        cluster = _head(0x1F43B675, len(stamp) + sum(sizes[number:upto]))
        before[number] = cluster + stamp + before[number]
    return before


def _vint(number: int) -> bytes:
    if number < 0x7F:
        return bytes([0x80 | number])
    if number < 0x3FFF:
        return struct.pack(">H", 0x4000 | number)
    raise NoPlanError("a track has a number too large for a short block")


def _entry(track: Track) -> bytes:
    decoder = track.decoder
    parts = [
        _uint(0xD7, track.number), _uint(0x73C5, track.number),
        _uint(0x83, 1 if track.media == "video" else 2), _uint(0x9C, 0), element(0x86, track.codec.encode()),
    ]  # fmt: skip
    if track.extradata:
        parts.append(element(0x63A2, track.extradata))
    for kind, name in ((0x23E383, "default_duration"), (0x56AA, "codec_delay"), (0x56BB, "seek_preroll")):
        if name in decoder:
            parts.append(_uint(kind, integer(decoder[name], name)))
    if "encoding" in decoder:
        parts.append(element(0x6D80, unb64(decoder["encoding"], "an encoding")))
    if track.media == "video":
        parts.append(_video(track))
    else:
        rate = integer(decoder.get("sample_rate"), "a sample rate")
        parts.append(
            element(
                0xE1, _float(0xB5, float(rate)), _uint(0x9F, integer(decoder.get("channels"), "channels"))
            )
        )
    return element(0xAE, *parts)


def _video(track: Track) -> bytes:
    display = track.display
    parts = [
        _uint(kind, integer(track.decoder[name], name))
        for kind, name in ((0xB0, "width"), (0xBA, "height"))
        if name in track.decoder
    ]
    parts += [
        _uint(kind, _whole(display[name]))
        for kind, name in ((0x54B0, "width"), (0x54BA, "height"))
        if name in display
    ]
    if "unit" in display:
        parts.append(_uint(0x54B2, _UNITS.get(str(display["unit"]), 4)))
    if "crop" in display:
        crop = numbers(display["crop"], 4)
        if not crop:
            raise NoPlanError("what a display cuts off is not told")
        parts += [_uint(kind, value) for kind, value in zip(_CROPS, crop, strict=True)]
    if "projection" in display:
        parts.append(element(0x7670, unb64(display["projection"], "a projection")))
    return element(0xE0, *parts)


def _whole(value: Json) -> int:
    numerator, denominator = fraction(value)
    if denominator != 1:
        raise NoPlanError("a display of Matroska has a broken number")
    return numerator
