"""The notes (key and value texts) an ONNX file carries, read without a library: top-level field 14 of its
protobuf.
"""

from __future__ import annotations

from bearwitness.errors import MalformedError

_METADATA = 14


def notes(content: bytes) -> dict[str, str]:
    """Return the file's metadata properties.

    Raises MalformedError if the bytes are no protobuf message.
    """
    found = {}
    for field, value in _fields(memoryview(content)):
        if field == _METADATA:
            pair = {number: bytes(part).decode(errors="replace") for number, part in _fields(value)}
            found[pair.get(1, "")] = pair.get(2, "")
    return found


def _fields(message: memoryview) -> list[tuple[int, memoryview]]:
    """Return the length-delimited fields of a message; numbers are skipped."""
    place, found = 0, []
    while place < len(message):
        tag, place = _number(message, place)
        kind = tag & 7
        if kind == 0:
            _, place = _number(message, place)
        elif kind in {1, 5}:
            place += 8 if kind == 1 else 4
        elif kind == 2:
            length, place = _number(message, place)
            if place + length > len(message):
                raise MalformedError("the model file ends in the middle of a field")
            found.append((tag >> 3, message[place : place + length]))
            place += length
        else:
            raise MalformedError(f"the model file has a field of kind {kind}, which no ONNX file has")
    return found


def _number(message: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(message) or shift > 63:
            raise MalformedError("the model file ends in the middle of a number")
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
