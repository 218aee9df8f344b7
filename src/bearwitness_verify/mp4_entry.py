"""Sample descriptions of MP4 and QuickTime, made again from what was sealed (docs/format.md, 11.3)."""

from __future__ import annotations

import re
import struct
from typing import Final

from .canonical import Json, array, integer
from .plan import NoPlanError
from .rows import Track

_CHILDREN: Final = {
    "avc1": b"avcC", "avc2": b"avcC", "avc3": b"avcC", "avc4": b"avcC", "hvc1": b"hvcC", "hev1": b"hvcC",
    "dvh1": b"hvcC", "dvhe": b"hvcC", "vvc1": b"vvcC", "vvi1": b"vvcC", "av01": b"av1C", "vp08": b"vpcC",
    "vp09": b"vpcC", "mp4v": b"esds", "s263": b"d263", "mp4a": b"esds", "Opus": b"dOps", "fLaC": b"dfLa",
    "alac": b"alac", "ac-3": b"dac3", "ec-3": b"dec3", "ac-4": b"dac4", "samr": b"damr", "sawb": b"damr",
}  # fmt: skip
_OWN_BYTES: Final = {"video": (70,), "audio": (20, 36, 56)}
_HEX = re.compile(r"0x[0-9a-f]{8}\Z")
_FRACTION = re.compile(r"(0|[1-9][0-9]{0,19})(?:/([1-9][0-9]{0,19}))?\Z")
_RATES_BELOW: Final = 1 << 16


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(data), kind) + data


def sample_entry(track: Track) -> bytes:
    """Return the sample description; raise NoPlanError where what was sealed does not tell it."""
    code, extradata = track.codec, track.extradata
    kind = bytes.fromhex(code[2:]) if _HEX.match(code) else code.encode()
    child = _CHILDREN.get(code)
    if child == b"esds" and extradata[4:8] == b"frma":
        child = b"wave"
    if len(kind) != 4 or (child is None and len(extradata) not in _OWN_BYTES[track.media]):
        raise NoPlanError("how the sample description of a track was written is not sealed")
    own, children = (extradata, b"") if child is None else (_own(track), _box(child, extradata))
    if track.media == "video":
        if "pixel_aspect" in track.display:
            children += _box(b"pasp", struct.pack(">II", *fraction(track.display["pixel_aspect"])))
        if "crop" in track.display:
            crop = numbers(track.display["crop"], 8)
            if not crop:
                raise NoPlanError("what a display cuts off is not told")
            children += _box(b"clap", struct.pack(">8i", *crop))
    return _box(kind, struct.pack(">6xH", 1) + own + children)


def _own(track: Track) -> bytes:
    found = {
        name: integer(track.decoder.get(name, "0"), name)
        for name in ("width", "height", "channels", "sample_rate")
    }
    if track.media == "video":
        size = struct.pack(">16xHH", found["width"], found["height"])
        return size + struct.pack(">IIIH32xHh", 0x480000, 0x480000, 0, 1, 24, -1)
    rate = found["sample_rate"] if found["sample_rate"] < _RATES_BELOW else 0
    return struct.pack(">8xHHII", found["channels"], 16, 0, rate << 16)


def fraction(value: Json) -> tuple[int, int]:
    """Return numerator and denominator of ``n/d`` or ``n``."""
    match = _FRACTION.match(value) if isinstance(value, str) else None
    if match is None:
        raise NoPlanError("a number of a display is malformed")
    return int(match[1]), int(match[2] or 1)


def scaled(value: Json) -> int:
    """Return ``n/d`` as a number of 16.16 bits, rounded down."""
    numerator, denominator = fraction(value)
    return (numerator << 16) // denominator


def numbers(value: Json, count: int) -> tuple[int, ...]:
    """Return a list of integers, none for null; raise NoPlanError if there are not `count`."""
    if value is None:
        return ()
    found = tuple(integer(n, "a number of a display", -(2**63), 2**63 - 1) for n in array(value, "a display"))
    if len(found) != count:
        raise NoPlanError("a list of numbers of a display has the wrong length")
    return found
