"""Picture files: JPEG, PNG, TIFF, HEIC, WebP, GIF and BMP into pixels, bombs refused before they unpack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from bearwitness.errors import MalformedError
from bearwitness.sandbox.client import Sandbox
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, array, integer, members, text

from .answers import HEAD_BYTES_MAX, nonsense, read_head
from .model import BGR24, CHANNELS, PIXELS_MAX, SIDE_MAX, Picture
from .plans import QUICK, Plan
from .source import Source

KINDS: Final = ("BMP", "GIF", "HEIF", "JPEG", "PNG", "TIFF", "WEBP")


@dataclass(frozen=True)
class Still:
    """A decoded picture file: `kind` by its content, the size before scaling, EXIF orientation (1 to 8).

    `frames`: how many it has (GIF, TIFF, WebP, HEIC); `picture` is one of them.
    """

    kind: str
    native_width: int
    native_height: int
    orientation: int
    frames: int
    picture: Picture = field(repr=False, compare=False)


def still(
    sandbox: Sandbox,
    source: Source,
    *,
    max_side: int = 0,
    pixel: str = BGR24,
    frame: int = 0,
    upright: bool = False,
    partial: bool = False,
    ground: str = "",
    plan: Plan = QUICK,
) -> Still:
    """Decode one picture file, no side longer than `max_side` if given.

    Pixels are those stored, whatever shines through them; with `ground`, a colour's name, as they are seen on
    it. `upright` turns it as its EXIF orientation says. With `partial` a file that is cut off gives what is
    there, the rest grey; without, it is refused: try without first and tell the people. Raises MediaError
    with the reason for what is no picture, damaged or too large, ChildFailedError where the child crashed.
    """
    wanted: dict[str, Json] = {
        "frame": str(frame),
        "ground": ground,
        "partial": str(partial),
        "pixel": pixel,
        "side": str(max_side),
        "upright": str(upright),
    }
    limits = plan.limits(HEAD_BYTES_MAX + PIXELS_MAX * CHANNELS[pixel])
    files, ranges = source.handed()
    untrusted = sandbox.call("still", canonical.dumps(wanted), files, limits, ranges)
    try:
        return _still(untrusted, source.name, pixel, max_side)
    except MalformedError as error:
        raise nonsense(source.name, error.message) from None


def _still(untrusted: bytes, name: str, pixel: str, max_side: int) -> Still:
    head, at = read_head(untrusted, name, " can not be shown")
    got = members(head, "an answer", "frames kind native orientation size v")
    (width, height), native = _size(got["size"]), _size(got["native"])
    if got["v"] != "1" or got["kind"] not in KINDS or (max_side and max(width, height) > max_side):
        raise MalformedError("a picture is not as asked for")
    channels = CHANNELS[pixel]
    if width * height > PIXELS_MAX or len(untrusted) - at != width * height * channels:
        raise MalformedError("a picture has more or fewer pixels than it tells")
    shape = (height, width, channels) if channels > 1 else (height, width)
    picture = np.frombuffer(untrusted, np.uint8, offset=at).reshape(shape)
    orientation = integer(got["orientation"], "an orientation", 0, 65_535)
    frames = integer(got["frames"], "a count of frames", 1)
    return Still(text(got["kind"]), *native, orientation if 1 <= orientation <= 8 else 1, frames, picture)


def _size(value: Json) -> tuple[int, int]:
    sides = array(value, "a size")
    if len(sides) != 2:
        raise MalformedError("a size has two sides")
    width, height = (integer(side, "a side", 1, 4 * SIDE_MAX) for side in sides)
    return width, height
