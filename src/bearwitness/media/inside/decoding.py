"""Turning packets of one video stream into frames, with an account of every packet that gave none."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..model import BROKEN, CORRUPT, HIDDEN, LOST, NO_FRAME, UNTIMED
from ..spacing import Spacing
from .opening import reason_of

_REORDER_MAX: Final = 64  # so many packets after a frame's own it must have come out: 16 B-frames, 16 threads
_FLUSHES_MAX: Final = 256
_VP8_SHOW_FRAME: Final = 0x10


@dataclass(frozen=True)
class Decoded:
    """A frame and its time, guessed where the container told none."""

    index: int
    pts: int
    frame: VideoFrame


@dataclass(frozen=True)
class Told:
    """A trouble, in the words of the wire."""

    kind: str
    packet: int
    pts: int | None
    reason: str


class Decoder:
    """Decodes one video stream of an open container from where it stands."""

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        *,
        key_only: bool,
        start: Fraction | None = None,
        every: Fraction | None = None,
        saved: int = 0,
    ) -> None:
        """With `key_only` all else is not decoded, nor are key frames before `start` or oftener than `every`.

        Both are in seconds. `saved`: see Spacing.
        """
        self._container, self._stream, self._key_only = container, stream, key_only
        base = Fraction(stream.time_base or 1)
        self._start = start / base if start is not None else None
        self._spacing = Spacing(every / base, saved, self._start) if every else None  # of key frames
        self._pending: dict[int, tuple[int | None, bool, str]] = {}  # packet: pts, hidden, what went wrong
        self._by_pts: dict[int, int] = {}
        self._frames = itertools.count()
        self._packets = 0
        self._last: int | None = None
        self._step = _usual_step(stream)

    def run(self) -> Iterator[Decoded | Told]:
        """Yield frames in the order they are shown, and troubles as they become known."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, PermissionError) as error:
                yield Told(
                    BROKEN, self._packets, self._last, f"the container can not be read on: {reason_of(error)}"
                )
                break
            if packet is None or (packet.size == 0 and packet.pts is None and packet.dts is None):
                break
            if self._key_only and (not packet.is_keyframe or self._is_early(packet.pts)):
                continue
            yield from self._feed(packet)
        yield from self._flush()
        yield from self._overdue(self._packets)

    def _is_early(self, pts: int | None) -> bool:
        """Say whether a key frame comes before the start, or too soon after the last that was decoded."""
        if pts is None:
            return False
        if self._start is not None and pts < self._start:
            return True
        return self._spacing is not None and not self._spacing.takes(Fraction(pts))

    def _feed(self, packet: Packet[VideoStream]) -> Iterator[Decoded | Told]:
        number, self._packets = self._packets, self._packets + 1
        if _is_shown(packet, self._stream.codec_context.name):
            packet.opaque = number
            self._pending[number] = (packet.pts, packet.is_discard, "")
            if packet.pts is not None:
                self._by_pts[packet.pts] = number
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            if number in self._pending:
                self._pending[number] = (packet.pts, packet.is_discard, reason_of(error))
            frames = []
        for frame in frames:
            yield from self._out(frame)
        yield from self._overdue(self._packets - _REORDER_MAX)

    def _flush(self) -> Iterator[Decoded | Told]:
        for _ in range(_FLUSHES_MAX):  # each error takes one broken frame out of the decoder
            try:
                frames = self._stream.codec_context.decode(None)
            except av.EOFError:
                return
            except av.FFmpegError as error:
                reason_of(error)  # for its MemoryError
                continue
            for frame in frames:
                yield from self._out(frame)
            return

    def _out(self, frame: VideoFrame) -> Iterator[Decoded | Told]:
        number = self._settle(frame)
        pts = frame.pts if frame.pts is not None else frame.dts
        if pts is None:
            pts = 0 if self._last is None else self._last + self._step
            yield Told(UNTIMED, number, pts, "the frame has no time; it was guessed from the one before")
        elif self._last is not None and pts > self._last:
            self._step = pts - self._last
        self._last = pts
        if frame.is_corrupt:
            yield Told(CORRUPT, number, pts, "the decoder had to make up parts of this frame")
        yield Decoded(next(self._frames), pts, frame)

    def _settle(self, frame: VideoFrame) -> int:
        """Cross off the packet this frame came of; return its number."""
        number = frame.opaque if isinstance(frame.opaque, int) else None
        if number is None and frame.pts is not None:
            number = self._by_pts.get(frame.pts)
        if number is None:
            number = min(self._pending, default=self._packets)
        pts, _, _ = self._pending.pop(number, (None, False, ""))
        if pts is not None:
            self._by_pts.pop(pts, None)
        return number

    def _overdue(self, before: int) -> Iterator[Told]:
        """Tell of the packets before number `before` of which no frame came."""
        for number in list(itertools.takewhile(lambda n: n < before, self._pending)):
            pts, hidden, reason = self._pending.pop(number)
            if pts is not None:
                self._by_pts.pop(pts, None)
            if hidden:
                yield Told(HIDDEN, number, pts, "the container says not to show this frame")
            else:
                yield Told(LOST, number, pts, reason or NO_FRAME)


def _is_shown(packet: Packet[VideoStream], codec: str) -> bool:
    """Say whether a packet must give a frame: some of VP8 only prepare others."""
    if codec != "vp8" or packet.size == 0:
        return True
    return bool(bytes(packet)[0] & _VP8_SHOW_FRAME)


def _usual_step(stream: VideoStream) -> int:
    rate, base = stream.average_rate, stream.time_base
    return max(1, round(1 / (Fraction(rate) * Fraction(base)))) if rate and base else 1
