"""Shots of a video, and a small picture of each keyframe at two levels: grey and blurred, and clear.

Who reviews sees the veiled one first and decides.
"""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from bearwitness.errors import MalformedError
from bearwitness.media.model import Frame, Picture
from bearwitness.signals.shots import ShotFinder

from .analyser import IMAGE, NOT_MINE, VIDEO, Analyser, Analysis, Fact, Frames, Material, Result, Still

_SIDE: Final = 320
_VEIL_SIDE: Final = 48
_PICTURES_MAX: Final = 400
_QUALITY: Final = 80


class Shots(Analyser):
    """Where one shot ends and the next begins; pictures of up to 400 keyframes."""

    name = "shots"
    version = "1"
    kinds = frozenset({VIDEO, IMAGE})
    wants = (Frames(every=None, max_side=_SIDE), Still(max_side=_SIDE))

    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
        return _Shots(material)


class _Shots(Analysis):
    """Keeps one candidate picture a second, compressed, until the keyframes are known."""

    def __init__(self, material: Material) -> None:
        self._material, self._finder = material, ShotFinder()
        self._pictures: list[tuple[Fraction, bytes, bytes]] = []
        self._last: Fraction | None = None

    def frame(self, frame: Frame) -> None:
        if self._last is not None and frame.time <= self._last:
            return  # it goes back in time, which the decoder's troubles tell
        self._last = frame.time
        try:
            self._finder.add(frame.picture, frame.time)
        except ValueError as error:
            raise MalformedError(f"the frames can not be followed: {error}") from None
        if not self._pictures or frame.time >= self._pictures[-1][0] + 1:
            self._pictures.append((frame.time, jpeg(frame.picture), jpeg(veiled(frame.picture))))

    def finish(self) -> Result:
        shots = self._finder.finish()
        if not shots:
            return NOT_MINE
        keyframes = [time for shot in shots for time in shot.keyframes][:_PICTURES_MAX]
        files, shown = {}, []
        times = np.array([float(time) for time, _, _ in self._pictures])
        for time in keyframes:
            nearest = int(np.argmin(np.abs(times - float(time))))
            at, clear, veil = self._pictures[nearest]
            name = f"{nearest:06}.jpg"
            files[f"clear-{name}"], files[f"veiled-{name}"] = clear, veil
            shown.append({"keyframe": round(float(time), 6), "picture": name, "at": round(float(at), 6)})
        details = {
            "shots": [[round(float(shot.start), 6), round(float(shot.end), 6)] for shot in shots],
            "pictures": shown,
            "troubles": len(self._material.troubles),
        }
        return Result(facts=[Fact("shots", len(shots))], details=details, files=files)


def jpeg(picture: Picture) -> bytes:
    """Return a picture (blue, green, red, or grey) as JPEG."""
    plain = picture if picture.ndim == 2 else picture[:, :, ::-1]
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(plain)).save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def veiled(picture: Picture) -> Picture:
    """Return a picture made small, grey and blurred: what it is about can be guessed, not seen."""
    plain = picture if picture.ndim == 2 else picture[:, :, ::-1]
    image = Image.fromarray(np.ascontiguousarray(plain)).convert("L")
    image.thumbnail((_VEIL_SIDE, _VEIL_SIDE))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(1.5)))
