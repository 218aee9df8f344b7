"""Makes an index for an MP4 that lost its own, from what a sibling of the same recorder says of its streams.

Argument: JSON ``{"video": {...}, "audio": {...} or null}`` with what `media.probe` told of the sibling. The
pictures found are decoded: in which order they are shown comes of that, and whether the sibling fits. Answer:
the length of a JSON text in four bytes, the text, then the head that makes the media data an MP4.
"""

from __future__ import annotations

import base64
import json
import struct
from fractions import Fraction
from typing import Any, Final

import av
from av.packet import Packet

from bearwitness.media.inside.opening import Bytes, bytes_of
from bearwitness.sandbox.tasks import Task

from .mp4_index import TrackIndex, audio_entry, head_of, video_entry
from .units import Pictures, Sounds

_BOXES_MAX: Final = 1000
_SEARCH_MAX: Final = 4 << 20  # bytes looked through for the next picture after a hole
_SEARCHED_MAX: Final = 64 << 20  # in all
_HOLES_MAX: Final = 1000
_CHAIN: Final = 3  # pictures in a row that a place after a hole must have
_AAC_RATES: Final = (
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
)  # fmt: skip
_AAC_SAMPLES: Final = 1024


class _RefusedError(Exception):
    """It can not be repaired with this sibling."""


def salvage(task: Task) -> bytes:
    """Return the answer for the source of `task`."""
    source, head = bytes_of(task), b""
    told: dict[str, Any] = {
        "refused": "", "start": 0, "end": 0, "pictures": 0, "sounds": 0, "decoded": 0, "corrupt": 0,
        "holes": 0, "lost": 0,
    }  # fmt: skip
    try:
        head = _salvage(source, json.loads(task.arguments), told)
    except _RefusedError as error:
        told["refused"] = str(error)
    text = json.dumps(told).encode()
    return struct.pack(">I", len(text)) + text + head


def _salvage(source: Bytes, sibling: dict[str, Any], told: dict[str, Any]) -> bytes:
    start, end = _media_data(source)
    video, audio = _video_track(sibling["video"]), None
    hevc = sibling["video"]["codec"] == "hevc"
    configuration = base64.b64decode(sibling["video"]["extradata"])
    length_bytes = (configuration[21 if hevc else 4] & 3) + 1
    pictures, sounds = Pictures(source, end, length_bytes, hevc=hevc), None
    if sibling["audio"] is not None:
        audio = _audio_track(sibling["audio"])
        specific = base64.b64decode(sibling["audio"]["extradata"])
        sounds = Sounds(source, end, specific, sibling["audio"]["channels"], pictures)
    last = _walk(source, (start, end), pictures, sounds, video, audio, told)
    if not video.sizes or not video.keys:
        raise _RefusedError("no picture was found that decodes without others")
    _order(source, start, sibling["video"]["codec"], configuration, video, told)
    tracks = [video] if audio is None or not audio.sizes else [video, audio]
    told.update(start=start, end=last, pictures=len(video.sizes), sounds=len(audio.sizes) if audio else 0)
    return head_of(tracks, last - start)


def _media_data(source: Bytes) -> tuple[int, int]:
    """Return where the media data begins and ends: its box may say more than there is."""
    at = 0
    for _ in range(_BOXES_MAX):
        head = source.pread(at, 16)
        if len(head) < 16:
            break
        size, name, start = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1:
            size, start = int.from_bytes(head[8:16], "big"), 16
        if name == b"moov":
            raise _RefusedError("it has an index of its own")
        if name == b"mdat":
            end = source.size if size < start else min(source.size, at + size)
            return at + start, end
        if size < 8:
            break
        at += size
    raise _RefusedError("no media data were found in it")


def _video_track(told: dict[str, Any]) -> TrackIndex:
    rate = Fraction(told["rate"])
    tag, box = (b"hvc1", b"hvcC") if told["codec"] == "hevc" else (b"avc1", b"avcC")
    entry = video_entry(tag, told["width"], told["height"], box, base64.b64decode(told["extradata"]))
    scale = rate.numerator
    return TrackIndex("video", entry, scale, rate.denominator, told["width"], told["height"])


