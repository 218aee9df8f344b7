"""Sound of a derivative: left out, copied packet by packet, or with silence where it is muted.

A packet of AAC or Opus stands for its own stretch of time, so a muted one is exchanged for a packet of
silence made by our own encoder, and all others stay what they were, to the bit and to the tick. A packet
that holds a program's name goes the same way. What can not be handled so is decoded and written as FLAC, or
Opus for WebM, in one channel, with silence where it is muted; so is all sound in which a voice is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final, TypeAlias

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from bearwitness.errors import RefusedError
from bearwitness.media.model import Sound, Stream

from .attack import traces
from .footage import Footage
from .muxing.model import AudioTrack, Packet, with_lengths
from .plan import Plan, Utterance

Samples: TypeAlias = NDArray[np.float32]

# Not Vorbis: among what its decoder is set up with are tags and the encoder's name.
_CARRIED: Final = {
    "mp4": frozenset({"aac", "mp3", "opus", "flac"}),
    "mov": frozenset({"aac", "mp3"}),
    "mkv": frozenset({"aac", "mp3", "opus", "flac"}),
    "webm": frozenset({"opus"}),
}
_CONFIG_SIZES: Final = {"aac": range(2, 8), "opus": range(19, 30), "flac": range(34, 43)}
"""Bytes that set up a decoder, where there is no room for a text: AAC's can hold a comment, others' tags."""
_SILENT: Final = {"aac": "aac", "opus": "libopus"}
_OPUS_RATE: Final = 48_000
_AAC_RATE: Final = 48_000
_CONFIG_BYTES: Final = {"aac": 2, "opus": 10}
_SILENT_PACKETS: Final = 6
_HOLE_MAX: Final = 3600
VOICE_RATE: Final = 16_000
Change: TypeAlias = Callable[[Samples, Utterance], Samples]
"""An utterance (mono, VOICE_RATE) in, as many samples in another voice out; another's for silence."""


@dataclass(frozen=True, slots=True)
class Sounds:
    """The sound tracks of a derivative, and what was done to them, in words."""

    tracks: tuple[AudioTrack, ...]
    notes: tuple[str, ...]


def make_sounds(footage: Footage, plan: Plan, container: str, change: Change | None = None) -> Sounds:
    """Return the sound tracks the plan leaves; raise RefusedError where one can be neither kept nor muted.

    `change` is needed where voices are changed. Then one track is left: two would show one voice
    changed twice.
    """
    streams = footage.sounds
    tracks: list[AudioTrack] = []
    notes = [f"{what} left out" for what in footage.left_out]
    if plan.voices == "mute":
        return Sounds((), (*notes, *([f"sound left out ({len(streams)} track(s))"] if streams else [])))
    if plan.changed and len(streams) > 1:
        notes.append(f"{len(streams) - 1} more sound track(s) left out: one voice is not shown changed twice")
        streams = streams[:1]
    for stream in streams:
        track, note = _track(footage, stream, plan, container, change)
        if track is not None:
            tracks.append(track)
        notes.append(note)
    return Sounds(tuple(tracks), tuple(notes))


def _track(
    footage: Footage, stream: Stream, plan: Plan, container: str, change: Change | None
) -> tuple[AudioTrack | None, str]:
    codec = stream.codec
    name = f"sound track {stream.index} ({codec})"
    config = b"" if codec == "mp3" else stream.extradata  # MP3 needs none: what stands there is anything
    carried = codec in _CARRIED[container] and _is_plain(codec, config)
    carried = carried and not plan.changed and not footage.anew
    if carried and stream.time_base is not None and footage.tells_times(stream.index):
        packets = with_lengths(footage.packets(stream.index))
        track = AudioTrack(codec, stream.time_base, stream.sample_rate, stream.channels, config, packets)
        exchange = _to_exchange(track, plan.muted)
        if not exchange:
            return track, f"{name} copied"
        silent = _silence(track)
        if silent is not None:
            quiet = [replace(p, data=silent) if n in exchange else p for n, p in enumerate(packets)]
            return replace(track, packets=quiet), f"{name} copied but for {len(exchange)} silent packet(s)"
    made = _encoded(footage, stream, plan, container, change)
    voices = f", {len(plan.changed)} utterance(s) in another voice" if plan.changed else ""
    kind = made.codec if made else "nothing: it is empty"
    return made, f"{name} decoded and written as {kind}, one channel{voices}"


