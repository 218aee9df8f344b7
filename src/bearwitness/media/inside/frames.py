"""The session `frames`: each question is answered with the next batch of one video stream."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from bearwitness.sandbox.tasks import Handler, Task
from bearwitness_verify import canonical

from .. import wire
from ..model import BROKEN, CHANNELS, HIDDEN, I420, PIXELS_MAX, SIDE_MAX
from ..spacing import Spacing
from .decoding import Decoded, Decoder, Told
from .opening import Bytes, bytes_of, count_hidden, open_container, reason_of


@dataclass(frozen=True)
class Wish:
    """What the parent asks for; it is trusted."""

    stream: int
    width: int
    height: int
    side: int
    pixel: str
    key_only: bool
    start: Fraction | None
    end: Fraction | None
    every: Fraction | None
    saved: int
    draft: bool
    edits: bool
    threads: int

    @classmethod
    def decode(cls, data: bytes) -> Wish:
        """Read the arguments of the task."""
        got = canonical.members(
            canonical.loads(data),
            "arguments",
            "stream width height side pixel key_only start end every saved draft edits threads",
        )
        return cls(
            stream=int(str(got["stream"])),
            width=int(str(got["width"])),
            height=int(str(got["height"])),
            side=int(str(got["side"])),
            pixel=str(got["pixel"]),
            key_only=bool(got["key_only"]),
            start=_fraction(got["start"]),
            end=_fraction(got["end"]),
            every=_fraction(got["every"]),
            saved=int(str(got["saved"])),
            draft=bool(got["draft"]),
            edits=bool(got["edits"]),
            threads=int(str(got["threads"])),
        )


def _fraction(value: canonical.Json) -> Fraction | None:
    return None if value is None else Fraction(str(value))


def open_frames(task: Task) -> Handler:
    """Open the stream; what can not be done is told by the first answer."""
    wish = Wish.decode(task.arguments)
    try:
        batches = _batches(bytes_of(task), wish, task.scratch)
        first = next(batches)
    except (av.FFmpegError, _RefusedError) as error:
        refused = wire.refusal(reason_of(error))
        return lambda _: refused
    waiting = [first]

    def answer(_: bytes) -> bytearray:
        return waiting.pop() if waiting else next(batches)

    return answer


class _RefusedError(Exception):
    """What was asked can not be done with this file."""


def _batches(source: Bytes, wish: Wish, scratch: memoryview | None) -> Iterator[bytearray]:
    container, stream = _open(source, wish)
    base = Fraction(stream.time_base or 1)
    if wish.start is not None:
        container, stream = _seek(source, wish, container, stream, base)
    scaler = Scaler(wish)
    writer = wire.BatchWriter(base, scratch)
    hidden = count_hidden(source, container, wish.stream) if wish.edits else 0
    if hidden:
        writer.trouble(HIDDEN, 0, None, f"an edit list keeps {hidden} stored packets from being shown")
    decoder = Decoder(
        container, stream, key_only=wish.key_only, start=wish.start, every=wish.every, saved=wish.saved
    )
    for what in _wanted(decoder.run(), wish, base):
        if isinstance(what, Told):
            writer.trouble(what.kind, what.packet, what.pts, what.reason)
            if writer.troubled:
                writer.trouble(BROKEN, what.packet, what.pts, "too much is broken; reading stopped here")
                break
        else:
            try:
                scaler.put(writer, what)
            except _RefusedError as error:
                writer.trouble(BROKEN, what.index, what.pts, str(error))
                break
        if writer.full:
            yield writer.answer(wire.MORE)
            writer.clear()
    yield writer.answer(wire.END)


def _open(source: Bytes, wish: Wish) -> tuple[InputContainer, VideoStream]:
    container = open_container(source, edits=wish.edits)
    if wish.stream >= len(container.streams) or not isinstance(container.streams[wish.stream], VideoStream):
        raise _RefusedError(f"it has no video stream number {wish.stream}")
    stream = container.streams[wish.stream]
    assert isinstance(stream, VideoStream)  # noqa: S101 - for the type checker; the line above raises
    context = stream.codec_context
    if context.width * context.height > PIXELS_MAX:
        raise _RefusedError(
            f"its frames of {context.width} x {context.height} are larger than any decoded here"
        )
    # Frames in flight take memory for each thread; os.cpu_count would open a file.
    # Key frames come far apart: threads would hold many, and wait for each other.
    context.thread_count = 1 if wish.key_only else min(wish.threads, len(os.sched_getaffinity(0)))
    context.thread_type = "AUTO" if context.thread_count > 1 else "SLICE"
    context.copy_opaque = True
    context.options = {"max_pixels": str(PIXELS_MAX)}
    if not wish.edits:  # what H.264 and HEVC cut off is stored too
        context.options = {**context.options, "apply_cropping": "0"}
    if wish.key_only:
        context.skip_frame = "NONKEY"
    elif wish.draft:
        context.skip_frame = "NONREF"
        context.options = {**context.options, "skip_loop_filter": "all"}
    return container, stream


def _seek(
    source: Bytes, wish: Wish, container: InputContainer, stream: VideoStream, base: Fraction
) -> tuple[InputContainer, VideoStream]:
    """Stand at a key frame not after the start; at the beginning where the container can not do better."""
    start = wish.start or Fraction(0)
    try:
        container.seek(int(start / base), stream=stream, backward=True)
        packet = next(container.demux(stream), None)
        if (
            packet is not None
            and packet.is_keyframe
            and packet.pts is not None
            and packet.pts * base <= start
        ):
            container.seek(int(start / base), stream=stream, backward=True)
            return container, stream
    except av.FFmpegError as error:
        reason_of(error)  # for its MemoryError
    return _open(source, wish)


def _wanted(run: Iterator[Decoded | Told], wish: Wish, base: Fraction) -> Iterator[Decoded | Told]:
    """Leave out the frames nobody asked for, never a trouble between them."""
    spacing = Spacing(wish.every, wish.saved) if wish.every is not None else None
    for what in run:
        if what.pts is None:
            yield what
            continue
        time = what.pts * base
        if isinstance(what, Decoded):
            if wish.end is not None and time >= wish.end:
                return
            if wish.start is not None and time < wish.start:
                continue
            if spacing is not None and not spacing.takes(time):
                continue
        elif wish.start is not None and time < wish.start:
            continue
        yield what


class Scaler:
    """Scales frames and lays their pixels into a batch."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._reformatter = VideoReformatter()  # one, so that its tables are made once

    def put(self, writer: wire.BatchWriter, decoded: Decoded) -> None:
        """Append a frame to the batch; raise _RefusedError for one that is too large."""
        frame = decoded.frame
        if frame.width * frame.height > PIXELS_MAX or max(frame.width, frame.height) > SIDE_MAX:
            raise _RefusedError(f"a frame of {frame.width} x {frame.height} is larger than any decoded here")
        width, height = self._size(frame)
        if self._wish.pixel == I420:
            self._put_planes(writer, decoded)
            return
        scaled = self._reformatter.reformat(
            frame, width, height, self._wish.pixel, interpolation="AREA" if width < frame.width else "BICUBIC"
        )
        key = int(frame.key_frame)
        turned = frame.rotation
        record = (decoded.index, decoded.pts, key, turned, width, height, frame.width, frame.height)
        writer.add(wire.FRAME.pack(*record))
        row_bytes = width * CHANNELS[self._wish.pixel]
        _copy_pixels(writer.room(row_bytes * height), scaled, row_bytes, height)

    def _put_planes(self, writer: wire.BatchWriter, decoded: Decoded) -> None:
        """Append a frame as I420 in its own size and range, an odd last row or column left out."""
        frame = decoded.frame
        width, height = frame.width & ~1, frame.height & ~1
        if not width or not height:
            raise _RefusedError("a frame is too small for planes")
        # As it is if it can be, luma the decoder's to the bit: copied and encoded groups must match.
        if frame.format.name not in ("yuv420p", "yuvj420p"):
            frame = self._reformatter.reformat(frame, format="yuv420p")
        record = (
            decoded.index, decoded.pts, int(decoded.frame.key_frame), decoded.frame.rotation,
            width, height, decoded.frame.width, decoded.frame.height,
        )  # fmt: skip
        writer.add(wire.FRAME.pack(*record))
        for number, (columns, rows) in enumerate(((width, height), *((width // 2, height // 2),) * 2)):
            _copy_pixels(writer.room(columns * rows), frame, columns, rows, number)

    def _size(self, frame: VideoFrame) -> tuple[int, int]:
        wish, longest = self._wish, max(frame.width, frame.height)
        if wish.width:
            return wish.width, wish.height
        if not wish.side or longest <= wish.side:
            return frame.width, frame.height
        width, height = (max(1, round(part * wish.side / longest)) for part in (frame.width, frame.height))
        return width, height


def _copy_pixels(room: memoryview, frame: VideoFrame, row_bytes: int, height: int, number: int = 0) -> None:
    """Copy the pixels of a plane without what FFmpeg leaves at the end of rows."""
    plane = frame.planes[number]
    stored = np.frombuffer(memoryview(plane), np.uint8)[: plane.line_size * height]
    rows = stored.reshape(height, plane.line_size)
    np.frombuffer(room, np.uint8).reshape(height, row_bytes)[:] = rows[:, :row_bytes]
