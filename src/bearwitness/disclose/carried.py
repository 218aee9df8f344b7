"""Names what a file carries besides what it shows, as people accept it: one line for each piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from bearwitness.custody.statements import LINE_LENGTH_MAX
from bearwitness.media.metadata import Carried
from bearwitness.media.model import Stream

# What a container says of its own making, and what every file of its kind has.
_OF_THE_FORMAT: Final = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "size", "duration", "vendor_id"}
)
_EMPTY: Final = {
    "handler_name": ("VideoHandler", "SoundHandler", ""),
    "language": ("und",),
    "encoder": ("bearwitness",),
    "vendor_id": ("[0][0][0][0]",),
}


def findings_of(carried: Carried, streams: Sequence[Stream]) -> list[str]:
    """Return what was found, ascending; empty: nothing besides pictures and sound."""
    return sorted({*_tags(carried), *_streams(streams), *(f"trace {name}" for name in carried.traces)})


def _tags(carried: Carried) -> Iterator[str]:
    for name, value in carried.tags.items():
        short = name.rpartition(" ")[2].lower()
        if short not in _OF_THE_FORMAT and value not in _EMPTY.get(short, ()):
            yield f"tag {name}: {value}"[:LINE_LENGTH_MAX].strip()
    for place in carried.credentials:
        yield f"a content credential (C2PA): {place}"[:LINE_LENGTH_MAX].strip()
    for what in carried.unread:
        yield f"left unread: {what}"[:LINE_LENGTH_MAX].strip()


def _streams(streams: Sequence[Stream]) -> Iterator[str]:
    for stream in streams:
        if stream.kind not in ("video", "audio") or "attached_pic" in stream.dispositions:
            yield f"stream {stream.index}: {stream.kind} {stream.codec or stream.tag}".strip()
