"""A 256-bit perceptual hash of a picture, with a quality that keeps featureless pictures out of any match.

The method is that of PDQ (Facebook, 2019): average to 64 × 64, take the 16 × 16 lowest AC coefficients of the
cosine transform, one bit each for "above the median". Mirroring or turning the picture only changes signs and
order of coefficients: all eight orientations come from one transform. The bits are near PDQ's own, not equal
to them (it averages another way); bench/analysis.py says how near.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bearwitness.signals.arrays import Bits, Doubles, Floats, Grey, median, shrink

SIDE = 16
QUALITY_FLOOR = 50
"""PDQ's own advice: below it a picture has too few edges for its hash to mean anything."""

ORIENTATIONS = (
    "same",
    "mirrored",
    "flipped",
    "turned-180",
    "transposed",
    "turned-270",
    "turned-90",
    "transversed",
)
"""What was done to a picture whose plain hash equals this one's at that place of `FrameHash.turned`."""


@dataclass(frozen=True)
class FrameHash:
    """The hash of one picture.

    bits: 32 bytes, row-major from the lowest vertical frequency. quality: 0 featureless to 100.
    turned: (8, 32), the hash this picture would have in each of ORIENTATIONS.
    """

    bits: bytes
    quality: int
    turned: tuple[bytes, ...]

    @property
    def usable(self) -> bool:
        """Whether the hash may be compared at all."""
        return self.quality >= QUALITY_FLOOR


def _cosines() -> Floats:
    """Return (16, 64): the cosine transform's rows 1 to 16; row 0, the mean, says nothing of the picture."""
    frequency = np.arange(1, SIDE + 1)[:, None]
    cell = np.arange(64)[None]
    return np.asarray(np.sqrt(2 / 64) * np.cos(np.pi / 64 * (cell + 0.5) * frequency), dtype=np.float32)


_COSINES = _cosines()


def _pack(coefficients: Floats | Doubles) -> tuple[bytes, bytes]:
    """Return the bits of the coefficients, and those of the transposed ones, which have the same median."""
    above = coefficients > median(coefficients)
    return np.packbits(above).tobytes(), np.packbits(above.T).tobytes()


def _quality(small: Floats) -> int:
    """Return 0 (featureless) to 100: the sum of brightness steps between neighbours at 64 × 64, as PDQ counts
    them.
    """
    steps = [np.trunc(np.abs(np.diff(small, axis=axis)) * 100 / 255).sum() for axis in (0, 1)]
    return int(min(100, sum(steps) // 90))


def hash_picture(grey: Grey) -> FrameHash:
    """Return the hash of a grey picture of any size.

    Raises ValueError for a picture with no pixels.
    """
    if not grey.size:
        raise ValueError("a picture without pixels has no hash")
    small = shrink(grey, 64, 64)
    plain = _COSINES @ small @ _COSINES.T
    sign = np.where(np.arange(1, SIDE + 1) % 2, -1, 1).astype(np.float32)
    mirrored, flipped = plain * sign[None], plain * sign[:, None]
    four = [_pack(each) for each in (plain, mirrored, flipped, mirrored * sign[:, None])]
    turned = (*(bits for bits, _ in four), *(bits for _, bits in four))
    return FrameHash(turned[0], _quality(small), turned)


def distances(one: bytes, many: Bits) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return how many of the 256 bits differ between one hash and each row of `many` (n, 32)."""
    words = np.ascontiguousarray(many).view(np.uint64) ^ np.frombuffer(one, dtype=np.uint64)
    return np.asarray(np.bitwise_count(words).sum(axis=1), dtype=np.int64)
