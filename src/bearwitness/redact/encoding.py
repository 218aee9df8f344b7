"""Encoding our own, covered pictures: H.264 with x264, VP8 and VP9 with libvpx. Nothing hostile gets here.

No B-frames and no frames that are not shown: one packet a frame, in the order of showing. What the encoders
write about themselves (x264 puts its version and settings into a message) is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from bearwitness.errors import RefusedError

from . import h264
from .filling import Plane
from .muxing.model import Colour

Coded = tuple[int, bool, bytes]
"""Time in ticks, whether it decodes without others, bytes."""

_QUALITY: Final = "20"
_GLOBAL_HEADER: Final = 1 << 22
_PROFILES: Final = {66: "baseline", 77: "main"}
_NAMES: Final = {"h264": "libx264", "vp8": "libvpx", "vp9": "libvpx-vp9"}
_VPX_OPTIONS: Final = {
    "lag-in-frames": "0", "auto-alt-ref": "0", "deadline": "realtime", "cpu-used": "5",
    "crf": "22", "b": "0", "error-resilient": "0",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settings:
    """What an encoder is set up with.

    `rate` is frames a second; `set_id` numbers H.264's parameter sets, `profile` is its profile_idc.
    """

    codec: str
    width: int
    height: int
    time_base: Fraction
    rate: Fraction = Fraction(25)
    full_range: bool = False
    pixel_aspect: Fraction = Fraction(1)
    colour: Colour | None = None
    set_id: int = 0
    profile: int = 100
    length_size: int = 4


class Encoder:
    """Encodes runs of frames, each run decodable by itself; all share one set of parameters."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.configuration: h264.Configuration | None = None

    def encode(self, frames: Iterable[tuple[int, Plane]]) -> list[Coded]:
        """Return the packets for frames given as time and I420 picture, in order."""
        context = self._open()
        found: list[Coded] = []
        for number, (time, picture) in enumerate(frames):
            frame = VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = time, self._settings.time_base
            if self._settings.full_range:
                frame.color_range = av.video.reformatter.ColorRange.JPEG
            if number == 0:
                frame.pict_type = PictureType.I
            found += self._coded(context.encode(frame))
        found += self._coded(context.encode(None))
        if self._settings.codec == "h264" and found:
            self._keep_sets(bytes(context.extradata or b""))
        return found

    def _open(self) -> VideoCodecContext:
        s = self._settings
        context = VideoCodecContext.create(_NAMES[s.codec], "w")
        if not isinstance(context, VideoCodecContext):
            raise RefusedError(f"there is no encoder for {s.codec} here")
        context.width, context.height, context.pix_fmt = s.width, s.height, "yuv420p"
        context.time_base, context.framerate = s.time_base, s.rate
        context.sample_aspect_ratio = s.pixel_aspect
        context.thread_count = 2
        if s.full_range:
            context.color_range = 2
        if s.colour is not None:
            context.color_primaries, context.color_trc = s.colour.primaries, s.colour.transfer
            context.colorspace = s.colour.matrix
        if s.codec == "h264":
            context.flags |= _GLOBAL_HEADER
            context.options = {
                "preset": "veryfast", "crf": _QUALITY, "bf": "0", "forced-idr": "1",
                "profile": _PROFILES.get(s.profile, "high"),
                "x264-params": f"sps-id={s.set_id}:keyint=250:open-gop=0:aud=0",
            }  # fmt: skip
        else:
            context.options = dict(_VPX_OPTIONS)
        return context

    def _coded(self, packets: Iterable[Any]) -> Iterator[Coded]:
        for packet in packets:
            if packet.pts is None:
                raise RefusedError("the encoder gave a frame without its time")
            data = bytes(packet)
            if self._settings.codec == "h264":
                data = self._with_lengths(data)
            yield packet.pts, packet.is_keyframe, data

    def _with_lengths(self, data: bytes) -> bytes:
        size = self._settings.length_size
        slices = [u for u in h264.units_with_start_codes(data) if u[0] & 31 in (h264.SLICE, h264.IDR)]
        if any(len(unit) >= 1 << 8 * size for unit in slices):
            raise RefusedError("a picture does not fit into the lengths this stream uses")
        return b"".join(len(unit).to_bytes(size, "big") + unit for unit in slices)

    def _keep_sets(self, extradata: bytes) -> None:
        units = h264.units_with_start_codes(extradata)
        configuration = h264.Configuration(
            self._settings.length_size,
            tuple(u for u in units if u[0] & 31 == h264.SPS),
            tuple(u for u in units if u[0] & 31 == h264.PPS),
        )
        if self.configuration not in (None, configuration):
            raise RefusedError("the encoder changed its parameters between two runs")
        self.configuration = configuration


def as_i420(bgr: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Plane:
    """Return a BGR picture as I420, an odd last row or column left out."""
    height, width = bgr.shape[0] & ~1, bgr.shape[1] & ~1
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(bgr[:height, :width]), format="bgr24")
    return frame.to_ndarray(format="yuv420p").astype(np.uint8, copy=False)
