"""Pictures and sound in media data without an index: which bytes are one picture, which one AAC frame.

H.264 and H.265 write each NAL unit behind its length (ISO/IEC 14496-15), so a picture ends where the next
begins. AAC frames (raw_data_block of ISO/IEC 14496-3) tell no length: one ends where the next frame, or a
picture, may begin, and where the decoder takes it whole, which it does not if a byte is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import av
from av.packet import Packet

from bearwitness.media.inside.opening import Bytes

_UNIT_MAX: Final = 16 << 20
_UNITS_MAX: Final = 600  # of one picture
_H264_NOT_REFERENCE: Final = frozenset((6, 9, 10, 11, 12))
_H264_SLICES: Final = frozenset((1, 5))
_H264_BEFORE: Final = frozenset((6, 7, 8, 9))
_HEVC_BEFORE: Final = frozenset((32, 33, 34, 35, 39))
_SINGLE: Final = 0b000_0000  # one channel, number 0
_PAIR: Final = 0b001_0000
_FRAME_BYTES_A_CHANNEL: Final = 768  # ISO/IEC 14496-3: 6,144 bits


@dataclass(frozen=True)
class Picture:
    """An access unit: where it lies, its bytes, whether it decodes without others."""

    offset: int
    size: int
    key: bool


class Pictures:
    """Finds access units of H.264 (`hevc` False) or H.265, lengths written in `length_bytes` bytes."""

    def __init__(self, source: Bytes, end: int, length_bytes: int, *, hevc: bool) -> None:
        self._source, self._end, self._bytes, self._hevc = source, end, length_bytes, hevc

    def at(self, offset: int) -> Picture | None:
        """Return the picture that begins at `offset`, None where none does or it is cut off."""
        at, key, sliced = offset, False, False
        for _ in range(_UNITS_MAX):
            head = self._source.pread(at, self._bytes + 3)
            size = int.from_bytes(head[: self._bytes], "big")
            kind = self._kind(head[self._bytes :]) if at + self._bytes + size <= self._end else None
            if kind is None or not 2 <= size <= _UNIT_MAX:
                break
            slice_, first, before, independent = kind
            if sliced and (before or (slice_ and first)):
                break
            if slice_ and not sliced and not first:
                return None  # the rest of a picture whose beginning is not here
            key = key or independent
            sliced = sliced or slice_
            at += self._bytes + size
        return Picture(offset, at - offset, key) if sliced else None

    def begins(self, head: bytes) -> bool:
        """Say whether a picture may begin with these bytes: a length that fits, a known kind of unit."""
        size = int.from_bytes(head[: self._bytes], "big")
        return 2 <= size <= _UNIT_MAX and self._kind(head[self._bytes :]) is not None

    def _kind(self, unit: bytes) -> tuple[bool, bool, bool, bool] | None:
        """Return (slice, the picture's first, stands before a picture, key) of a unit, None for nonsense."""
        if len(unit) < 3 or unit[0] & 0x80:
            return None
        if self._hevc:
            kind, layer, level = unit[0] >> 1 & 63, (unit[0] & 1) << 5 | unit[1] >> 3, unit[1] & 7
            if layer or not level or not (kind <= 9 or 16 <= kind <= 21 or 32 <= kind <= 40):
                return None
            return kind < 32, bool(unit[2] & 0x80), kind in _HEVC_BEFORE, 16 <= kind <= 21
        kind, reference = unit[0] & 31, unit[0] >> 5
        if (
            not 1 <= kind <= 12
            or (kind == 5) > bool(reference)
            or (kind in _H264_NOT_REFERENCE and reference)
        ):
            return None
        return kind in _H264_SLICES, bool(unit[1] & 0x80), kind in _H264_BEFORE, kind == 5


class Sounds:
    """Finds AAC frames; `configuration` is the AudioSpecificConfig."""

    def __init__(
        self, source: Bytes, end: int, configuration: bytes, channels: int, pictures: Pictures
    ) -> None:
        self._source, self._end, self._pictures = source, end, pictures
        self._most = _FRAME_BYTES_A_CHANNEL * max(1, channels)
        self._decoder: Any = av.CodecContext.create("aac", "r")
        self._decoder.extradata = configuration
        # What frames begin with: three bits say which element, four its number. Others are learnt.
        self._begins = {1: {_SINGLE}, 2: {_PAIR}}.get(channels, {_SINGLE, _PAIR})

    def at(self, offset: int) -> int:
        """Return the size of the frame that begins at `offset`, 0 where none does."""
        data = self._source.pread(offset, min(self._most + 8, self._end - offset))
        if len(data) < 2:
            return 0
        for size in range(4, min(self._most, len(data)) + 1):
            if self._may_follow(data[size : size + 8]) and self._decodes(data[:size]):
                self._begins.add(data[0] >> 1)
                return size
        return 0

    def _may_follow(self, rest: bytes) -> bool:
        return not rest or rest[0] >> 1 in self._begins or self._pictures.begins(rest)

    def _decodes(self, data: bytes) -> bool:
        try:
            frames = self._decoder.decode(Packet(data))
        except av.FFmpegError:
            self._decoder.flush_buffers()
            return False
        return len(frames) == 1
