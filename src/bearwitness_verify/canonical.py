"""Canonical JSON and base64url, strict both ways (docs/format.md, 1.1).

`dumps` writes, `loads` reads and refuses whatever `dumps` would not have written. The rules are
those of RFC 8785 without numbers: integers are decimal strings, bytes are base64url text.
"""

from __future__ import annotations

import binascii
import json
import re
from typing import Any, TypeAlias

from .errors import MalformedError

Json: TypeAlias = "dict[str, Json] | list[Json] | str | bool | None"

DEPTH_MAX = 32  # deeper nesting serves nobody but someone who wants to exhaust the stack
_NAME = re.compile(r"[\x20-\x7e]+\Z")
_INTEGER = re.compile(r"(0|-?[1-9][0-9]{0,38})\Z")
_STANDARD_TO_URL = bytes.maketrans(b"+/", b"-_")


def dumps(value: Json) -> bytes:
    """Return the canonical bytes of `value`; raise MalformedError for what can not be written."""
    _check(value, "JSON")
    try:
        return _encode(value).encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedError("a text holds half of a surrogate pair") from None


def loads(data: bytes, what: str = "JSON") -> Json:
    """Parse canonical bytes; `what` names them in the MalformedError raised for any other."""
    try:
        text = data.decode("utf-8")
        value: Json = _decode(text)
        again = _encode(value)
    except (ValueError, RecursionError):
        raise MalformedError(f"{what} is not JSON in UTF-8 without numbers") from None
    if again != text:
        raise MalformedError(f"{what} is not in canonical form")
    if not _is_flat_ascii(text):
        _check(value, what)
    return value


def part_text(value: Json) -> str:
    """Return the canonical text of a part of what :func:`loads` returned."""
    return _encode(value)


def _no_number(text: str) -> Any:
    raise ValueError(text)


def _is_flat_ascii(text: str) -> bool:
    """Say whether canonical `text` breaks no rule that :func:`_check` looks after: a quick yes for most."""
    few_levels = text.count("{") + text.count("[") <= DEPTH_MAX
    return few_levels and text.isascii() and "\\" not in text and "\x7f" not in text and '""' not in text


_decode = json.JSONDecoder(parse_int=_no_number, parse_float=_no_number, parse_constant=_no_number).decode
_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False
).encode


def _check(value: object, what: str, depth: int = 1) -> None:
    if isinstance(value, (dict, list)) and depth > DEPTH_MAX:
        raise MalformedError(f"{what} is nested deeper than {DEPTH_MAX} levels")
    if isinstance(value, dict):
        for name, member in value.items():
            if not isinstance(name, str) or not _NAME.match(name):
                raise MalformedError(f"{what} has a member name that is not printable ASCII, {name!r}")
            _check(member, what, depth + 1)
    elif isinstance(value, list):
        for member in value:
            _check(member, what, depth + 1)
    elif not (value is None or isinstance(value, (str, bool))):
        raise MalformedError(f"{what} holds a {type(value).__name__}, which canonical JSON does not")


def b64(data: bytes) -> str:
    """Return base64url of `data` without padding."""
    return binascii.b2a_base64(data, newline=False).translate(_STANDARD_TO_URL, b"=").decode()


def unb64(text: Json, what: str = "a byte string", length: int | None = None) -> bytes:
    """Return the bytes of strict base64url `text`; refuse other lengths than `length` if given."""
    if not isinstance(text, str):
        raise MalformedError(f"{what} is not a text")
    try:
        padded = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
        data = binascii.a2b_base64(padded.encode("ascii"), strict_mode=True)
    except (ValueError, binascii.Error):
        raise MalformedError(f"{what} is not base64url") from None
    if b64(data) != text:
        raise MalformedError(f"{what} is not canonical base64url")
    if length is not None and len(data) != length:
        raise MalformedError(f"{what} has {len(data)} bytes instead of {length}")
    return data


def integer(text: Json, what: str = "a number", low: int = 0, high: int = 2**64 - 1) -> int:
    """Return the integer a decimal string stands for, if it lies in `low`…`high`."""
    if not isinstance(text, str) or not _INTEGER.match(text):
        raise MalformedError(f"{what} is not a decimal number")
    value = int(text)
    if not low <= value <= high:
        raise MalformedError(f"{what} is out of range")
    return value


def nanoseconds(text: Json, what: str = "a time") -> int:
    """Return a time of a file, as far from 1970 as a file system can tell: 64 bits of seconds."""
    return integer(text, what, -(2**63) * 1_000_000_000, 2**63 * 1_000_000_000 - 1)


def text(value: Json, what: str = "a value") -> str:
    """Return `value` if it is a text."""
    if not isinstance(value, str):
        raise MalformedError(f"{what} is not a text")
    return value


def array(value: Json, what: str = "a value") -> list[Json]:
    """Return `value` if it is an array."""
    if not isinstance(value, list):
        raise MalformedError(f"{what} is not an array")
    return value


def members(value: Json, what: str, names: str, optional: str = "") -> dict[str, Json]:
    """Return `value` if it is an object with exactly the space-separated `names` (and `optional`)."""
    if not isinstance(value, dict):
        raise MalformedError(f"{what} is not an object")
    required = set(names.split())
    missing = required - value.keys()
    if missing:
        raise MalformedError(f"{what} lacks {', '.join(sorted(missing))}")
    unknown = value.keys() - required - set(optional.split())
    if unknown:
        raise MalformedError(f"{what} has the unknown member {', '.join(sorted(unknown))}")
    return value
