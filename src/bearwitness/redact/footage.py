"""One file of footage as redaction needs it: facts, packets, frames, all from the sandbox, nothing left out.

Whatever does not decode refuses the file: a frame no detector saw can not be handed on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import ClassVar, Final

import numpy as np

from bearwitness.errors import RefusedError
from bearwitness.media.frames import frames as decoded_frames
from bearwitness.media.model import BGR24, HIDDEN, DecodeTrouble, Facts, Frame, Sound, Stream
from bearwitness.media.packets import packets
from bearwitness.media.probe import probe
from bearwitness.media.sound import sound
from bearwitness.media.source import Source
from bearwitness.sandbox.client import Sandbox

from .muxing.model import Colour, Packet, with_decoding_times
from .plan import Picture

_QUARTER: Final = 90
_FULL_RANGE: Final = "yuvj420p"
_PLAIN: Final = "yuv420p"
_TOLD_FULL: Final = 2
_UNTOLD: Final = 2
_PLAIN_RATE: Final = Fraction(25)
_SOUND_RATE: Final = 48_000


@dataclass(frozen=True)
class Footage:
    """An open file of footage; `source` is where its bytes come from."""

    sandbox: Sandbox
    source: Source
    apart: ClassVar[bool] = False

    @property
    def anew(self) -> bool:
        """Whether no packet of it may be copied: :class:`.ends.Part`."""
        return False

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.source.name

    @cached_property
    def facts(self) -> Facts:
        """What the container says; raise MediaError where it is no media."""
        return probe(self.sandbox, self.source)

    @cached_property
    def video(self) -> Stream:
        """The video stream that is kept: the first; raise RefusedError if there is none."""
        stream = self.facts.first("video")
        if stream is None or stream.time_base is None or not stream.width or not stream.height:
            raise RefusedError(f"{self.name} has no pictures to redact")
        if not stream.decodes:
            raise RefusedError(f"the pictures of {self.name} do not decode, so nobody can say what they show")
        return stream

    @property
    def time_base(self) -> Fraction:
        """Seconds a tick of the video stream takes."""
        return self.video.time_base or Fraction(1)

    @property
    def quarter_turns(self) -> int:
        """How often a picture is turned clockwise to show it; raise RefusedError if not by quarters."""
        if self.video.rotation % _QUARTER:
            raise RefusedError(
                f"{self.name} is to be shown turned by {self.video.rotation}°, not by a quarter"
            )
        return -self.video.rotation // _QUARTER % 4

    @property
    def picture(self) -> Picture:
        """What a plan says of its pictures."""
        width, height, turns = self.video.width, self.video.height, self.quarter_turns
        if turns % 2:
            width, height = height, width
        return Picture(width, height, self.time_base, turns)

    @property
    def full_range(self) -> bool:
        """Whether luma goes from 0 to 255."""
        kind = self.video.pixel_format
        return kind == _FULL_RANGE or (kind == _PLAIN and self.video.colour[3] == _TOLD_FULL)

    @property
    def colour(self) -> Colour | None:
        """How numbers become colours, None if the stream does not tell."""
        primaries, transfer, matrix, _ = self.video.colour
        if (primaries, transfer, matrix) == (_UNTOLD,) * 3:
            return None
        return Colour(primaries, transfer, matrix, self.full_range)

    @property
    def rate(self) -> Fraction:
        """Frames a second, about."""
        return self.video.rate or _PLAIN_RATE

    @property
    def sounds(self) -> list[Stream]:
        """The sound streams."""
        return [stream for stream in self.facts.streams if stream.kind == "audio" and stream.codec]

    @property
    def left_out(self) -> list[str]:
        """What else the container holds, in words: none of it is carried over."""
        kept = {self.video.index, *(sound.index for sound in self.sounds)}
        return [f"{s.kind} stream {s.index}" for s in self.facts.streams if s.index not in kept]

    def tags(self) -> list[str]:
        """Return all texts of the container's metadata, to look for in the derivative."""
        found = [value for _, value in self.facts.metadata]
        for stream in self.facts.streams:
            found += [value for _, value in stream.metadata]
        return found

    def frames(
        self,
        pixel: str = BGR24,
        *,
        upright: bool = False,
        start: Fraction | None = None,
        end: Fraction | None = None,
        every: Fraction | None = None,
    ) -> Iterator[Frame]:
        """Yield all frames, or those of a range, or one in `every` so many seconds.

        Raises RefusedError at the first that does not decode.
        """
        troubles: list[DecodeTrouble] = []
        for frame in decoded_frames(
            self.sandbox, self.source, stream=self.video.index, troubles=troubles,
            pixel=pixel, start=start, end=end, every=every,
        ):  # fmt: skip
            self._refuse(troubles)
            if (frame.rotation - self.video.rotation) % 360:
                raise RefusedError(
                    f"{self.name} is to be shown turned by {self.video.rotation}° at its beginning and by "
                    f"{frame.rotation}° at {float(frame.time):.3f} s",
                    "regions would be covered where nobody sees them; cut the file where it turns",
                )
            yield self._upright(frame) if upright else frame
        self._refuse(troubles)

    def _upright(self, frame: Frame) -> Frame:
        picture = np.rot90(frame.picture, -self.quarter_turns)
        return replace(frame, picture=picture, rotation=0)

    def _refuse(self, troubles: list[DecodeTrouble]) -> None:
        for trouble in troubles:
            if trouble.kind != HIDDEN:
                at = "" if trouble.time is None else f" at {float(trouble.time):.3f} s"
                raise RefusedError(
                    f"{self.name} does not decode whole: packet {trouble.packet} of the pictures{at} "
                    f"({trouble.kind}: {trouble.reason})",
                    "a frame that nobody saw can not be handed on; cut the file before it, or repair it",
                )
        troubles.clear()

    def sound(self, stream: int, rate: int = 0) -> Iterator[Sound]:
        """Yield a sound stream as one channel of samples; raise RefusedError where it does not decode.

        `rate`: samples a second, 0: its own.
        """
        rate = rate or self.facts.streams[stream].sample_rate or _SOUND_RATE
        troubles: list[DecodeTrouble] = []
        for piece in sound(self.sandbox, self.source, stream=stream, rate=rate, troubles=troubles):
            self._refuse(troubles)
            yield piece
        self._refuse(troubles)

    @cached_property
    def not_shown(self) -> frozenset[int]:
        """The times of pictures that the container says not to show, so that no frame comes of them."""
        self.packets(self.video.index)
        return frozenset(self._hidden)

    @cached_property
    def _untold(self) -> set[int]:
        return set()

    def tells_times(self, stream: int) -> bool:
        """Say whether every packet of a stream has a time, so that they can be carried over."""
        return bool(self._all_packets[stream]) and stream not in self._untold

    @cached_property
    def _hidden(self) -> set[int]:
        return set()

    @cached_property
    def _all_packets(self) -> dict[int, list[Packet]]:
        wanted = [self.video.index, *(sound.index for sound in self.sounds)]
        found: dict[int, list[Packet]] = {index: [] for index in wanted}
        unheard: dict[int, Packet] = {}
        untimed: set[int] = set()
        troubles: list[DecodeTrouble] = []
        for p in packets(self.sandbox, self.source, streams=wanted, troubles=troubles):
            self._refuse(troubles)
            if p.pts is None:
                self._untold.add(p.stream)
                continue
            if p.hidden and p.stream == self.video.index:
                self._hidden.add(p.pts)
            if p.dts is None:
                untimed.add(p.stream)
            packet = Packet(p.pts, p.pts if p.dts is None else p.dts, p.duration, p.key, p.data)
            if p.hidden and p.stream != self.video.index:
                unheard[p.stream] = packet
                continue
            # Of sound that an edit list cuts off only what the decoder of the first packet heard needs.
            if not found[p.stream] and p.stream in unheard:
                found[p.stream].append(unheard[p.stream])
            found[p.stream].append(packet)
        for index, run in found.items():
            rising = all(a.dts < b.dts for a, b in itertools.pairwise(run))
            late = any(packet.dts > packet.pts for packet in run)
            if index in untimed or not rising or late:
                found[index] = with_decoding_times(run)
        return found

    def forget_packets(self) -> None:
        """Let go of all packets; who asks for them again has them read again."""
        vars(self).pop("_all_packets", None)

    def packets(self, stream: int) -> list[Packet]:
        """Return a stream's packets in the order of decoding; raise RefusedError for one without a time."""
        found = self._all_packets[stream]
        if stream in self._untold:
            raise RefusedError(f"a packet of {self.name} has no time, so it can not be carried over as it is")
        return found
