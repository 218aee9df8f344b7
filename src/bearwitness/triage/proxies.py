"""Two small copies of a recording to look at in its place: grey and blurred without sound, and clear.

Made only when asked for by name: they cost an encoding. They are fragmented MP4, a fragment in two seconds,
and the result tells time, offset and length of each, so that a player seeks in the encrypted derivative
without reading the rest. The third level is the item itself, which the result names. What is encoded here are
pixels and samples that the sandbox decoded; times are those of the recording.
"""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from PIL import Image

from bearwitness.errors import RefusedError
from bearwitness.media.model import Frame, Picture, Sound

from .analyser import (
    IMAGE,
    NOT_MINE,
    SOUND,
    VIDEO,
    Analyser,
    Analysis,
    Fact,
    Frames,
    Material,
    Result,
    Samples,
    Still,
)
from .shots import jpeg, veiled

_EVERY: Final = Fraction(2, 25)
_VEILED_EVERY: Final = Fraction(1, 5)
_SIDE: Final = 480
_STILL_SIDE: Final = 1280
_RATE: Final = 16_000
_TICKS: Final = 90_000
_GROUP: Final = 2  # seconds from one fragment to the next
_CLEAR: Final = {"preset": "veryfast", "crf": "27", "bf": "0"}
_VEILED: Final = {"preset": "veryfast", "crf": "24", "bf": "0"}
_FRAGMENTS: Final = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof+frag_discont",
    "avoid_negative_ts": "disabled",  # times stay those of the recording, which need not start at 0
    "use_editlist": "0",
}
_BYTES_MAX: Final = 1 << 30  # of one copy, which is made in memory


class Proxies(Analyser):
    """Veiled and clear copies; the veiled one can not be sharpened, for it has some fifty pixels a side."""

    name = "proxies"
    version = "1"
    kinds = frozenset({VIDEO, SOUND, IMAGE})
    wants = (Frames(every=_EVERY, max_side=_SIDE), Samples(_RATE), Still(max_side=_STILL_SIDE))

    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
        return _StillProxies(material) if material.kind == IMAGE else _Proxies(material)


class _StillProxies(Analysis):
    def __init__(self, material: Material) -> None:
        self._material, self._files = material, dict[str, bytes]()

    def frame(self, frame: Frame) -> None:
        self._files = {"clear.jpg": jpeg(frame.picture), "veiled.jpg": jpeg(veiled(frame.picture))}

    def finish(self) -> Result:
        if not self._files:
            return NOT_MINE
        levels = {name.partition(".")[0]: {"file": name} for name in self._files}
        return _result(self._material, levels, self._files)


class _Proxies(Analysis):
    def __init__(self, material: Material) -> None:
        self._material = material
        self._clear: _Film | None = None
        self._veiled: _Film | None = None
        self._next_veiled: Fraction | None = None
        self._sounded = False

    def frame(self, frame: Frame) -> None:
        if self._clear is None:
            sound = material_sound(self._material)
            self._clear = _Film(_even(frame.picture), _CLEAR, sound=sound)
            self._veiled = _Film(_even(_grey(frame.picture)), _VEILED, sound=False)
        self._clear.picture(_even(frame.picture), frame.time)
        if self._veiled is not None and (self._next_veiled is None or frame.time >= self._next_veiled):
            self._next_veiled = frame.time + _VEILED_EVERY
            self._veiled.picture(_even(_grey(frame.picture)), frame.time)

    def sound(self, sound: Sound) -> None:
        if self._clear is None:
            self._clear = _Film(None, _CLEAR, sound=True)
        self._sounded = True
        self._clear.sound(sound)

    def finish(self) -> Result:
        if self._clear is None:
            return NOT_MINE
        files, levels = {}, dict[str, dict[str, Any]]()
        for level, film in (("clear", self._clear), ("veiled", self._veiled)):
            if film is None:
                continue
            name = f"{level}.mp4"
            files[name] = film.finish()
            levels[level] = {"file": name, "sound": level == "clear" and self._sounded} | fragments(
                files[name]
            )
        return _result(self._material, levels, files)


def _result(material: Material, levels: dict[str, dict[str, Any]], files: dict[str, bytes]) -> Result:
    levels["original"] = {"item": material.item, "bytes": material.size}
    details = {"levels": levels, "troubles": len(material.troubles)}
    return Result(facts=[Fact("proxies", " ".join(sorted(levels)))], details=details, files=files)


