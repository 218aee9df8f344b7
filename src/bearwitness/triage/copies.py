"""What is kept of pictures and videos to find copies of them: sketches (signals/sketch.py), and how they are
stored.

The frames of a video are sampled as :func:`bearwitness.signals.sketch.sampling` says for its length; of long
footage (analyser.LONG) key frames only. A part of a long video is found by them, and so is one encoded anew
with its cuts; what has no cuts and was cut and encoded anew may need a thorough look at both.
"""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np

from bearwitness.errors import BearwitnessError, MalformedError
from bearwitness.media.model import GRAY8, Frame
from bearwitness.signals.features import Features
from bearwitness.signals.hashing import FrameHash
from bearwitness.signals.sketch import THUMB, FrameSketch, Sketch, Sketcher, sampling

from .analyser import IMAGE, NOT_MINE, VIDEO, Analyser, Analysis, Fact, Frames, Material, Result, Still

SKETCH_FILE: Final = "sketch.npz"
_SIDE: Final = 640
_SAVED: Final = 3  # key frames that come soon after another: encoders put them where a scene begins
_FRAMES_MAX: Final = 1_000_000
_NO_FEATURES: Final = -1


class Copies(Analyser):
    """Makes the sketch by which copies are found: ``bearwitness similar`` compares them."""

    name = "sketch"
    version = "3"
    kinds = frozenset({VIDEO, IMAGE})
    wants = (
        Frames(every=Fraction(1, 5), max_side=_SIDE, pixel=GRAY8, saved=_SAVED),
        Still(max_side=_SIDE, pixel=GRAY8),
    )

    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
        key_frames_only = material.kind == VIDEO and self.key_frames_only(material)
        return _Sketching(material, key_frames_only=key_frames_only)


class _Sketching(Analysis):
    def __init__(self, material: Material, *, key_frames_only: bool) -> None:
        self._material, self._key_frames_only = material, key_frames_only
        length = material.probe().duration if material.kind == VIDEO else None
        try:
            self._sketcher = Sketcher(*sampling(float(length or 0)))
        except ModuleNotFoundError as error:
            raise BearwitnessError(
                f"sketches need the package {error.name}, which is not installed"
            ) from None
        self._frames = 0
        self._made: tuple[Sketch, bytes] | None = None

    def frame(self, frame: Frame) -> None:
        self._frames += self._sketcher.add(frame.picture, frame.time)

    def settle(self) -> None:
        if self._frames and self._made is None:
            sketch = self._sketcher.finish()
            self._made = sketch, encode(sketch)  # here, while others are still at work

    def finish(self) -> Result:
        self.settle()
        if self._made is None:
            return NOT_MINE
        sketch, encoded = self._made
        usable = sum(frame.whole.usable for frame in sketch.frames)
        return Result(
            facts=[Fact("featureless", "yes")] if not usable else [],
            details={
                "frames": len(sketch.frames),
                "usable": usable,
                "key_frames_only": self._key_frames_only,
                "troubles": len(self._material.troubles),
            },
            files={SKETCH_FILE: encoded},
        )


def encode(sketch: Sketch) -> bytes:
    """Return a sketch as bytes: arrays in NumPy's own format, without pickled objects."""
    frames = sketch.frames
    counts = [_NO_FEATURES if f.features is None else len(f.features) for f in frames]
    kept = [f.features for f in frames if f.features is not None]
    arrays = {
        "size": np.array([sketch.width, sketch.height], np.int64),
        "times": np.array([[f.time.numerator, f.time.denominator] for f in frames], np.int64),
        "boxes": np.array([f.box for f in frames], np.float64),
        "whole": _hashes([f.whole for f in frames]),
        "inner": _hashes([f.inner for f in frames]),
        "quality": np.array([[f.whole.quality, f.inner.quality] for f in frames], np.int16),
        "thumbs": np.stack([f.thumb for f in frames]),
        "counts": np.array(counts, np.int32),
        "bits": np.concatenate([k.bits for k in kept]) if kept else np.empty((0, 16), np.uint8),
        "points": np.concatenate([k.points for k in kept]) if kept else np.empty((0, 2), np.float32),
    }
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    return out.getvalue()


def _hashes(hashes: list[FrameHash]) -> Any:
    """Return (n, 9, 32): the hash itself and the eight turned ones."""
    rows = [b"".join((each.bits, *each.turned)) for each in hashes]
    return np.frombuffer(b"".join(rows), np.uint8).reshape(len(hashes), -1, 32)


def decode(data: bytes) -> Sketch:
    """Read what :func:`encode` wrote; raise MalformedError."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as read:
            arrays = dict(read)
        return _sketch(arrays)
    except (KeyError, ValueError, IndexError, OSError, EOFError, ZeroDivisionError, BadZipFile) as error:
        raise MalformedError(f"a stored sketch is malformed: {error}") from None


def _sketch(arrays: dict[str, Any]) -> Sketch:
    counts = arrays["counts"].tolist()
    if not 0 < len(counts) <= _FRAMES_MAX or max(arrays["thumbs"].shape[1:]) > THUMB:
        raise ValueError("its counts are out of bounds")
    frames, at = [], 0
    for number, count in enumerate(counts):
        features = None
        if count != _NO_FEATURES:
            features = Features(arrays["bits"][at : at + count], arrays["points"][at : at + count])
            at += count
        whole, inner = (
            _hash(arrays[name][number], int(arrays["quality"][number][place]))
            for place, name in enumerate(("whole", "inner"))
        )
        time = Fraction(*arrays["times"][number].tolist())
        left, top, right, bottom = arrays["boxes"][number].tolist()
        thumb = arrays["thumbs"][number]
        frames.append(FrameSketch(time, whole, inner, (left, top, right, bottom), thumb, features))
    width, height = arrays["size"].tolist()
    return Sketch(width, height, tuple(frames))


def _hash(rows: Any, quality: int) -> FrameHash:
    bits, *turned = (row.tobytes() for row in rows)
    return FrameHash(bits, quality, tuple(turned))
