"""Matroska and WebM, written from nothing (RFC 9559): no tags, no dates, no name of who wrote it.

Matroska knows when packets are shown, not when they are decoded; they stand in the order of decoding.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from bearwitness.errors import RefusedError

from .model import AudioTrack, Packet, Sink, VideoTrack

_CODECS = {
    "h264": "V_MPEG4/ISO/AVC", "vp8": "V_VP8", "vp9": "V_VP9",
    "aac": "A_AAC", "mp3": "A_MPEG/L3", "opus": "A_OPUS", "flac": "A_FLAC",
}  # fmt: skip
WEBM_CODECS = frozenset({"vp8", "vp9", "opus"})
_NANO = 1_000_000_000
_MILLI = Fraction(1, 1000)
_FINE = Fraction(1, 10_000)
_CLUSTER_TICKS_MAX = 30_000  # block times are 16 bits beside their cluster's
_OPUS_RATE = 48_000
_OPUS_PREROLL = 80_000_000
_NOBODY = "-"  # the format demands a name of the writing program


def element(kind: int, *parts: bytes) -> bytes:
    """Return one EBML element."""
    size = sum(map(len, parts))
    return b"".join((kind.to_bytes((kind.bit_length() + 7) // 8, "big"), _size(size), *parts))


def _size(size: int) -> bytes:
    for length in range(1, 9):
        if size < (1 << 7 * length) - 1:
            return (size | 1 << 7 * length).to_bytes(length, "big")
    raise RefusedError("the file would be larger than Matroska can say")


def _uint(kind: int, value: int) -> bytes:
    return element(kind, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _text(kind: int, value: str) -> bytes:
    return element(kind, value.encode())


def _float(kind: int, value: float) -> bytes:
    return element(kind, struct.pack(">d", value))


@dataclass(frozen=True, slots=True)
class _Block:
    """A packet with its time in ticks of the file."""

    track: int
    time: int
    packet: Packet
    video: bool
    order: tuple[Fraction, int]


def write(sink: Sink, video: VideoTrack, sounds: Sequence[AudioTrack], *, webm: bool = False) -> None:
    """Write one file; raise RefusedError for what the container can not carry."""
    tracks: list[VideoTrack | AudioTrack] = [video, *sounds]
    for track in tracks:
        if webm and track.codec not in WEBM_CODECS:
            raise RefusedError(
                f"{track.codec} is not written into WebM", "choose an output that ends in .mkv"
            )
    tick = _MILLI if all(1 / t.time_base in (1000, 48000) for t in tracks[:1]) else _FINE
    blocks = _blocks(tracks, tick)
    lasts = max(
        (Fraction(p.pts + p.duration) * t.time_base for t in tracks for p in t.packets), default=Fraction(0)
    )
    head = element(
        0x1A45DFA3,
        _uint(0x4286, 1), _uint(0x42F7, 1), _uint(0x42F2, 4), _uint(0x42F3, 8),
        _text(0x4282, "webm" if webm else "matroska"), _uint(0x4287, 4), _uint(0x4285, 2),
    )  # fmt: skip
    info = element(
        0x1549A966,
        _uint(0x2AD7B1, int(tick * _NANO)), _text(0x4D80, _NOBODY), _text(0x5741, _NOBODY),
        _float(0x4489, float(lasts / tick)),
    )  # fmt: skip
    entries = element(0x1654AE6B, *(_entry(n, track) for n, track in enumerate(tracks, 1)))
    clusters = _clusters(blocks)
    at = len(info) + len(entries)
    cues = []
    for time, data, has_key in clusters:
        if has_key:
            cues.append(element(0xBB, _uint(0xB3, time), element(0xB7, _uint(0xF7, 1), _uint(0xF1, at))))
        at += len(data)
    body = element(0x1C53BB6B, *cues) if cues else b""
    sink.write(head)
    sink.write(bytes.fromhex("18538067") + (1 << 56 | at + len(body)).to_bytes(8, "big"))
    for part in (info, entries, *(data for _, data, _ in clusters), body):
        sink.write(part)


def _entry(number: int, track: VideoTrack | AudioTrack) -> bytes:
    common = [_uint(0xD7, number), _uint(0x73C5, number), _uint(0x9C, 0), _text(0x86, _CODECS[track.codec])]
    if track.config:
        common.append(element(0x63A2, track.config))
    if isinstance(track, AudioTrack):
        common.append(_uint(0x83, 2))
        if track.codec == "opus":
            common += [_uint(0x56AA, int(opus_delay(track) * _NANO)), _uint(0x56BB, _OPUS_PREROLL)]
        sound = element(0xE1, _float(0xB5, float(track.rate)), _uint(0x9F, track.channels))
        return element(0xAE, *common, sound)
    common.append(_uint(0x83, 1))
    lengths = sorted(p.duration for p in track.packets if p.duration)
    if lengths:
        common.append(_uint(0x23E383, round(lengths[len(lengths) // 2] * track.time_base * _NANO)))
    parts = [_uint(0xB0, track.width), _uint(0xBA, track.height)]
    if track.pixel_aspect != 1:
        parts += [_uint(0x54B0, round(track.width * track.pixel_aspect)), _uint(0x54BA, track.height)]
    if track.colour is not None:
        c = track.colour
        parts.append(
            element(
                0x55B0, _uint(0x55B1, c.matrix), _uint(0x55B9, 2 if c.full else 1),
                _uint(0x55BA, c.transfer), _uint(0x55BB, c.primaries),
            )
        )  # fmt: skip
    if track.quarter_turns:
        roll = {1: -90.0, 2: 180.0, 3: 90.0}[track.quarter_turns]
        parts.append(element(0x7670, _uint(0x7671, 0), _float(0x7675, roll)))
    return element(0xAE, *common, element(0xE0, *parts))


def opus_delay(track: AudioTrack) -> Fraction:
    """Return by how many seconds block times of an Opus track run ahead of what is heard."""
    return Fraction(struct.unpack_from("<H", track.config, 10)[0], _OPUS_RATE)


def _blocks(tracks: Sequence[VideoTrack | AudioTrack], tick: Fraction) -> list[_Block]:
    blocks = []
    for number, track in enumerate(tracks, 1):
        delay = opus_delay(track) if isinstance(track, AudioTrack) and track.codec == "opus" else Fraction(0)
        for packet in track.packets:
            time = round((packet.pts * track.time_base + delay) / tick)
            if time < 0:
                if isinstance(track, VideoTrack):
                    raise RefusedError("the first pictures begin before 0, which Matroska can not say")
                continue  # sound that is decoded and not heard
            order = (packet.dts * track.time_base, number)
            blocks.append(_Block(number, time, packet, isinstance(track, VideoTrack), order))
    return sorted(blocks, key=lambda block: block.order)


def _clusters(blocks: Sequence[_Block]) -> list[tuple[int, bytes, bool]]:
    """Return time, bytes, and whether it begins with a key picture, of each cluster."""
    found: list[tuple[int, bytes, bool]] = []
    run: list[_Block] = []
    for block in blocks:
        far = run and abs(block.time - run[0].time) > _CLUSTER_TICKS_MAX
        if run and (far or (block.video and block.packet.key)):
            found.append(_cluster(run))
            run = []
        run.append(block)
    return [*found, _cluster(run)] if run else found


def _cluster(run: Sequence[_Block]) -> tuple[int, bytes, bool]:
    base = min(block.time for block in run)
    parts = [_uint(0xE7, base)]
    for block in run:
        head = struct.pack(">BhB", 0x80 | block.track, block.time - base, 0x80 if block.packet.key else 0)
        parts.append(element(0xA3, head, block.packet.data))
    return base, element(0x1F43B675, *parts), run[0].video and run[0].packet.key