def material_sound(material: Material) -> bool:
    """Say whether the recording has sound, as far as its container says."""
    return material.probe().first("audio") is not None


def _grey(picture: Picture) -> Picture:
    return np.repeat(veiled(picture)[:, :, None], 3, axis=2)


def _even(picture: Picture) -> Picture:
    """Return a picture whose sides are even, as the encoder wants them; a row or column is cut off."""
    rows, columns = picture.shape[:2]
    return np.ascontiguousarray(picture[: max(2, rows // 2 * 2), : max(2, columns // 2 * 2)])


class _Film:
    """One copy being made: packets are kept as they are encoded and put together in the end."""

    def __init__(self, first: Picture | None, options: dict[str, str], *, sound: bool) -> None:
        self._out, self._packets, self._bytes = io.BytesIO(), list[Any](), 0
        self._container = av.open(self._out, "w", format="mp4", options=_FRAGMENTS)
        self._video: Any = None
        self._size, self._last, self._next_key = (0, 0), -1, 0
        if first is not None:
            self._video = self._container.add_stream("libx264", rate=1 / _EVERY, options=options)
            self._size = (first.shape[1], first.shape[0])
            self._video.width, self._video.height = self._size
            self._video.pix_fmt = "yuv420p"
            self._video.codec_context.time_base = Fraction(1, _TICKS)
            self._video.gop_size = 10_000  # keys are set by time
        self._audio: Any = self._container.add_stream("aac", rate=_RATE, layout="mono") if sound else None

    def picture(self, picture: Picture, time: Fraction) -> None:
        """Take the next picture; one that does not come later than the last is left out."""
        ticks = round(time * _TICKS)
        if self._video is None or ticks <= self._last or ticks < 0:
            return
        if (picture.shape[1], picture.shape[0]) != self._size:
            picture = np.asarray(Image.fromarray(picture).resize(self._size))
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts, frame.time_base = ticks, Fraction(1, _TICKS)
        if ticks >= self._next_key:
            frame.pict_type = av.video.frame.PictureType.I
            self._next_key = ticks + _GROUP * _TICKS
        self._last = ticks
        self._keep(self._video.encode(frame))

    def sound(self, sound: Sound) -> None:
        """Take the next stretch of sound."""
        if self._audio is None or not len(sound.samples) or sound.time < 0:
            return
        frame = av.AudioFrame.from_ndarray(sound.samples[None, :], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = _RATE, round(sound.time * _RATE)
        frame.time_base = Fraction(1, _RATE)
        self._keep(self._audio.encode(frame))

    def _keep(self, packets: list[Any]) -> None:
        for packet in packets:
            self._bytes += packet.size
            if self._bytes > _BYTES_MAX:
                raise RefusedError("a copy to look at would be larger than 1 GiB, and is made in memory")
            self._packets.append(packet)

    def finish(self) -> bytes:
        """Return the file."""
        for stream in (self._video, self._audio):
            if stream is not None:
                self._keep(stream.encode(None))
        for packet in sorted(self._packets, key=lambda each: each.dts * each.time_base):
            self._container.mux(packet)
        self._container.close()
        return self._out.getvalue()


def fragments(data: bytes) -> dict[str, Any]:
    """Return where the head of a fragmented MP4 of ours ends; time, offset and length of each fragment."""
    at, head = 0, 0
    found, scales = list[list[float]](), dict[int, int]()
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        if name == b"moov":
            head, scales = at + size, _scales(data[at : at + size])
        elif name == b"moof":
            found.append([_time(data[at : at + size], scales), at, size])
        elif name == b"mdat" and found:
            found[-1][2] += size
        at += size
    return {"head": head, "fragments": found}


def _scales(moov: bytes) -> dict[int, int]:
    """Return the time scale of each track."""
    found, at = {}, 0
    while (at := moov.find(b"trak", at)) >= 0:
        track = struct.unpack_from(">I", moov, moov.index(b"tkhd", at) + 16)[0]
        found[track] = struct.unpack_from(">I", moov, moov.index(b"mdhd", at) + 16)[0]
        at += 4
    return found


def _time(moof: bytes, scales: dict[int, int]) -> float:
    """Return when the first track of a fragment begins, in seconds."""
    track = struct.unpack_from(">I", moof, moof.index(b"tfhd") + 8)[0]
    place = moof.index(b"tfdt")
    start = struct.unpack_from(">Q" if moof[place + 4] else ">I", moof, place + 8)[0]
    return round(float(start) / scales[track], 6)