def _is_plain(codec: str, config: bytes) -> bool:
    return codec == "mp3" or len(config) in _CONFIG_SIZES[codec]


def _to_exchange(track: AudioTrack, muted: Sequence[tuple[int, int]]) -> frozenset[int]:
    """Return which packets must be silent: in or beside a muted range, or holding a program's name."""
    found = set()
    base = track.time_base
    for n, packet in enumerate(track.packets):
        begin, end = packet.pts * base, (packet.pts + packet.duration) * base
        # Neighbours overlap: what is heard in a range is partly in the packets before and after it.
        margin = max(end - begin, Fraction(1, 50))
        # What decoders are to pass over stands before 0, and is muted with what is muted from there on.
        inside = any(
            begin < Fraction(b, 1000) + margin and (a == 0 or end > Fraction(a, 1000) - margin)
            for a, b in muted
        )
        if inside or traces.found(packet.data):
            found.add(n)
    return frozenset(found)


def _silence(track: AudioTrack) -> bytes | None:
    """Return a packet of silence the track's own decoder takes, None if its kind is not one of ours."""
    if track.codec not in _SILENT or not 1 <= track.channels <= 2:
        return None
    lengths = {p.duration * track.time_base for p in track.packets[:-1] if p.duration}
    samples = 1024 if track.codec == "aac" else 960
    rate = _OPUS_RATE if track.codec == "opus" else track.rate
    if any(abs(length - Fraction(samples, rate)) > Fraction(1, 500) for length in lengths):
        return None
    quiet = np.zeros((track.channels, samples * _SILENT_PACKETS), np.float32)
    packets, config = _encode(_SILENT[track.codec], quiet, rate, 0)
    size = _CONFIG_BYTES[track.codec]
    if track.codec == "aac" and config[:size] != track.config[:size]:
        return None  # another profile or frame length than ours
    return packets[_SILENT_PACKETS // 2].data


def _encode(encoder: str, samples: Samples, rate: int, start: int) -> tuple[list[Packet], bytes]:
    """Return packets and configuration for samples (channels × count) that begin at `start` samples."""
    context = AudioCodecContext.create(encoder, "w")
    if not isinstance(context, AudioCodecContext):
        raise RefusedError(f"there is no encoder {encoder} here")
    planar = {"aac": "fltp", "libopus": "flt", "flac": "s16"}[encoder]
    context.sample_rate, context.format = rate, planar
    context.layout = "mono" if samples.shape[0] == 1 else "stereo"
    context.time_base = Fraction(1, rate)
    context.flags |= 1 << 22 | 1 << 23  # parameters apart from packets; no name of the encoder in them
    if planar == "s16":
        data: NDArray[Any] = np.round(samples * 32767).clip(-32768, 32767).astype(np.int16)
    else:
        data = samples
    packed = data if planar == "fltp" else np.ascontiguousarray(data.T).reshape(1, -1)
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(packed), format=planar, layout=context.layout.name)
    frame.sample_rate = rate
    context.open()
    fifo = av.AudioFifo()
    fifo.write(frame)
    size = context.frame_size or 4096
    coded: list[Any] = []
    for piece in fifo.read_many(size, partial=True):
        piece.pts, piece.time_base = start, Fraction(1, rate)
        start += piece.samples
        coded += context.encode(piece)
    coded += context.encode(None)
    packets = [
        Packet(p.pts or 0, p.pts or 0, p.duration or 0, key=True, data=bytes(p)) for p in coded if p.size
    ]
    return packets, bytes(context.extradata or b"")


