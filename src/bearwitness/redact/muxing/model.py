"""What a muxer is given: tracks of packets with exact times."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Protocol


class Sink(Protocol):
    """Where a container is written: bytes, one after the other."""

    def write(self, data: bytes, /) -> object:
        """Append `data`."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One coded picture or piece of sound; times in ticks of its track."""

    pts: int
    dts: int
    duration: int
    key: bool
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Colour:
    """The numbers of ISO/IEC 23091-2 for primaries, transfer and matrix (2: not told), and the range."""

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    full: bool = False


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """One video track. `codec`: h264, vp8 or vp9; `config`: an avcC for H.264; sizes as stored, in pixels."""

    codec: str
    time_base: Fraction
    width: int
    height: int
    config: bytes
    packets: Sequence[Packet]
    quarter_turns: int = 0
    pixel_aspect: Fraction = Fraction(1)
    colour: Colour | None = None


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """One sound track. `codec`: aac, mp3, opus or flac; `config`: FFmpeg's extradata."""

    codec: str
    time_base: Fraction
    rate: int
    channels: int
    config: bytes
    packets: Sequence[Packet]


def packed(*parts: bytes) -> bytes:
    """Return parts as one."""
    sink = io.BytesIO()
    for part in parts:
        sink.write(part)
    return sink.getvalue()


def with_decoding_times(packets: Sequence[Packet]) -> list[Packet]:
    """Return packets, which stand in the order of decoding, with decoding times made from those of showing.

    For containers that do not tell them. The n-th packet is given the n-th time of showing, all moved back
    just as far as it takes for none to be decoded after it is shown.
    """
    shown = sorted(packet.pts for packet in packets)
    behind = max((at - packet.pts for at, packet in zip(shown, packets, strict=True)), default=0)
    return [replace(packet, dts=at - behind) for at, packet in zip(shown, packets, strict=True)]


def with_lengths(packets: Sequence[Packet]) -> list[Packet]:
    """Return packets of sound with a duration each: until the next where the container tells none."""
    following = [packet.pts for packet in packets[1:]]
    usual = following[0] - packets[0].pts if following else 0
    ends = [*following, packets[-1].pts + usual] if packets else []
    return [
        p if p.duration > 0 else replace(p, duration=max(0, end - p.pts))
        for p, end in zip(packets, ends, strict=True)
    ]