def _audio_track(told: dict[str, Any]) -> TrackIndex:
    specific = base64.b64decode(told["extradata"])
    index = int.from_bytes(specific[:2], "big") >> 7 & 15
    rate = _AAC_RATES[index] if index < len(_AAC_RATES) else int.from_bytes(specific[1:5], "big") >> 7
    if not rate:
        raise _RefusedError("the sibling's sound says no rate")
    return TrackIndex("audio", audio_entry(told["channels"], rate, specific), rate, _AAC_SAMPLES)


def _walk(
    source: Bytes,
    bounds: tuple[int, int],
    pictures: Pictures,
    sounds: Sounds | None,
    video: TrackIndex,
    audio: TrackIndex | None,
    told: dict[str, Any],
) -> int:
    """Note every picture and sound from the first byte on; return where the last ends."""
    (start, end), searched = bounds, 0
    at = last = start
    while at < end:
        picture = pictures.at(at)
        if picture is not None:
            if picture.key:
                video.keys.append(len(video.sizes))
            video.offsets.append(at - start)
            video.sizes.append(picture.size)
            at = last = at + picture.size
            continue
        size = sounds.at(at) if sounds is not None else 0
        if size and audio is not None:
            audio.offsets.append(at - start)
            audio.sizes.append(size)
            at = last = at + size
            continue
        found = _next(source, at + 1, min(end, at + _SEARCH_MAX), pictures, sounds)
        searched += (found or end) - at
        if found is None or searched > _SEARCHED_MAX or told["holes"] >= _HOLES_MAX:
            told["lost"] += end - at
            break
        told["holes"] += 1
        told["lost"] += found - at
        at = found
    return last


def _next(source: Bytes, at: int, end: int, pictures: Pictures, sounds: Sounds | None) -> int | None:
    """Return where after a hole pictures follow each other again, sounds between them or not."""
    data = source.pread(at, max(0, end - at))
    for step in range(len(data) - 8):
        if not pictures.begins(data[step : step + 8]):
            continue
        place, chain = at + step, 0
        while chain < _CHAIN:
            picture = pictures.at(place)
            size = picture.size if picture else sounds.at(place) if sounds and chain else 0
            if not size:
                break
            place, chain = place + size, chain + bool(picture)
        if chain == _CHAIN:
            return at + step
    return None


def _order(
    source: Bytes, start: int, codec: str, configuration: bytes, video: TrackIndex, told: dict[str, Any]
) -> None:
    """Decode all pictures: learn the order in which they are shown, and how many are whole."""
    decoder: Any = av.CodecContext.create(codec, "r")
    decoder.extradata, decoder.thread_count = configuration, 1
    shown: list[int] = []
    for number, (offset, size) in enumerate(zip(video.offsets, video.sizes, strict=True)):
        packet = Packet(source.pread(start + offset, size))
        packet.pts = packet.dts = number
        _take(decoder, packet, shown, told)
    _take(decoder, None, shown, told)
    told["decoded"] = len(shown)
    known = {number: rank for rank, number in enumerate(shown)}
    ranks = [(known.get(number, -1), number) for number in range(len(video.sizes))]
    before = -1
    for number, (rank, _) in enumerate(ranks):  # what did not decode keeps its place behind the one before
        before = rank if rank >= 0 else before
        ranks[number] = (before, number)
    video.shown = [0] * len(ranks)
    for place, (_, number) in enumerate(sorted(ranks)):
        video.shown[number] = place


def _take(decoder: Any, packet: Any, shown: list[int], told: dict[str, Any]) -> None:
    try:
        frames = decoder.decode(packet)
    except av.FFmpegError:
        return
    for frame in frames:
        told["corrupt"] += bool(frame.is_corrupt)
        if frame.pts is not None and frame.pts >= 0 and frame.pts not in shown[-64:]:
            shown.append(frame.pts)
