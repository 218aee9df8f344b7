"""Prints of faces, so that those that may be of one person can be grouped. Off until two people authorise it.

The prints are biometric data: a derivative of their own, behind keys of their own, that is destroyed without
anything else (`bearwitness faces --destroy`). Nothing of them goes into the catalogue. What comes of them are
leads, never an identity.
"""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from bearwitness.errors import MalformedError
from bearwitness.inference import faceprints, faces
from bearwitness.inference.models import joint_sha256
from bearwitness.media.model import Frame

from .analyser import IMAGE, NOT_MINE, VIDEO, Analyser, Analysis, Frames, Material, Model, Result, Still

FILE: Final = "prints.npz"
_SIDE: Final = 1280
_SURE: Final = 0.5
_SMALLEST: Final = 36  # pixels: below, prints say more of the blur than of the face
_FACES_MAX: Final = 20_000  # of one item


class PrintedFaces(Analyser):
    """Finds faces once a second and keeps a print of each that is sure and large enough."""

    name = "faceprints"
    version = "1"
    kinds = frozenset({VIDEO, IMAGE})
    wants = (Frames(every=Fraction(1), max_side=_SIDE), Still(max_side=_SIDE))
    networks = (faces.MODEL, faceprints.LANDMARKS, faceprints.NETWORK)
    model = Model("dlib-face-print", joint_sha256([faceprints.LANDMARKS, faceprints.NETWORK]))
    parameters = {"every": "1", "side": str(_SIDE), "sure": str(_SURE), "smallest": str(_SMALLEST)}  # noqa: RUF012
    needs_authorisation = True

    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
        return _Printing(material)


class _Printing(Analysis):
    def __init__(self, material: Material) -> None:
        self._material = material
        self._rows: list[list[float]] = []
        self._prints: list[NDArray[np.float32]] = []
        self._pictures = 0

    def frame(self, frame: Frame) -> None:
        self._pictures += 1
        worker, picture = self._material.inference(), np.array(frame.picture)
        (found,) = faces.Faces(worker).detect([picture], scales=(1.0,), threshold=_SURE)
        kept = [face for face in found if min(face.w, face.h) >= _SMALLEST]
        kept = kept[: _FACES_MAX - len(self._rows)]
        boxes = [(face.x, face.y, face.w, face.h) for face in kept]
        prints = faceprints.Faceprints(worker).describe(picture, boxes)
        rows, columns = picture.shape[:2]
        for face, numbers in zip(kept, prints, strict=True):
            place = (face.x / columns, face.y / rows, face.w / columns, face.h / rows)
            self._rows.append([round(float(frame.time), 6), *place, face.score])
            self._prints.append(numbers)

    def finish(self) -> Result:
        if not self._pictures:
            return NOT_MINE
        details = {"pictures": self._pictures, "cut": len(self._rows) >= _FACES_MAX}
        rows = np.array(self._rows, np.float64).reshape(-1, 6)
        prints = np.array(self._prints, np.float32).reshape(-1, faceprints.NUMBERS)
        return Result(details=details, files={FILE: encode(rows, prints)})


def encode(rows: NDArray[np.float64], prints: NDArray[np.float32]) -> bytes:
    """Return (n, 6) time, left, top, width, height, score and (n, 128) prints as bytes."""
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, rows=rows, prints=prints)
    return out.getvalue()


def decode(data: bytes) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Read what :func:`encode` wrote; raise MalformedError."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as read:
            arrays: dict[str, Any] = dict(read)
        rows, prints = arrays["rows"], arrays["prints"]
        well = rows.shape == (len(prints), 6) and prints.shape == (len(rows), faceprints.NUMBERS)
    except (KeyError, ValueError, OSError, EOFError, BadZipFile) as error:
        raise MalformedError(f"stored prints of faces are malformed: {error}") from None
    if not well or not np.isfinite(rows).all() or not np.isfinite(prints).all():
        raise MalformedError("stored prints of faces are malformed")
    return rows, prints
