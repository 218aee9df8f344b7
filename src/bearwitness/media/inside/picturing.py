"""The call `still`: one picture file into pixels, with its size looked at before it is unpacked."""

from __future__ import annotations

import math
import struct
from typing import Any, Final, cast

import numpy as np
import pillow_heif
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from bearwitness.sandbox.tasks import Task
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json

from ..model import BGR24, PIXELS_MAX, SIDE_MAX
from .opening import FileObject, bytes_of

KINDS: Final = ("BMP", "GIF", "HEIF", "JPEG", "PNG", "TIFF", "WEBP")
_ORIENTATION: Final = 0x0112
_FRAMES_COUNTED_MAX: Final = 10_000

# Pillow's own limits would be raised as warnings too late; ours are looked at before a pixel is unpacked.
Image.MAX_IMAGE_PIXELS = None
ImageFile.LOAD_TRUNCATED_IMAGES = False
pillow_heif.options.DECODE_THREADS = 1
pillow_heif.register_heif_opener(thumbnails=False)
Image.preinit()
Image.init()


class _RefusedError(Exception):
    """What can not be done with this file, in words for people."""


def still(task: Task) -> bytes:
    """Return the head in canonical JSON, a line end and the pixels, or a head with the reason."""
    got = canonical.members(
        canonical.loads(task.arguments), "arguments", "frame ground partial pixel side upright"
    )
    try:
        head, pixels = _decode(task, {name: str(value) for name, value in got.items()})
    except _RefusedError as error:
        return canonical.dumps({"refused": str(error), "v": "1"}) + b"\n"
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, struct.error) as error:
        words = f"{type(error).__name__}: {error}"[:200].encode("ascii", "replace").decode()
        plain = "".join(c if c.isprintable() else "?" for c in words)
        return canonical.dumps({"refused": f"it does not decode ({plain})", "v": "1"}) + b"\n"
    return canonical.dumps(head) + b"\n" + pixels


def _on(picture: Image.Image, ground: str) -> Image.Image:
    """Return a picture as it is seen on a ground of this colour; as it is stored where that is empty."""
    if not ground or not picture.has_transparency_data:
        return picture
    seen = Image.new("RGBA", picture.size, ground)
    seen.alpha_composite(picture.convert("RGBA"))
    seen.info = {name: value for name, value in picture.info.items() if name != "transparency"}
    return seen


def _decode(task: Task, wish: dict[str, str]) -> tuple[dict[str, Json], bytes]:
    ImageFile.LOAD_TRUNCATED_IMAGES = wish["partial"] == "True"
    try:
        picture = Image.open(cast(Any, FileObject(bytes_of(task))), formats=KINDS)
    except UnidentifiedImageError:
        raise _RefusedError("it is no picture of a kind that is read here") from None
    width, height = picture.size
    if width * height > PIXELS_MAX or max(width, height) > 4 * SIDE_MAX:
        raise _RefusedError(f"its {width} x {height} pixels are more than are unpacked")
    kind = (
        "JPEG" if picture.format == "MPO" else str(picture.format)
    )  # several JPEGs in a row, as phones write
    frames = min(int(getattr(picture, "n_frames", 1)), _FRAMES_COUNTED_MAX)
    number = int(wish["frame"])
    if number >= frames:
        raise _RefusedError(f"it has {frames} frames, and number {number} was asked for")
    if number:
        picture.seek(number)
    side = int(wish["side"])
    if side and kind == "JPEG":
        picture.draft("RGB", (side, side))
    orientation = int(picture.getexif().get(_ORIENTATION, 1) or 1)
    plain = _on(picture, wish["ground"]).convert("RGB" if wish["pixel"] == BGR24 else "L")
    if wish["upright"] == "True":
        plain = ImageOps.exif_transpose(plain)
    if side and max(plain.size) > side:
        factor = side / max(plain.size)
        plain = plain.resize([max(1, math.floor(part * factor)) for part in plain.size], Image.Resampling.BOX)
    pixels = np.asarray(plain)
    if wish["pixel"] == BGR24:
        pixels = pixels[:, :, ::-1]
    head: dict[str, Json] = {
        "frames": str(frames),
        "kind": kind,
        "native": [str(width), str(height)],
        "orientation": str(orientation),
        "size": [str(plain.width), str(plain.height)],
        "v": "1",
    }
    return head, pixels.tobytes()
