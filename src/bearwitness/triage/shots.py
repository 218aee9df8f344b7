"""Shots of a video, and a small picture of each keyframe at two levels: grey and blurred, and clear.

Who reviews sees the veiled one first and decides.

Of long footage (analyser.LONG) key frames are looked at, and only where these leave a doubt whether there was
a cut all frames in between, for a twelfth of the length, or 20 seconds: beyond that a doubt counts as a cut.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from bearwitness import media
from bearwitness.errors import MalformedError
from bearwitness.media.frames import frames
from bearwitness.media.model import GRAY8, NO_FRAME, DecodeTrouble, Frame, Picture
from bearwitness.signals.shots import KeyFrameShots, Shot, ShotFinder

from .analyser import IMAGE, NOT_MINE, VIDEO, Analyser, Analysis, Fact, Frames, Material, Result, Still

_SIDE: Final = 320
_VEIL_SIDE: Final = 48
_PICTURES_MAX: Final = 400
_QUALITY: Final = 80
_HELD_MAX: Final = 512 << 20  # bytes of pictures until the keyframes are known
_DOUBTS_SHARE: Final = Fraction(1, 12)  # of long footage that is decoded for doubtful cuts,
_DOUBTS_LEAST: Final = Fraction(20)  # and seconds of it in any case
_AFTER: Final = Fraction(1, 2)  # seconds beyond a key frame: a cut is told from a flash by what follows
_CELLS_SIDE: Final = 64  # of a frame in which only cuts are looked for


class Shots(Analyser):
    """Where one shot ends and the next begins; pictures of up to 400 keyframes."""

    name = "shots"
    version = "2"
    kinds = frozenset({VIDEO, IMAGE})
    wants = (Frames(every=None, max_side=_SIDE), Still(max_side=_SIDE))

    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
        if material.kind == VIDEO and self.key_frames_only(material):
            return _KeyFrameShots(material, KeyFrameShots())
        return _Shots(material, ShotFinder())


class _Shots(Analysis):
    """Keeps one candidate picture a second, compressed, until the keyframes are known; of days, fewer."""

    def __init__(self, material: Material, finder: ShotFinder | KeyFrameShots) -> None:
        self._material, self._finder = material, finder
        self._pictures: list[tuple[Fraction, bytes, bytes]] = []
        self._apart, self._held = 1, 0  # seconds between pictures, and bytes of them
        self._last: Fraction | None = None
        self._found: Sequence[Shot] | None = None

    def frame(self, frame: Frame) -> None:
        if self._last is not None and frame.time <= self._last:
            return  # it goes back in time, which the decoder's troubles tell
        self._last = frame.time
        try:
            self._finder.add(frame.picture, frame.time)
        except ValueError as error:
            raise MalformedError(f"the frames can not be followed: {error}") from None
        if not self._pictures or frame.time >= self._pictures[-1][0] + self._apart:
            self._pictures.append((frame.time, jpeg(frame.picture), jpeg(veiled(frame.picture))))
            self._held += sum(map(len, self._pictures[-1][1:]))
        if self._held > _HELD_MAX:  # of a film of days, or a file that tells of one
            self._pictures, self._apart = self._pictures[::2], 2 * self._apart
            self._held = sum(len(clear) + len(veil) for _, clear, veil in self._pictures)

    def settle(self) -> None:
        if self._found is None:
            self._found = self._shots()

    def finish(self) -> Result:
        self.settle()
        shots = self._found
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
            "key_frames_only": isinstance(self, _KeyFrameShots),
            "troubles": len(self._material.troubles),
        }
        return Result(facts=[Fact("shots", len(shots))], details=details, files=files)

    def _shots(self) -> Sequence[Shot]:
        if not isinstance(self._finder, ShotFinder):
            raise AssertionError("all frames are looked at by a ShotFinder")
        return self._finder.finish()


class _KeyFrameShots(_Shots):
    """Looks for doubtful cuts once all key frames are known."""

    def _shots(self) -> Sequence[Shot]:
        if not isinstance(self._finder, KeyFrameShots):
            raise AssertionError("key frames are looked at by KeyFrameShots")
        told = self._material.probe()
        stream, length = told.first("video"), told.duration or Fraction(0)
        settled: dict[Fraction, list[Fraction]] = {}
        left = max(_DOUBTS_LEAST, length * _DOUBTS_SHARE)
        for start, end in self._finder.doubtful() if stream is not None else ():
            left -= end - start
            if left < 0 or stream is None:
                break
            settled[start] = self._cuts(stream.index, start, end)
        finish = None if told.start is None or told.duration is None else told.start + told.duration
        return self._finder.finish(settled, finish)

    def _cuts(self, stream: int, start: Fraction, end: Fraction) -> list[Fraction]:
        """Return where cuts are from one key frame to the next: a draft says whether, all where."""
        troubles: list[DecodeTrouble] = []
        there = self._cuts_of(stream, start, end, troubles, draft=True)
        if all(each.reason == NO_FRAME for each in troubles) and there in ([], [end]):
            return there  # what was left out was on purpose, and a cut at a key frame is where it is
        return self._cuts_of(stream, start, end, self._material.troubles, draft=False)

    def _cuts_of(
        self, stream: int, start: Fraction, end: Fraction, troubles: list[DecodeTrouble], *, draft: bool
    ) -> list[Fraction]:
        finder, last = ShotFinder(), None
        for frame in frames(
            self._material.sandbox(media.TASKS), self._material.source, stream=stream,
            troubles=troubles, max_side=_CELLS_SIDE, pixel=GRAY8,
            start=start, end=end + _AFTER, upright=True, draft=draft, plan=self._material.plan,
        ):  # fmt: skip
            if last is None or frame.time > last:
                finder.add(frame.picture, frame.time)
                last = frame.time
        return [shot.start for shot in finder.finish()[1:] if shot.start <= end]


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
