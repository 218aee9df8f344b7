"""Carrying out a plan on footage: groups that need no change are copied, the others covered and encoded anew.

Only H.264 with lengths before its units, as MP4, QuickTime and Matroska hold it, is mixed so. Everything else
is encoded anew as a whole: to VP9 for WebM, to H.264 for the rest.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from bearwitness.errors import RefusedError
from bearwitness.signals import marks

from . import h264
from .copying import Scan, Stretch, assemble, scan, stretches
from .encoding import Coded, Encoder, Settings, as_i420
from .filling import Plane, cover, cover_all_but, planes
from .footage import Footage
from .geometry import Box, turned_back
from .muxing.model import Packet, VideoTrack
from .plan import Plan

I420: Final = "i420"
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Rendered:
    """The finished video track; `copied` are its ranges of packets that are the original's, by index."""

    track: VideoTrack
    copied: tuple[tuple[int, int], ...]
    why_not_copied: str = ""

    @property
    def size(self) -> int:
        """How many bytes its packets have."""
        return sum(len(packet.data) for packet in self.track.packets)

    def without_bytes(self) -> Rendered:
        """Return what there is to tell of it once it is written: hours of footage have many bytes."""
        packets = [replace(packet, data=b"") for packet in self.track.packets]
        return replace(self, track=replace(self.track, packets=packets))

    @property
    def share_copied(self) -> float:
        """Which share of the packets is the original's."""
        return sum(end - begin for begin, end in self.copied) / len(self.track.packets)


def render(
    footage: Footage,
    plan: Plan,
    codec: str,
    progress: Progress = lambda done: None,
    mark: bytes | None = None,
) -> Rendered:
    """Return the video track with everything hidden that the plan hides; raise RefusedError.

    `codec`: h264, vp8 or vp9, as the output's container needs it. `mark`: the key of the mark that a plan
    with one puts into every picture; without it the pictures are those that the mark is put into.
    """
    return _Renderer(footage, plan, codec, progress, mark).run()


def unmarked(footage: Footage, plan: Plan) -> Iterator[tuple[Fraction, Plane]]:
    """Yield seconds since the first and each picture (I420, stored as is) that a plan's mark is put into."""
    renderer = _Renderer(footage, plan, "h264", lambda done: None)
    for time, picture in renderer.pictures():
        yield renderer.seconds(time), picture


