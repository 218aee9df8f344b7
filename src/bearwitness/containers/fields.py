"""The four track fields: made by the parsers, checked by the parent (docs/format.md, 3.2).

Integers are decimal strings, bytes base64url. :func:`decoder`, :func:`display`, :func:`edit` and
:func:`extent` make them, :func:`check_fields` refuses whatever these would not have made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import gcd
from typing import Final

from bearwitness_verify.canonical import Json, array, b64, integer, members, text, unb64
from bearwitness_verify.errors import MalformedError

from .model import EDITS_MAX, EXTRADATA_BYTES_MAX, PACKETS_MAX, ContainerError, TooLargeError

FIELD_NAMES: Final = ("decoder", "display", "edits", "extent")
_MEDIA: Final = ("video", "audio", "subtitle", "data")
# Matroska's longest code is V_MPEG4/ISO/ASP; a code point a letter of some future one is no reason to fail.
_CODEC = re.compile(r"[\x20-\x7e]{1,64}\Z")
_FRACTION = re.compile(r"(0|[1-9][0-9]{0,19})(/[1-9][0-9]{0,19})?\Z")
_I64: Final = 1 << 63
_NUMBERS: Final = "channels codec_delay default_duration height sample_rate seek_preroll width"


def fourcc(code: bytes) -> str:
    """Return a four-character code as text, in hexadecimal where it is not printable ASCII."""
    return code.decode("ascii") if all(0x20 <= c < 0x7F for c in code) else f"0x{code.hex()}"


def fraction(numerator: int, denominator: int) -> str:
    """Return a fraction in lowest terms, a whole number alone."""
    divisor = gcd(numerator, denominator)
    whole = f"{numerator // divisor}"
    return whole if divisor == denominator else f"{whole}/{denominator // divisor}"


def time_base(numerator: int, denominator: int) -> str:
    """Return the seconds of one unit of time, ``1/90000``; raise ContainerError if it has none."""
    if numerator <= 0 or denominator <= 0:
        raise ContainerError("a track has no unit of time")
    divisor = gcd(numerator, denominator)
    return f"{numerator // divisor}/{denominator // divisor}"


def decoder(
    container: str,
    codec: str,
    media: str,
    base: str,
    extradata: bytes = b"",
    numbers: Mapping[str, int] | None = None,
    encoding: bytes = b"",
) -> dict[str, Json]:
    """Return the field `decoder`; `numbers` that are zero are not known."""
    if len(extradata) > EXTRADATA_BYTES_MAX or len(encoding) > EXTRADATA_BYTES_MAX:
        raise TooLargeError("a track has more parameters for its decoder than any real one")
    if not _CODEC.match(codec):
        raise ContainerError("a track has no name for its codec")
    value: dict[str, Json] = {
        "codec": codec,
        "container": container,
        "extradata": b64(extradata),
        "media": media,
        "time_base": base,
    }
    if encoding:
        value["encoding"] = b64(encoding)
    return value | {name: str(number) for name, number in (numbers or {}).items() if number}


def display(
    matrix: tuple[int, ...] | None = None,
    movie_matrix: tuple[int, ...] | None = None,
    crop: tuple[int, ...] = (),
    projection: bytes = b"",
    **texts: str,
) -> dict[str, Json]:
    """Return the field `display`; matrices are nine integers as written, empty `texts` are not known."""
    if len(projection) > EXTRADATA_BYTES_MAX:
        raise TooLargeError("a track has a larger projection than any real one")
    value: dict[str, Json] = {"matrix": None if matrix is None else [str(n) for n in matrix]}
    if movie_matrix is not None:
        value["movie_matrix"] = [str(n) for n in movie_matrix]
    if crop:
        value["crop"] = [str(n) for n in crop]
    if projection:
        value["projection"] = b64(projection)
    return value | {name: shown for name, shown in texts.items() if shown}


def edit(duration: int, media_time: int, rate: int, base: str) -> dict[str, Json]:
    """Return one entry of the field `edits`; `base` is the unit of its duration."""
    return {"duration": str(duration), "media_time": str(media_time), "rate": str(rate), "time_base": base}


def extent(packets: int, duration: int | None) -> dict[str, Json]:
    """Return the field `extent`; `duration` is the one written, never a sum."""
    return {"packets": str(packets), "duration": None if duration is None else str(duration)}


def check_fields(value: Json, container: str) -> tuple[dict[str, Json], int]:
    """Return the fields of one track and how many packets they count; raise MalformedError."""
    fields = members(value, "a track", " ".join(FIELD_NAMES))
    _check_decoder(fields["decoder"], container)
    _check_display(fields["display"])
    edits = array(fields["edits"], "an edit list")
    if len(edits) > EDITS_MAX:
        raise MalformedError("an edit list is too long")
    for entry in edits:
        _check_edit(entry)
    counted = members(fields["extent"], "an extent", "packets duration")
    if counted["duration"] is not None:
        integer(counted["duration"], "a duration", 0, _I64 - 1)
    return fields, integer(counted["packets"], "a count of packets", 0, PACKETS_MAX)


def _check_decoder(value: Json, container: str) -> None:
    wanted = "codec container extradata media time_base"
    found = members(value, "a decoder", wanted, f"encoding {_NUMBERS}")
    if not _CODEC.match(text(found["codec"], "a codec")):
        raise MalformedError("a codec is not short printable ASCII")
    if found["container"] != container:
        raise MalformedError("a track names another container than its index")
    for name in ("extradata", "encoding"):
        if len(unb64(found.get(name, ""), name)) > EXTRADATA_BYTES_MAX:
            raise MalformedError(f"{name} is too long")
    if found["media"] not in _MEDIA:
        raise MalformedError("a medium is not known")
    base = text(found["time_base"], "a time base")
    if "/" not in base or not _FRACTION.match(base) or base.startswith("0"):
        raise MalformedError("a time base is not a fraction")
    for name in found.keys() & set(_NUMBERS.split()):
        integer(found[name], name, 1)


def _check_display(value: Json) -> None:
    texts = "width height unit aspect pixel_aspect"
    found = members(value, "a display", "matrix", f"movie_matrix crop projection {texts}")
    for name in ("matrix", "movie_matrix"):
        if found.get(name) is not None:
            _check_integers(found[name], (9,))
    if "crop" in found:
        _check_integers(found["crop"], (4, 8))
    if len(unb64(found.get("projection", ""), "a projection")) > EXTRADATA_BYTES_MAX:
        raise MalformedError("a projection is too long")
    for name in found.keys() & set(texts.split()):
        shown = text(found[name], name)
        if not (shown in ("cm", "inch", "ratio", "unknown") if name == "unit" else _FRACTION.match(shown)):
            raise MalformedError(f"{name} of a display is malformed")


def _check_integers(value: Json, lengths: tuple[int, ...]) -> None:
    numbers = array(value, "a list of numbers")
    if len(numbers) not in lengths:
        raise MalformedError("a list of numbers has the wrong length")
    for number in numbers:
        integer(number, "a number of a display", -_I64, _I64 - 1)


def _check_edit(value: Json) -> None:
    found = members(value, "an edit", "duration media_time rate time_base")
    integer(found["duration"], "the duration of an edit", 0, 2 * _I64 - 1)
    integer(found["media_time"], "the time of an edit", -_I64, _I64 - 1)
    integer(found["rate"], "the rate of an edit", -_I64, _I64 - 1)
    if not _FRACTION.match(text(found["time_base"], "a time base")):
        raise MalformedError("the time base of an edit is not a fraction")
