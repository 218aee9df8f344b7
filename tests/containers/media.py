"""Real files made with FFmpeg (PyAV), and what FFmpeg itself says of their packets.

FFmpeg is the independent peer: it is asked without edit lists, parsers and filled-in times, so that what it
says is what it read in the container.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import pytest

from bearwitness.containers.answer import decode_index
from bearwitness.containers.model import IN_PIECES, KEY, UNTOLD, Index, Packet, unpack
from bearwitness.containers.reader import BytesSource
from bearwitness.containers.tasks import index_file

av = pytest.importorskip("av", reason="PyAV is the peer the parsers are compared with")

AS_WRITTEN = {"ignore_editlist": "1", "fflags": "+nofillin+noparse"}


@dataclass(frozen=True)
class Recipe:
    """How to make one file: codecs by FFmpeg's names, options of codecs and of the muxer."""

    name: str
    video: str | None = None
    audio: str | None = None
    frames: int = 40
    video_options: Mapping[str, str] = field(default_factory=dict)
    muxer: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    pixels: str = "yuv420p"
    bitrate: int = 0
    rate: Fraction = Fraction(25)


def make(folder: Path, recipe: Recipe) -> Path:
    """Write the file of a recipe with moving noise and a hum; return its path."""
    path = folder / recipe.name
    noise = random.Random(7)
    with av.open(str(path), "w", format=recipe.muxer, options=dict(recipe.options)) as out:
        video = audio = None
        if recipe.video:
            video = out.add_stream(recipe.video, rate=recipe.rate, options=dict(recipe.video_options))
            video.width, video.height, video.pix_fmt = 160, 96, recipe.pixels
            video.bit_rate = recipe.bitrate or 400_000
        if recipe.audio:
            audio = out.add_stream(recipe.audio, rate=48_000, layout="stereo")
        sent = 0
        for number in range(recipe.frames):
            if video is not None:
                out.mux(video.encode(_picture(number, recipe, noise)))
            while audio is not None and sent * recipe.rate < (number + 1) * 48_000:
                out.mux(audio.encode(_sound(sent)))
                sent += 1024
        for stream in (video, audio):
            if stream is not None:
                out.mux(stream.encode(None))
    return path


def _picture(number: int, recipe: Recipe, noise: random.Random) -> object:
    frame = av.VideoFrame(160, 96, recipe.pixels)
    for plane in frame.planes:
        row = noise.randbytes(plane.line_size)
        plane.update(b"".join(bytes([(number * 5 + y) & 255]) + row[1:] for y in range(plane.height)))
    frame.pts, frame.time_base = number, 1 / recipe.rate
    return frame


def _sound(at: int) -> object:
    frame = av.AudioFrame(format="s16", layout="stereo", samples=1024)
    wave = b"".join(
        ((n * 37 % 20_000) - 10_000).to_bytes(2, "little", signed=True) * 2 for n in range(at, at + 1024)
    )
    frame.planes[0].update(wave)
    frame.sample_rate, frame.pts, frame.time_base = 48_000, at, Fraction(1, 48_000)
    return frame


@dataclass(frozen=True)
class Peer:
    """A packet as FFmpeg saw it."""

    data: bytes
    pts: int | None
    dts: int | None
    duration: int
    key: bool


@dataclass(frozen=True)
class PeerStream:
    """A stream as FFmpeg saw it; `id` is the container's number where FFmpeg keeps it."""

    id: int
    type: str
    time_base: Fraction
    extradata: bytes
    packets: list[Peer]


def peer(path: Path, options: Mapping[str, str] = AS_WRITTEN) -> list[PeerStream]:
    """Return FFmpeg's streams and packets of a file, in the order of its streams."""
    with av.open(str(path), options=dict(options)) as source:
        found: dict[int, list[Peer]] = {stream.index: [] for stream in source.streams}
        for packet in source.demux():
            if packet.size:
                found[packet.stream.index].append(
                    Peer(bytes(packet), packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe)
                )
        return [
            PeerStream(
                stream.id,
                stream.type,
                stream.time_base,
                (stream.codec_context and stream.codec_context.extradata) or b"",
                found[stream.index],
            )
            for stream in source.streams
        ]


def ours(path: Path) -> Index:
    """Return our index of a file, through the answer that crosses the sandbox's boundary."""
    return ours_of(path.read_bytes())


def ours_of(data: bytes) -> Index:
    index = decode_index(index_file(BytesSource(data)), len(data))
    assert index is not None, "the file was not recognised"
    return index


def by_track(index: Index) -> dict[int, list[Packet]]:
    """Return the packets of each track by its number."""
    found: dict[int, list[Packet]] = {track.number: [] for track in index.tracks}
    for packet in unpack(index.packets):
        found[packet.track].append(packet)
    return found


def told(value: int) -> int | None:
    """Return a time, None where the container does not tell."""
    return None if value == UNTOLD else value


def packets_of(data: bytes, track: int = 1) -> list[Packet]:
    """Return the packets of one track of a file in memory."""
    return by_track(ours_of(data))[track]


def assert_same(data: bytes, mine: list[Packet], theirs: PeerStream) -> None:
    """Say whether packets of MP4 or QuickTime are those FFmpeg read."""
    assert [data[p.pos : p.end] for p in mine] == [p.data for p in theirs.packets]
    assert [(p.size, p.pts) for p in mine] == [(len(p.data), p.pts) for p in theirs.packets]
    # Where 0 is written FFmpeg puts in what it knows of the codec.
    assert [p.duration for p in mine] == [
        q.duration if p.duration else 0 for p, q in zip(mine, theirs.packets, strict=True)
    ]
    # Where offsets are negative FFmpeg moves all decoding times so that none comes after its picture.
    shifts = {p.dts - q.dts for p, q in zip(mine, theirs.packets, strict=True) if q.dts is not None}
    assert len(shifts) == 1
    assert [bool(p.flags & KEY) for p in mine] == [p.key for p in theirs.packets]
    assert not any(p.flags & IN_PIECES for p in mine)
