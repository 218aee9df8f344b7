"""Frames of a video stream, scaled in the child, with their times and every trouble on the way.

    troubles: list[DecodeTrouble] = []
    for frame in frames(sandbox, source, stream=0, max_side=640, troubles=troubles):
        use(frame.time, frame.picture)

The child decodes the next batch while the last one is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import numpy as np

from bearwitness.errors import MalformedError
from bearwitness.sandbox.client import Sandbox, Session
from bearwitness_verify import canonical

from . import wire
from .answers import nonsense, note
from .model import (
    BACKWARDS,
    BGR24,
    CHANNELS,
    I420,
    PIXELS_MAX,
    SIDE_MAX,
    DecodeTrouble,
    Frame,
    MediaError,
    Picture,
    shape_of,
)
from .plans import USUAL, Plan
from .source import Source

_HEADS_BYTES_MAX: Final = 32 << 20  # records and troubles of one batch
_QUARTER: Final = 90


def frames(
    sandbox: Sandbox,
    source: Source,
    *,
    stream: int,
    troubles: list[DecodeTrouble],
    width: int = 0,
    height: int = 0,
    max_side: int = 0,
    pixel: str = BGR24,
    key_only: bool = False,
    start: Fraction | None = None,
    end: Fraction | None = None,
    every: Fraction | None = None,
    saved: int = 0,
    upright: bool = False,
    edits: bool = True,
    draft: bool = False,
    plan: Plan = USUAL,
) -> Iterator[Frame]:
    """Yield the frames of video stream number `stream`, in the order they are shown.

    They have their own size, or exactly `width` and `height`, or are made smaller until no side is longer
    than `max_side`. With `start` (inclusive) and `end` (exclusive), in seconds of the stream's clock, only
    those in between; with `every`, at most one in so many seconds; with `key_only` only those that decode
    without others (the rest is not even decoded, nor are key frames that `every` leaves out; for `saved` see
    spacing.py). `upright` turns them as the container says, by quarters. Without `edits` what an edit list of
    MP4 or MOV hides is decoded too, and times are those of the media; frames are as large as they are stored,
    with what H.264 and HEVC cut off. A `draft` takes half the time: frames
    that no other frame needs are left out, and told as lost among the troubles; edges of blocks are left as
    they are.

    Appends to `troubles`, before the next frame, whatever did not decode; who ignores the list skips frames
    in silence. Raises MediaError for a file that is no video or not as asked, ChildFailedError where the
    child crashed, hung or answered nonsense: try once more with :meth:`Plan.stricter`, else say so.
    """
    if (width or height) and (max_side or not (0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX)):
        raise ValueError("give either width and height or max_side")
    wanted: dict[str, canonical.Json] = {
        "stream": str(stream),
        "width": str(width),
        "height": str(height),
        "side": str(max_side),
        "pixel": pixel,
        "key_only": key_only,
        "start": _text(start),
        "end": _text(end),
        "every": _text(every),
        "saved": str(saved),
        "draft": draft,
        "edits": edits,
        "threads": str(plan.threads),
    }
    if upright and pixel == I420:
        raise ValueError("planes are not turned")
    pixels = min(width * height or max_side**2 or PIXELS_MAX, PIXELS_MAX)
    scratch_bytes = wire.BATCH_BYTES + pixels * CHANNELS[pixel]  # a batch ends with the frame that fills it
    limits, asked = plan.limits(_HEADS_BYTES_MAX), canonical.dumps(wanted)
    files, ranges = source.handed()
    with sandbox.session("frames", asked, files, limits, ranges, scratch_bytes) as session:
        checker = _Checker(source.name, pixel, width, height, max_side, troubles, upright)
        session.post(b"")
        ended = False
        while not ended:
            batch = _take(session, source.name)
            ended = batch.ended
            if not ended:
                session.post(b"")
            yield from checker.frames(batch)


def _text(value: Fraction | None) -> str | None:
    return None if value is None else str(Fraction(value))


def _take(session: Session, name: str) -> wire.Batch:
    untrusted = session.take()
    try:
        return wire.read_batch(untrusted, wire.FRAME.size, session.copy)
    except wire.RefusedByChildError as refused:
        raise MediaError(f"{name}: no frames can be decoded: {refused}") from None
    except MalformedError as error:
        raise nonsense(name, error.message) from None


class _Checker:
    """Takes in batches: sizes, order and counts are checked before a pixel is looked at."""

    def __init__(
        self,
        name: str,
        pixel: str,
        width: int,
        height: int,
        max_side: int,
        troubles: list[DecodeTrouble],
        upright: bool,
    ) -> None:
        self._name, self._pixel, self._troubles, self._upright = name, pixel, troubles, upright
        self._width, self._height, self._side = width, height, max_side
        self._index = -1
        self._time: Fraction | None = None

    def frames(self, batch: wire.Batch) -> Iterator[Frame]:
        """Yield the frames of one batch."""
        note(self._troubles, batch.troubles, self._name)
        try:
            yield from self._frames(batch)
        except MalformedError as error:
            raise nonsense(self._name, error.message) from None

    def _frames(self, batch: wire.Batch) -> Iterator[Frame]:
        at = 0
        for index, pts, key, rotation, width, height, *native in wire.FRAME.iter_unpack(batch.records):
            self._check(index, key, (width, height), native)
            shape = shape_of(self._pixel, width, height)
            size = math.prod(shape)
            if at + size > len(batch.data):
                raise MalformedError("a frame is cut off")
            picture = np.frombuffer(batch.data[at : at + size], np.uint8)
            at += size
            time = pts * batch.time_base
            self._index = index
            if self._time is not None and time <= self._time:
                self._troubles.append(
                    DecodeTrouble(BACKWARDS, index, time, "this frame is not later than the one before it")
                )
            self._time = time
            yield self._frame(index, pts, time, key, rotation, native, picture.reshape(shape))
        if at != len(batch.data):
            raise MalformedError("a batch holds pixels that belong to no frame")

    def _check(self, index: int, key: int, size: tuple[int, int], native: list[int]) -> None:
        asked = not self._width or size == (self._width, self._height)
        fits = not self._side or max(size) <= self._side
        if not (asked and fits and min(size) > 0 and size[0] * size[1] <= PIXELS_MAX):
            raise MalformedError("a frame has another size than was asked for")
        if self._pixel == I420 and (size[0] % 2 or size[1] % 2):
            raise MalformedError("a frame in planes has an odd side")
        if not (min(native) > 0 and max(native) <= SIDE_MAX and key <= 1 and index > self._index):
            raise MalformedError("a frame does not follow the one before it")

    def _frame(
        self,
        index: int,
        pts: int,
        time: Fraction,
        key: int,
        rotation: int,
        native: list[int],
        picture: Picture,
    ) -> Frame:
        if self._upright and rotation:
            if rotation % _QUARTER:
                raise MediaError(f"{self._name} is to be turned by {rotation} degrees, not by a quarter")
            picture = np.rot90(picture, rotation // _QUARTER)
            rotation = 0
        return Frame(index, pts, time, bool(key), rotation, native[0], native[1], picture)
