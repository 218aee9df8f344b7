"""Local features: small marks in a picture that survive cropping, scaling, bars and another brightness.

SIFT (Lowe 2004, patent expired), each of the 128 numbers reduced to one bit, "above the median" (Zhou et al.
2012): 16 bytes a feature. The bits keep their meaning when the picture is mirrored: a mirrored feature is a
fixed permutation of them, so a mirrored copy is found without looking at it twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bearwitness.signals.arrays import Bits, Floats, Grey

LONG_SIDE = 320
MOST = 160
_CONTRAST = 0.02  # half of SIFT's default: dark rooms are the normal case here


@dataclass(frozen=True)
class Features:
    """Features of one frame: `bits` (n, 16), `points` (n, 2) as x, y in parts of width and height (0
    to 1).
    """

    bits: Bits
    points: Floats

    def __len__(self) -> int:
        return len(self.bits)


def _mirror_order() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    row, column, turn = np.meshgrid(np.arange(4), np.arange(4), np.arange(8), indexing="ij")
    return np.asarray(((3 - row) * 4 + column) * 8 + (-turn % 8), dtype=np.int64).ravel()


_MIRROR = _mirror_order()


def mirrored(features: Features) -> Features:
    """Return what the features would be if the picture were mirrored left to right."""
    bits = np.packbits(np.unpackbits(features.bits, axis=1)[:, _MIRROR], axis=1)
    return Features(bits, _flip(features.points))


def _flip(points: Floats) -> Floats:
    return np.column_stack([1 - points[:, 0], points[:, 1]]).astype(np.float32)


class FeatureFinder:
    """Finds features; holds OpenCV's detector, which is not to be shared between threads."""

    def __init__(self) -> None:
        import cv2

        self._cv2: Any = cv2
        self._sift: Any = cv2.SIFT.create(nfeatures=MOST, contrastThreshold=_CONTRAST)

    def find(self, grey: Grey) -> Features:
        """Return up to MOST features of a picture of any size, the strongest ones."""
        rows, columns = grey.shape
        scale = LONG_SIDE / max(rows, columns)
        size = (max(8, round(columns * scale)), max(8, round(rows * scale)))
        way = self._cv2.INTER_AREA if scale < 1 else self._cv2.INTER_LINEAR
        small = _stretch(self._cv2.resize(grey, size, interpolation=way))
        marks, numbers = self._sift.detectAndCompute(small, None)
        if numbers is None:
            return Features(np.empty((0, 16), np.uint8), np.empty((0, 2), np.float32))
        bits = np.packbits(numbers > np.median(numbers, axis=1, keepdims=True), axis=1)
        points: Floats = np.array([mark.pt for mark in marks], dtype=np.float32)
        points /= np.array(size, dtype=np.float32)
        _, first = np.unique(
            np.column_stack([bits, (points * 4096).astype(np.int32)]), axis=0, return_index=True
        )
        keep = np.sort(first)[:MOST]
        return Features(bits[keep], points[keep])


def _stretch(grey: Grey) -> Grey:
    """Spread the brightness over the full range, so that a dark or a bright copy yields the same marks."""
    low, high = np.percentile(grey, (1, 99))
    if high - low < 8:
        return grey
    spread = (grey.astype(np.float32) - low) * (255 / (high - low))
    stretched: Grey = np.clip(spread, 0, 255).astype(np.uint8)
    return stretched


def hamming(one: Bits, other: Bits) -> np.ndarray[tuple[int, int], np.dtype[np.uint16]]:
    """Return (n, m): the bits that differ between each feature of one (n, 16) and of the other (m, 16)."""
    left = np.ascontiguousarray(one).view(np.uint64)
    right = np.ascontiguousarray(other).view(np.uint64)
    first = np.bitwise_count(left[:, None, 0] ^ right[None, :, 0]).astype(np.uint16)
    both: np.ndarray[tuple[int, int], np.dtype[np.uint16]] = first + np.bitwise_count(
        left[:, None, 1] ^ right[None, :, 1]
    )
    return both


def pairs(one: Features, other: Features, limit: int = 36) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Return (k, 2): features that are each other's nearest, clearly nearer than the second, at most `limit`
    bits apart.
    """
    if len(one) < 2 or len(other) < 2:
        return np.empty((0, 2), np.int64)
    apart = hamming(one.bits, other.bits)
    best = apart.argmin(axis=1)
    back = apart.argmin(axis=0)
    rows = np.arange(len(one))
    two = np.partition(apart, 1, axis=1)[:, :2]
    good = (back[best] == rows) & (two[:, 0] <= limit) & (two[:, 0] < 0.9 * two[:, 1])
    return np.column_stack([rows[good], best[good]]).astype(np.int64)
