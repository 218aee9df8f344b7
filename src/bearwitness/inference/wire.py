"""What is asked of an inference worker and what it answers: a head in canonical JSON, then arrays.

    length of the head (4 bytes) ‖ {"apart":false,"arrays":[{"shape":["2","3"],"type":"<f4"}],"head":{…}} ‖
    raw bytes, which for a question may lie apart, in the inbox of the worker

The worker is not trusted more than what it is fed, so both ends read strictly: known types, bounded shapes,
no byte too few or too many, no number that is none.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bearwitness.errors import MalformedError
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json

Array: TypeAlias = NDArray[Any]

_LENGTH: Final = struct.Struct("<I")
_TYPES: Final = {name: np.dtype(name) for name in ("<f4", "<i4", "<i8", "|u1")}
_HEAD_BYTES_MAX: Final = 1 << 20
_ARRAYS_MAX: Final = 4_096
_DIMENSIONS_MAX: Final = 6
_SIDES_MAX: Final = 1 << 40  # all sides but those of 0 multiplied: NumPy shapes no larger ones, though empty


def encode(head: dict[str, Json], arrays: Sequence[Array], memory: memoryview | None = None) -> bytearray:
    """Return a question or an answer; the raw bytes of a question are put into `memory`, if they fit."""
    listed: list[Json] = [
        {"shape": [str(side) for side in array.shape], "type": array.dtype.str} for array in arrays
    ]
    for array in arrays:
        if array.dtype.str not in _TYPES:
            raise ValueError(f"arrays of {array.dtype} are not sent")
    apart = memory is not None and bool(arrays) and sum(array.nbytes for array in arrays) <= len(memory)
    text = canonical.dumps({"apart": apart, "arrays": listed, "head": head})
    out = bytearray(_LENGTH.pack(len(text)) + text)
    if memory is None or not apart:
        for array in arrays:
            out += array.tobytes()
        return out
    at = 0
    for array in arrays:
        # Straight from where it lies, turned or mirrored as it may be.
        np.frombuffer(memory, array.dtype, array.size, at).reshape(array.shape)[...] = array
        at += array.nbytes
    return out


def decode(untrusted: bytes, memory: memoryview | None = None) -> tuple[dict[str, Json], list[Array]]:
    """Return head and arrays (read-only views); raise MalformedError for nonsense.

    Without `memory` there is none: a worker that says its answer lies there talks nonsense.
    """
    if len(untrusted) < _LENGTH.size:
        raise MalformedError("a message of a worker has no head")
    (size,) = _LENGTH.unpack_from(untrusted)
    if size > min(_HEAD_BYTES_MAX, len(untrusted) - _LENGTH.size):
        raise MalformedError("a message of a worker is cut off")
    at = _LENGTH.size + size
    got = canonical.members(canonical.loads(untrusted[_LENGTH.size : at]), "a message", "apart arrays head")
    head, listed = got["head"], canonical.array(got["arrays"], "arrays")
    if not isinstance(head, dict) or len(listed) > _ARRAYS_MAX:
        raise MalformedError("a message of a worker has no proper head")
    if got["apart"] is True and memory is not None and at == len(untrusted):
        arrays, _ = _arrays(memory, 0, listed)
    else:
        arrays, at = _arrays(untrusted, at, listed)
        if at != len(untrusted) or got["apart"] is not False:
            raise MalformedError("a message of a worker holds more than it tells")
    if any(array.dtype.kind == "f" and not np.isfinite(array).all() for array in arrays):
        raise MalformedError("a worker answered what is no number")
    return head, arrays


def _arrays(data: bytes | memoryview, at: int, listed: list[Json]) -> tuple[list[Array], int]:
    """Return the arrays that lie in `data` from `at`, and where they end."""
    arrays: list[Array] = []
    for each in listed:
        kind, shape = _kind(each)
        bytes_of_it = math.prod(shape) * kind.itemsize
        if at + bytes_of_it > len(data):
            raise MalformedError("a message of a worker is cut off")
        arrays.append(np.frombuffer(data, kind, math.prod(shape), at).reshape(shape))
        at += bytes_of_it
    return arrays, at


def _kind(value: Json) -> tuple[np.dtype[Any], tuple[int, ...]]:
    got = canonical.members(value, "an array", "shape type")
    shape = canonical.array(got["shape"], "a shape")
    kind = _TYPES.get(canonical.text(got["type"]))
    if kind is None or len(shape) > _DIMENSIONS_MAX:
        raise MalformedError("a worker sent an array of unknown type")
    sides = tuple(canonical.integer(side, "a side of an array", 0, 1 << 31) for side in shape)
    if math.prod(side for side in sides if side) > _SIDES_MAX:
        raise MalformedError("a worker sent an array larger than any")
    return kind, sides
