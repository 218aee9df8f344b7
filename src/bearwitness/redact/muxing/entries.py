"""Sample entries of MP4: how a codec is named and set up (14496-12, -14, -15; Opus and FLAC in ISOBMFF)."""

from __future__ import annotations

import struct

from bearwitness.errors import RefusedError

from .model import AudioTrack, VideoTrack

_AAC, _MP3 = 0x40, 0x6B
_FLAC_STREAMINFO_BYTES = 34


def _box(kind: bytes, *parts: bytes) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, parts)), kind) + b"".join(parts)


def video_entry(track: VideoTrack) -> bytes:
    """Return the sample entry of a video track; raise RefusedError for a codec MP4 is not written with."""
    if track.codec != "h264":
        raise RefusedError(
            f"{track.codec} is not written into MP4", "choose an output that ends in .webm or .mkv"
        )
    extra = _box(b"avcC", track.config)
    if track.pixel_aspect != 1:
        extra += _box(
            b"pasp", struct.pack(">II", track.pixel_aspect.numerator, track.pixel_aspect.denominator)
        )
    if track.colour is not None:
        c = track.colour
        extra += _box(b"colr", b"nclx", struct.pack(">HHHB", c.primaries, c.transfer, c.matrix, c.full << 7))
    return _box(
        b"avc1",
        bytes(6) + b"\0\1" + bytes(16),
        struct.pack(">HHIIIH", track.width, track.height, 0x480000, 0x480000, 0, 1),
        bytes(32),  # the name of the compressor
        struct.pack(">Hh", 24, -1),
        extra,
    )


def audio_entry(track: AudioTrack) -> bytes:
    """Return the sample entry of a sound track; raise RefusedError for a codec MP4 is not written with."""
    kind, extra = {"aac": _esds, "mp3": _esds, "opus": _opus, "flac": _flac}.get(track.codec, _unknown)(track)
    rate = track.rate if track.rate < 65536 else 0
    head = bytes(6) + b"\0\1" + bytes(8) + struct.pack(">HHII", track.channels, 16, 0, rate << 16)
    return _box(kind, head, extra)


def _unknown(track: AudioTrack) -> tuple[bytes, bytes]:
    raise RefusedError(f"{track.codec} sound is not written into MP4")


def _descriptor(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    return (
        bytes((tag, 0x80 | size >> 21 & 127, 0x80 | size >> 14 & 127, 0x80 | size >> 7 & 127, size & 127))
        + body
    )


def _esds(track: AudioTrack) -> tuple[bytes, bytes]:
    kind = _AAC if track.codec == "aac" else _MP3
    special = _descriptor(5, track.config) if track.codec == "aac" else b""
    setup = _descriptor(4, struct.pack(">BB3xII", kind, 0x15, 0, 0), special)
    return b"mp4a", _box(b"esds", bytes(4), _descriptor(3, b"\0\0\0", setup, _descriptor(6, b"\2")))


def _opus(track: AudioTrack) -> tuple[bytes, bytes]:
    """Turn an OpusHead (RFC 7845, 5.1; little-endian) into a dOps (big-endian)."""
    _, channels, skip, rate, gain, family = struct.unpack_from("<BBHIhB", track.config, 8)
    if family:
        raise RefusedError("Opus sound with more than two channels is not written into MP4")
    return b"Opus", _box(b"dOps", struct.pack(">BBHIhB", 0, channels, skip, rate, gain, 0))


def _flac(track: AudioTrack) -> tuple[bytes, bytes]:
    info = track.config[-_FLAC_STREAMINFO_BYTES:]
    return b"fLaC", _box(b"dfLa", bytes(4), bytes((0x80, 0, 0, _FLAC_STREAMINFO_BYTES)), info)