def _encoded(
    footage: Footage, stream: Stream, plan: Plan, container: str, change: Change | None
) -> AudioTrack | None:
    webm = container == "webm"
    if container == "mov" and not footage.anew:
        raise RefusedError(
            f"{stream.codec} sound can not be written into QuickTime by us",
            "choose an output that ends in .mp4 or .mkv",
        )
    pieces = list(footage.sound(stream.index))
    if not pieces:
        return None
    rate, start = pieces[0].rate, pieces[0].time
    whole = Sound(0, start, rate, whole_sound(footage.name, pieces))
    if plan.changed:
        if change is None:
            raise ValueError("nothing changes the voices that the plan changes")
        whole = Sound(0, start, rate, _changed(footage, stream, whole, plan, change))
    samples = silenced(whole, plan.muted)[None, :]
    if webm and rate != _OPUS_RATE:
        samples = resampled(samples, rate, _OPUS_RATE)
        rate = _OPUS_RATE
    codec = "opus" if webm else "flac"
    if footage.anew and not webm:  # FLAC would carry the original's samples to the bit
        rate, samples = _AAC_RATE, resampled(samples, rate, _AAC_RATE)
        codec = "aac"
    packets, config = _encode("libopus" if webm else codec, samples, rate, round(start * rate))
    if codec == "aac":
        packets = [packet for packet in packets if packet.pts >= 0]  # what the encoder puts before the sound
    return AudioTrack(codec, Fraction(1, rate), rate, 1, config, packets)


def silenced(piece: Sound, muted: Sequence[tuple[int, int]]) -> Samples:
    """Return the samples of a piece, silent in the ranges given in milliseconds of the footage's clock."""
    samples = piece.samples.copy()
    for begin, end in muted:
        first = round((Fraction(begin, 1000) - piece.time) * piece.rate)
        last = round((Fraction(end, 1000) - piece.time) * piece.rate)
        samples[max(0, first - 1) : max(0, last + 1)] = 0
    return samples


def whole_sound(name: str, pieces: Sequence[Sound]) -> Samples:
    """Return the samples of a track from its first to its last, with silence where it has none.

    Raises RefusedError where it has none for more than an hour.
    """
    start, parts, taken = pieces[0].time, list[Samples](), 0
    for piece in pieces:
        gap = round((piece.time - start) * piece.rate) - taken
        if gap > _HOLE_MAX * piece.rate:
            raise RefusedError(f"the sound of {name} has a hole of more than an hour")
        if gap > 0:
            parts.append(np.zeros(gap, np.float32))
        parts.append(piece.samples)
        taken += max(0, gap) + len(piece.samples)
    return np.concatenate(parts)


def _changed(footage: Footage, stream: Stream, whole: Sound, plan: Plan, change: Change) -> Samples:
    """Return the samples of a track with each utterance in the voice that `change` gives it."""
    samples = silenced(whole, plan.unheard)
    heard = list(footage.sound(stream.index, VOICE_RATE))
    spoken = Sound(0, heard[0].time, VOICE_RATE, whole_sound(footage.name, heard))
    for one in plan.changed:
        voice = change(of_range(spoken, one.begin, one.end), one)
        made = resampled(voice[None, :], VOICE_RATE, whole.rate)[0]
        begin = round((Fraction(one.begin, 1000) - whole.time) * whole.rate)
        made = made[max(0, -begin) :][: max(0, len(samples) - max(0, begin))]
        samples[max(0, begin) : max(0, begin) + len(made)] = made
    return samples


def of_range(sound: Sound, begin: int, end: int) -> Samples:
    """Return the samples of a range in milliseconds of the footage's clock, silent before there are any."""
    first, last = (round((Fraction(ms, 1000) - sound.time) * sound.rate) for ms in (begin, end))
    last = min(last, max(first, len(sound.samples)))
    inside = sound.samples[max(0, first) : max(0, last)]
    return np.pad(inside, (max(0, min(last, 0) - first), 0)) if first < 0 else inside


def resampled(samples: Samples, rate: int, wanted: int) -> Samples:
    """Return samples (1, count) at another rate."""
    if rate == wanted or not samples.shape[1]:
        return samples
    resampler = av.AudioResampler(format="flt", layout="mono", rate=wanted)
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="flt", layout="mono")
    frame.sample_rate = rate
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([part.to_ndarray() for part in parts], axis=1)
