"""The call `planes`: one frame's samples exactly as decoded, found by the bytes of its packet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256
from typing import Any, Final, cast

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from bearwitness.sandbox.tasks import Task
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, unb64

from ..model import CORRUPT, LOST, PIXELS_MAX, SIDE_MAX
from .decoding import Decoded, Decoder, Told
from .opening import bytes_of, open_container, reason_of

_AFTER_MAX: Final = 80  # packets decoded after the one wanted, so that every damage before it is known
_SEARCH: Final = Fraction(10)  # seconds after the time given in which the packet is looked for
_MARGIN: Final = Fraction(1)  # seconds by which a container's clock may differ from its table's
_LAYOUTS: Final = {
    "gray": "grey8", "gray10le": "grey10",
    "yuv420p": "420p8", "yuvj420p": "420p8", "yuv420p10le": "420p10",
    "yuv422p": "422p8", "yuvj422p": "422p8", "yuv422p10le": "422p10",
    "yuv444p": "444p8", "yuvj444p": "444p8", "yuv444p10le": "444p10",
}  # fmt: skip
_MATRICES: Final = {1: "bt709", 4: "bt601", 5: "bt601", 6: "bt601", 7: "bt601", 9: "bt2020", 10: "bt2020"}
_FULL: Final = 2
_STANDARD_HEIGHT: Final = 576  # up to it footage that tells no matrix is taken for television of old
_QUARTER: Final = 90


class _RefusedError(Exception):
    """What can not be done with this file, in words for people."""


@dataclass
class _Watch:
    """Hands packets on, and notes the one that is wanted and the key frames before it."""

    container: InputContainer
    digest: bytes
    until: Fraction | None
    number: int | None = None
    count: int = 0
    times: list[int | None] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)

    def demux(self, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
        """Yield packets, a few more than up to the one wanted."""
        base = Fraction(stream.time_base or 1)
        for packet in self.container.demux(stream):
            late = self.until is not None and packet.pts is not None and packet.pts * base > self.until
            if late and self.number is None:
                return
            if packet.size and self.number is None and sha256(bytes(packet)).digest() == self.digest:
                self.number = self.count
            if packet.is_keyframe:
                self.keys.append(self.count)
            self.times.append(packet.pts)
            self.count += 1
            yield packet
            if self.number is not None and self.count > self.number + _AFTER_MAX:
                return


def planes(task: Task) -> bytes:
    """Return the head in canonical JSON, a line end and the planes, or a head with the reason."""
    got = canonical.members(canonical.loads(task.arguments), "arguments", "around digest threads track")
    around, digest = Fraction(str(got["around"])), unb64(got["digest"], "a digest", 32)
    threads, track = int(str(got["threads"])), int(str(got["track"]))
    try:
        head, samples = _found(task, around, digest, threads, track)
    except (av.FFmpegError, _RefusedError) as error:
        plain = reason_of(error)[:200].encode("ascii", "replace").decode()
        plain = "".join(c if c.isprintable() else "?" for c in plain)
        return canonical.dumps({"refused": plain, "v": "1"}) + b"\n"
    return canonical.dumps(head) + b"\n" + samples


def _found(task: Task, around: Fraction, digest: bytes, threads: int, track: int) -> tuple[Json, bytes]:
    """Look in every video stream, the likeliest first; from the time given, then from the beginning."""
    with open_container(bytes_of(task), edits=False) as container:
        streams = [s.index for s in sorted(container.streams.video, key=lambda s: (s.id != track, s.index))]
    for start in (max(Fraction(0), around - _MARGIN), None):
        for number in streams:
            with open_container(bytes_of(task), edits=False) as container:
                stream = container.streams[number]
                assert isinstance(stream, VideoStream)  # noqa: S101 - for the type checker
                found = _decode(container, stream, start, digest, threads)
            if found is not None:
                return found
    raise _RefusedError("the packet was not found in it, or gave no frame")


def _decode(
    container: InputContainer, stream: VideoStream, start: Fraction | None, digest: bytes, threads: int
) -> tuple[Json, bytes] | None:
    context = stream.codec_context
    if context.width * context.height > PIXELS_MAX:
        raise _RefusedError(f"its frames of {context.width} x {context.height} are larger than any decoded")
    context.thread_count, context.copy_opaque = threads, True
    context.thread_type = "AUTO" if threads > 1 else "SLICE"
    context.options = {"max_pixels": str(PIXELS_MAX)}
    if start is not None:
        try:
            container.seek(int(start / Fraction(stream.time_base or 1)), stream=stream, backward=True)
        except av.FFmpegError as error:
            reason_of(error)  # for its MemoryError
            return None
    watch = _Watch(container, digest, None if start is None else start + _SEARCH)
    troubles: list[Told] = []
    wanted: VideoFrame | None = None
    for what in Decoder(cast(Any, watch), stream, key_only=False).run():
        if isinstance(what, Told):
            troubles.append(what)
        elif wanted is None and watch.number is not None and _is_of(what, watch):
            wanted = what.frame
    if wanted is None:
        return None
    return _answer(wanted, stream, damaged=_damaged(watch, troubles))


def _is_of(what: Decoded, watch: _Watch) -> bool:
    if isinstance(what.frame.opaque, int):
        return what.frame.opaque == watch.number
    return watch.number is not None and what.frame.pts == watch.times[watch.number]


def _damaged(watch: _Watch, troubles: list[Told]) -> bool:
    """Say whether anything the frame may rest on was lost or made up: from its key frame on."""
    number = watch.number or 0
    time = watch.times[number]
    keys = [
        key
        for key in watch.keys
        if key <= number and (watch.times[key] or 0) <= (0 if time is None else time)
    ]
    if not keys:
        return True
    since = watch.times[keys[-1]]
    for told in troubles:
        before = told.pts is not None and since is not None and told.pts < since
        if told.kind in (LOST, CORRUPT) and keys[-1] <= told.packet <= number and not before:
            return True
    return False


def _answer(frame: VideoFrame, stream: VideoStream, *, damaged: bool) -> tuple[Json, bytes]:
    name = frame.format.name
    if name not in _LAYOUTS:
        raise _RefusedError(f"its frames are {name}, which no still is made of")
    if frame.width * frame.height > PIXELS_MAX or max(frame.width, frame.height) > SIDE_MAX:
        raise _RefusedError(f"its frames of {frame.width} x {frame.height} are larger than any decoded")
    untold = "bt709" if frame.height > _STANDARD_HEIGHT else "bt601"
    full = frame.color_range == _FULL or name.startswith("yuvj") or (name.startswith("gray"))
    codec, turned = stream.codec_context.codec, frame.rotation
    library = ".".join(str(part) for part in av.library_versions["libavcodec"])
    head: dict[str, Json] = {
        "codec": codec.canonical_name,
        "damaged": damaged,
        "decoder": f"{codec.name} of FFmpeg {av.ffmpeg_version_info}, libavcodec {library}",
        "height": str(frame.height),
        "matrix": _MATRICES.get(int(frame.colorspace), untold),
        "pixels": _LAYOUTS[name],
        "range": "full" if full else "limited",
        "turn": str(0 if turned % _QUARTER else turned // _QUARTER % 4),
        "v": "1",
        "width": str(frame.width),
    }
    return head, b"".join(_plane(frame, number) for number in range(len(frame.planes)))


def _plane(frame: VideoFrame, number: int) -> bytes:
    """Return the samples of a plane without what FFmpeg leaves at the end of rows."""
    plane = frame.planes[number]
    wide = 2 if frame.format.name.endswith("10le") else 1
    stored = np.frombuffer(memoryview(plane), np.uint8)[: plane.line_size * plane.height]
    return stored.reshape(plane.height, plane.line_size)[:, : plane.width * wide].tobytes()