class _Renderer:
    """One rendering: the plan's regions in stored coordinates, and the encoder."""

    def __init__(
        self, footage: Footage, plan: Plan, codec: str, progress: Progress, mark: bytes | None = None
    ) -> None:
        self._footage, self._plan, self._codec, self._progress = footage, plan, codec, progress
        self._hidden, self._windows, self._mark = plan.hidden(), plan.windows(), mark
        self._times = frozenset(plan.times)
        self._width, self._height = footage.video.width & ~1, footage.video.height & ~1

    def run(self) -> Rendered:
        reason = self._why_whole()
        if not reason:
            packets = self._footage.packets(self._footage.video.index)
            scanned = scan(self._footage.sandbox, self._footage.video.extradata, packets)
            free = h264.free_id(scanned.taken)
            if free is not None:
                return self._mixed(packets, scanned, free)
            reason = "all numbers of parameter sets are taken"
        return self._whole(reason)

    def pictures(self) -> Iterator[tuple[int, Plane]]:
        """Yield all pictures as they are encoded, with their times in ticks."""
        return self._covered(list(self._plan.times), whole=True)

    def seconds(self, time: int) -> Fraction:
        """Return how long after the first picture one is shown."""
        return (time - self._plan.times[0]) * self._footage.time_base

    def _why_whole(self) -> str:
        """Return why the file must be encoded anew as a whole, "" if groups of it may be copied."""
        video = self._footage.video
        if self._footage.anew:
            return "no packet of the original is to be in it"
        if self._plan.mark:
            return "a mark is put into every picture"
        if self._codec != "h264" or video.codec != "h264" or video.extradata[:1] != b"\x01":
            return f"{video.codec} in this container is encoded anew as a whole"
        if self._plan.inverted:
            return "every frame changes"
        if video.pixel_format not in ("yuv420p", "yuvj420p") or video.width % 2 or video.height % 2:
            return f"pictures of the kind {video.pixel_format} are encoded anew as a whole"
        if not self._footage.tells_times(video.index):
            return "its packets do not say when each frame is shown"
        shown = {packet.pts for packet in self._footage.packets(video.index)}
        return "" if self._times <= shown else "its packets say other times than its frames"

    def _mixed(self, packets: Sequence[Packet], scanned: Scan, free: int) -> Rendered:
        unseen = [packet.pts for packet in packets if packet.pts not in self._times]
        if not set(unseen) <= self._footage.not_shown:
            raise RefusedError(
                f"a frame at {float(unseen[0] * self._footage.time_base):.3f} s is not in the plan",
                "nobody looked at it; make the plan anew",
            )
        # Packets the container says not to show give no frame: their groups can not be copied.
        flags = bytes(
            flag if packet.pts in self._times else flag & ~2
            for flag, packet in zip(scanned.flags, packets, strict=True)
        )
        parts = stretches(packets, flags, self._hidden)
        encoder = Encoder(self._settings(set_id=free, like=scanned.configuration))
        shown = [packet for packet in packets if packet.pts in self._times]
        parts = _without_hidden(parts, packets, self._times)

        def encode(times: list[int]) -> list[Coded]:
            return encoder.encode(self._covered(times))

        made = assemble(shown, parts, encode)
        copied, at = [], 0
        for part in parts:
            if part.copied:
                copied.append((at, at + part.end - part.begin))
                self._progress(part.end - part.begin)
            at += part.end - part.begin
        sets = scanned.configuration
        if encoder.configuration is not None:
            sets = h264.Configuration(
                sets.length_size,
                (*(sets.sps if copied else ()), *encoder.configuration.sps),
                (*(sets.pps if copied else ()), *encoder.configuration.pps),
            )
        return Rendered(self._track(made, h264.write_configuration(sets)), tuple(copied))

    def _whole(self, reason: str) -> Rendered:
        encoder = Encoder(self._settings())
        times = list(self._plan.times)
        coded = encoder.encode(self._covered(times, whole=True))
        if [time for time, _, _ in coded] != times:
            raise RefusedError("the encoder did not give back each frame at its time")
        lengths = self._lengths(times)
        packets = [
            Packet(time, time, length, key, data)
            for (time, key, data), length in zip(coded, lengths, strict=True)
        ]
        config = h264.write_configuration(encoder.configuration) if encoder.configuration else b""
        return Rendered(self._track(packets, config), (), reason)

    def _lengths(self, times: Sequence[int]) -> list[int]:
        """Return how long each frame is shown: until the next; the last as long as the one before."""
        steps = [b - a for a, b in itertools.pairwise(times)]
        usual = round(1 / (self._footage.rate * self._footage.time_base))
        return [*steps, steps[-1] if steps else max(1, usual)]

    def _settings(self, set_id: int = 0, like: h264.Configuration | None = None) -> Settings:
        video = self._footage.video
        return Settings(
            self._codec, self._width, self._height, self._footage.time_base, self._footage.rate,
            full_range=self._footage.full_range, pixel_aspect=video.pixel_aspect or Fraction(1),
            colour=self._footage.colour, set_id=set_id, profile=like.sps[0][1] if like else 100,
            length_size=like.length_size if like else 4,
        )  # fmt: skip

    def _track(self, packets: Sequence[Packet], config: bytes) -> VideoTrack:
        video = self._footage.video
        return VideoTrack(
            self._codec, self._footage.time_base, self._width, self._height, config, packets,
            quarter_turns=self._footage.quarter_turns, pixel_aspect=video.pixel_aspect or Fraction(1),
            colour=self._footage.colour,
        )  # fmt: skip

    def _covered(self, times: Sequence[int], *, whole: bool = False) -> Iterator[tuple[int, Plane]]:
        """Yield the frames at `times`, which are consecutive or the `whole` file, covered.

        Raises RefusedError where one lacks, or comes out that is not among them.
        """
        base, wanted, at = self._footage.time_base, list(times), 0
        start, end = (None, None) if whole else (wanted[0] * base, (wanted[-1] + 1) * base)
        frames = self._footage.frames(I420, start=start, end=end)
        for frame in frames:
            if at == len(wanted) or frame.pts != wanted[at] or frame.pts not in self._times:
                raise RefusedError(
                    f"a frame at {float(frame.time):.3f} s came out that the plan does not know",
                    "the file is decoded differently than when the plan was made; make the plan anew",
                )
            yield frame.pts, self._cover(frame.picture, frame.pts)
            at += 1
            self._progress(1)
        if at != len(wanted):
            raise RefusedError(f"{len(wanted) - at} frames did not come out again that the plan knows")

    def _cover(self, picture: Plane, time: int) -> Plane:
        own = picture.copy()
        full_range = self._footage.full_range
        if self._mark is not None:  # first: what is hidden is covered, the mark too
            grid = marks.at_time(self._mark, float(self.seconds(time)))
            marks.put(planes(own)[0], grid, full_range=full_range)
        boxes = [self._stored(box) for box in self._hidden.get(time, [])]
        if self._plan.inverted:
            windows = [self._stored(box) for box in self._windows.get(time, [])]
            cover_all_but(own, windows, full_range=full_range)
        if boxes:
            cover(own, boxes, self._plan.fill, full_range=full_range)
        return own

    def _stored(self, box: Box) -> Box:
        video = self._footage.video
        return turned_back(box, self._plan.picture.quarter_turns, video.width, video.height)


def _without_hidden(
    parts: Sequence[Stretch], packets: Sequence[Packet], times: frozenset[int]
) -> list[Stretch]:
    """Return the stretches as they count once packets that are not shown are left out."""
    found, at = [], 0
    for part in parts:
        size = sum(packet.pts in times for packet in packets[part.begin : part.end])
        if part.copied and size != part.end - part.begin:
            raise RefusedError("a group with frames that are not shown was to be copied")
        if size:
            found.append(Stretch(at, at + size, part.copied))
        at += size
    return found


__all__ = ["I420", "Rendered", "as_i420", "render"]
