"""The call `probe`: what a container says of itself, and whether its video streams decode at all."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

import av
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from bearwitness.sandbox.tasks import Task
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json

from ..model import PIXELS_MAX, STREAMS_MAX
from .opening import Bytes, bytes_of, fraction, open_container, reason_of

_TEXT_CHARACTERS_MAX: Final = 1_000
_TEXTS_MAX: Final = 200
_EXTRADATA_BYTES_MAX: Final = 256 << 10
_PACKETS_TRIED: Final = 300  # so many packets, of all streams, are looked at for a first frame
_NUMBER_MAX: Final = 1 << 62


def probe(task: Task) -> bytes:
    """Return the facts, or the reason why there are none."""
    source = bytes_of(task)
    try:
        container = open_container(source)
        found = _facts(container)
    except av.FFmpegError as error:
        return canonical.dumps({"refused": _text(reason_of(error)), "v": "1"})
    if len(container.streams) > STREAMS_MAX:
        return canonical.dumps({"refused": f"it has more than {STREAMS_MAX} streams", "v": "1"})
    rotations = _first_frames(source)
    streams: list[Json] = [_stream(stream, rotations.get(stream.index)) for stream in container.streams]
    return canonical.dumps({"facts": found, "streams": streams, "v": "1"})


def _facts(container: InputContainer) -> dict[str, Json]:
    return {
        "container": _text(container.format.name),
        "start": _time(container.start_time, Fraction(1, 1_000_000)),
        "duration": _time(container.duration, Fraction(1, 1_000_000)),
        "bit_rate": _number(container.bit_rate),
        "chapters": str(len(container.chapters())),
        "metadata": _metadata(container.metadata),
    }


def _stream(stream: Stream, rotation: int | None) -> dict[str, Json]:
    context: Any = stream.codec_context  # None for data and attachments
    base = fraction(stream.time_base)
    kind = stream.type or "data"
    video, audio = kind == "video", kind == "audio"
    extradata = bytes(context.extradata or b"") if context is not None else b""
    return {
        "index": str(stream.index),
        "kind": kind if kind in ("video", "audio", "subtitle", "data", "attachment") else "data",
        "codec": _text(context.codec.canonical_name) if context is not None else "",  # not the decoder's
        "profile": _text(context.profile or "") if context is not None else "",
        "tag": _tag(context),
        "time_base": _ratio(base),
        "start": _time(stream.start_time, base),
        "duration": _time(stream.duration, base),
        "frames": _number(stream.frames),
        "width": _number(context.width) if video else "0",
        "height": _number(context.height) if video else "0",
        "pixel_format": _text(context.pix_fmt or "") if video else "",
        "pixel_aspect": _ratio(fraction(getattr(stream, "sample_aspect_ratio", None))) if video else None,
        "rotation": str(rotation or 0),
        "rate": _ratio(fraction(getattr(stream, "average_rate", None))) if video else None,
        "sample_rate": _number(context.sample_rate) if audio else "0",
        "channels": _number(context.channels) if audio else "0",
        "layout": _text(context.layout.name) if audio else "",
        "bit_rate": _number(context.bit_rate) if context is not None else "0",
        "language": _text(stream.language or ""),
        "dispositions": [_text(name) for name in _dispositions(stream)],
        "decodes": rotation is not None or not video,
        "metadata": _metadata(stream.metadata),
        "colour": _colour(context) if video else ["2", "2", "2", "0"],
        "extradata": canonical.b64(extradata[:_EXTRADATA_BYTES_MAX]),
    }


def _first_frames(source: Bytes) -> dict[int, int]:
    """Return the rotation of the first frame of each video stream that gives one, by the stream's number."""
    found: dict[int, int] = {}
    try:
        container = open_container(source)
        videos = [stream for stream in container.streams if isinstance(stream, VideoStream)]
        videos = [s for s in videos if s.codec_context.width * s.codec_context.height <= PIXELS_MAX]
        for stream in videos:
            stream.codec_context.thread_count = 1
            stream.codec_context.options = {"max_pixels": str(PIXELS_MAX)}
        packets = container.demux(videos) if videos else iter(())
        for packet, _ in zip(packets, range(_PACKETS_TRIED), strict=False):
            if packet.stream_index not in found:
                found |= _rotation_of(packet)
            if len(found) == len(videos):
                break
    except av.FFmpegError as error:
        reason_of(error)  # for its MemoryError; what was found before stands
    return found


def _rotation_of(packet: Any) -> dict[int, int]:
    try:
        frames = packet.decode()
    except av.FFmpegError as error:
        reason_of(error)
        return {}
    return {packet.stream_index: frames[0].rotation} if frames else {}


def _dispositions(stream: Stream) -> list[str]:
    return [flag.name for flag in type(stream.disposition) if flag.name and flag in stream.disposition]


def _colour(context: Any) -> list[Json]:
    told = (context.color_primaries, context.color_trc, context.colorspace, context.color_range)
    return [str(min(255, max(0, int(number)))) for number in told]


def _tag(context: Any) -> str:
    """Return the four characters a container names the codec by, "" where they are none (AVI: 0x00FF)."""
    try:
        return "" if context is None else _text(context.codec_tag)
    except UnicodeDecodeError:
        return ""


def _metadata(tags: dict[str, str]) -> list[Json]:
    return [[_text(name), _text(value)] for name, value in list(tags.items())[:_TEXTS_MAX]]


def _text(value: str) -> str:
    cut = value[:_TEXT_CHARACTERS_MAX].encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def _number(value: int | None) -> str:
    return str(min(max(value or 0, 0), _NUMBER_MAX))


def _ratio(value: Fraction | None) -> str | None:
    return None if value is None or value < 0 else f"{value.numerator}/{value.denominator}"


def _time(value: int | None, base: Fraction | None) -> str | None:
    if value is None or base is None:
        return None
    time = value * base
    return f"{time.numerator}/{time.denominator}"
