"""What comes out of footage: frozen values, their units and bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bearwitness.errors import BearwitnessError

Picture: TypeAlias = NDArray[np.uint8]
"""Height × width × 3 (blue, green, red), height × width (grey) or height · 3/2 × width (I420), 0 to 255."""


def shape_of(pixel: str, width: int, height: int) -> tuple[int, ...]:
    """Return the shape of a picture of this kind."""
    if pixel == I420:
        return height * 3 // 2, width
    return (height, width, 3) if pixel == BGR24 else (height, width)


BGR24: Final = "bgr24"
GRAY8: Final = "gray8"
I420: Final = (
    "i420"  # as encoders take it: luma, then both chroma planes of half width and height; even sides
)
CHANNELS: Final = {BGR24: 3, GRAY8: 1, I420: 2}  # bytes a pixel; I420 takes one and a half

PIXELS_MAX: Final = 40_000_000  # 8K footage has 33 million; a frame is then 120 MB as BGR
SIDE_MAX: Final = 16_384
STREAMS_MAX: Final = 64

# kinds of DecodeTrouble
LOST: Final = "lost"  # a packet of the stream gave no frame
CORRUPT: Final = "corrupt"  # a frame came out, but the decoder says that parts of it are made up
HIDDEN: Final = "hidden"  # the container says not to show it (edit list), so it was not
UNTIMED: Final = "untimed"  # a frame without a time; one was guessed from its neighbours
NO_FRAME: Final = "no frame came of this packet"  # the reason where the decoder gave none
BACKWARDS: Final = "backwards"  # a frame's time is not after the one before
BROKEN: Final = "broken"  # reading or decoding stopped for good before the end
TROUBLES: Final = (LOST, CORRUPT, HIDDEN, UNTIMED, BACKWARDS, BROKEN)


class MediaError(BearwitnessError):
    """A file is no media, or not as asked; the message names the file."""


@dataclass(frozen=True)
class DecodeTrouble:
    """Something in a stream that did not decode as it should.

    `packet` counts the packets of the stream from where reading began; `time` is in seconds, None where
    neither packet nor frame tells one. `reason` is one line, partly the decoder's words.
    """

    kind: str
    packet: int
    time: Fraction | None
    reason: str


@dataclass(frozen=True)
class Frame:
    """One decoded frame. `picture` is a read-only view; holding it holds the few frames it came with.

    `index` counts the frames of the stream from where decoding began, those left out by `every`, `start` or
    `key_only` (which decodes no others) included. `time` is in seconds of the stream's clock, which need not
    start at 0. `key`: decodes without others. `rotation`: degrees counterclockwise that show it upright, told
    and not applied unless asked for. `native_width` and `native_height` are those before scaling, as stored.
    """

    index: int
    pts: int
    time: Fraction
    key: bool
    rotation: int
    native_width: int
    native_height: int
    picture: Picture = field(repr=False, compare=False)


@dataclass(frozen=True)
class Sound:
    """Mono samples, -1 to 1, without a gap from `time` (seconds); `first`: samples handed out before."""

    first: int
    time: Fraction
    rate: int
    samples: NDArray[np.float32] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Packet:
    """One packet as the container holds it, times in units of the stream's time base, None if untold."""

    stream: int
    pts: int | None
    dts: int | None
    duration: int
    key: bool
    hidden: bool
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Stream:
    """What a container says of one stream. Nothing of it is proven; texts are untrusted but printable.

    `kind`: video, audio, subtitle, data or attachment. Times are in seconds. `rate` is frames a second as the
    container averages it. `rotation` (degrees counterclockwise) and `decodes` come of the first frame: a
    video stream of which none of the first packets decoded has `decodes` False. `colour` is primaries,
    transfer and matrix as ISO/IEC 23091-2 numbers them (2: not told) and the range (1: limited, 2: full).
    """

    index: int
    kind: str
    codec: str
    profile: str
    tag: str
    time_base: Fraction | None
    start: Fraction | None
    duration: Fraction | None
    frames: int
    width: int
    height: int
    pixel_format: str
    pixel_aspect: Fraction | None
    rotation: int
    rate: Fraction | None
    sample_rate: int
    channels: int
    layout: str
    bit_rate: int
    language: str
    dispositions: tuple[str, ...]
    decodes: bool
    metadata: tuple[tuple[str, str], ...]
    colour: tuple[int, int, int, int]
    extradata: bytes = field(repr=False)


@dataclass(frozen=True)
class Facts:
    """What a container says of itself, `start` and `duration` in seconds, and its streams."""

    container: str
    start: Fraction | None
    duration: Fraction | None
    bit_rate: int
    chapters: int
    metadata: tuple[tuple[str, str], ...]
    streams: tuple[Stream, ...]

    def first(self, kind: str) -> Stream | None:
        """Return the first stream of `kind` that is no cover picture, None if there is none."""
        fit = [s for s in self.streams if s.kind == kind and "attached_pic" not in s.dispositions]
        return fit[0] if fit else None
