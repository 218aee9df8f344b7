"""The session `sound`: mono samples of one audio stream at the rate asked for."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from bearwitness.sandbox.tasks import Handler, Task
from bearwitness_verify import canonical

from .. import wire
from ..model import BACKWARDS, BROKEN, CORRUPT, HIDDEN, LOST
from .opening import Bytes, bytes_of, count_hidden, open_container, reason_of

_GAP_SECONDS: Final = Fraction(1, 50)  # smaller steps are rounding of times in milliseconds
_GAP: Final = float(_GAP_SECONDS)  # the next above it; to compare with a fraction costs as much as decoding
_GATHERED: Final = 1 << 16  # samples that are mixed at once
_SAMPLES_MAX: Final = 1 << 21  # of one record
_PAIR: Final = 2
_SIGNED: Final = frozenset({"s16", "s16p", "s32", "s32p", "flt", "fltp", "dbl", "dblp"})
_CANCELS: Final = 4  # how much less of two channels is left when they are mixed than when one is turned round


def open_sound(task: Task) -> Handler:
    """Open the stream; what can not be done is told by the first answer."""
    got = canonical.members(canonical.loads(task.arguments), "arguments", "edits rate stream")
    rate, number = int(str(got["rate"])), int(str(got["stream"]))
    batches = _batches(bytes_of(task), number, rate, edits=bool(got["edits"]))
    return lambda _: next(batches)


def _batches(source: Bytes, number: int, rate: int, *, edits: bool) -> Iterator[bytearray]:
    try:
        container = open_container(source, edits=edits)
    except av.FFmpegError as error:
        yield wire.refusal(reason_of(error))
        return
    if number >= len(container.streams) or not isinstance(container.streams[number], AudioStream):
        yield wire.refusal(f"it has no audio stream number {number}")
        return
    stream = container.streams[number]
    assert isinstance(stream, AudioStream)  # noqa: S101 - for the type checker; told above
    base = Fraction(stream.time_base or Fraction(1, rate))
    writer = wire.BatchWriter(base)
    hidden = count_hidden(source, container, number) if edits else 0
    if hidden:
        writer.trouble(HIDDEN, 0, None, f"an edit list keeps {hidden} stored packets from being heard")
    mixer = _Mixer(rate)
    decoded = _decode(container.demux(stream), writer)
    while True:
        try:
            frame = next(decoded, None)
        except av.FFmpegError as error:
            writer.trouble(BROKEN, 0, None, f"the container can not be read on: {reason_of(error)}")
            frame = None
        mixer.put(frame, base, writer)
        if frame is None or writer.troubled:
            break
        if writer.full:
            yield writer.answer(wire.MORE)
            writer.clear()
    yield writer.answer(wire.END)


def _decode(packets: Iterator[av.Packet[AudioStream]], writer: wire.BatchWriter) -> Iterator[AudioFrame]:
    """Yield frames; a packet that does not decode leaves a gap, which is told."""
    for count, packet in enumerate(packets):
        try:
            frames = packet.decode()
        except av.EOFError:
            return
        except av.FFmpegError as error:
            writer.trouble(LOST, count, packet.pts, reason_of(error))
            continue
        for frame in frames:
            if frame.is_corrupt:
                writer.trouble(CORRUPT, count, frame.pts, "the decoder had to make up parts of this sound")
            yield frame


class _Mixer:
    """Mixes to mono and resamples, one run of sound without gaps after the other.

    Frames are gathered before: a resampler that is handed twenty milliseconds at a time takes ten times as
    long as decoding does.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler: AudioResampler | None = None
        self._gathered = AudioFifo()
        self._form: tuple[object, ...] = ()
        self._frame_rate = 1  # of the run
        self._begin, self._begin_seconds = Fraction(0), 0.0  # of the run
        self._taken = 0  # samples of the run at its own rate
        self._made = 0  # samples of the run that were written

    def put(self, frame: AudioFrame | None, base: Fraction, writer: wire.BatchWriter) -> None:
        """Take the next frame, None at the end, and write what came of it."""
        if frame is None:
            self._end(writer)
            return
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None or form != self._form or self._is_off(frame.pts, base):
            self._start(frame, base, form, writer)
        self._taken += frame.samples
        frame.pts = None  # the resampler would fill gaps with silence that nobody recorded
        self._gathered.write(frame)
        if self._gathered.samples >= _GATHERED:
            self._mix(writer)

    def _is_off(self, pts: int | None, base: Fraction) -> bool:
        """Say whether a time is another than that at which the run goes on."""
        if pts is None:
            return False
        due = self._begin_seconds + self._taken / self._frame_rate
        return abs(pts * base.numerator / base.denominator - due) >= _GAP

    def _start(
        self, frame: AudioFrame, base: Fraction, form: tuple[object, ...], writer: wire.BatchWriter
    ) -> None:
        """End the run there is, and begin another with this frame."""
        time = None if frame.pts is None else frame.pts * base
        due = None if self._resampler is None else self._begin + Fraction(self._taken, self._frame_rate)
        if time is not None and due is not None and time < due - _GAP_SECONDS:
            writer.trouble(BACKWARDS, 0, frame.pts, "this sound is not later than the sound before it")
        self._end(writer)
        self._form, self._frame_rate = form, max(1, frame.sample_rate)
        self._begin = time if time is not None else (due or Fraction(0))
        self._begin_seconds = float(self._begin)
        self._resampler, self._gathered = AudioResampler("flt", "mono", self._rate), AudioFifo()
        self._taken = self._made = 0

    def _mix(self, writer: wire.BatchWriter) -> None:
        gathered = self._gathered.read()
        if gathered is not None and self._resampler is not None:
            gathered.pts = None
            self._write(self._resampler.resample(_in_phase(gathered)), writer)

    def _end(self, writer: wire.BatchWriter) -> None:
        if self._resampler is not None:
            self._mix(writer)
            self._write(self._resampler.resample(None), writer)
        self._resampler = None

    def _write(self, frames: list[AudioFrame], writer: wire.BatchWriter) -> None:
        for frame in frames:
            samples = np.frombuffer(memoryview(frame.planes[0]), "<f4", frame.samples)
            for at in range(0, len(samples), _SAMPLES_MAX):
                part = np.nan_to_num(samples[at : at + _SAMPLES_MAX], nan=0.0, posinf=1.0, neginf=-1.0)
                time = self._begin + Fraction(self._made, self._rate)
                writer.add(wire.SOUND.pack(time.numerator, time.denominator, len(part)))
                writer.data += part.tobytes()
                self._made += len(part)


def _in_phase(frame: AudioFrame) -> AudioFrame:
    """Return sound of two channels that do not cancel each other out when they are mixed.

    Of a microphone whose wires were swapped one channel is the other's negative: nothing would be heard.
    """
    if frame.layout.nb_channels != _PAIR or frame.format.name not in _SIGNED:
        return frame
    samples = frame.to_ndarray()
    left, right = samples if frame.format.is_planar else (samples[0, 0::2], samples[0, 1::2])
    one, other = left.astype(np.float32), right.astype(np.float32)
    if _CANCELS * float(np.square(one + other).sum()) >= float(np.square(one - other).sum()):
        return frame
    most = np.finfo(right.dtype).max if right.dtype.kind == "f" else np.iinfo(right.dtype).max
    np.negative(np.maximum(right, -most), out=right)
    turned = AudioFrame.from_ndarray(samples, format=frame.format.name, layout=frame.layout.name)
    turned.sample_rate = frame.sample_rate
    return turned
