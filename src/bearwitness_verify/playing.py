"""The playable file of a clip: which container, and the plan of it (docs/format.md, 11.3)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from . import play_matroska, play_mp4, play_riff, play_transport
from .plan import NoPlanError, Plan
from .rows import Row, Track

EXTENSIONS: Final = {
    "mp4": "mp4", "mov": "mov", "matroska": "mkv", "webm": "webm", "avi": "avi",
    "wav": "wav", "rf64": "wav", "bw64": "wav", "mpegts": "ts", "m2ts": "m2ts",
}  # fmt: skip
_WRITERS: Final = {
    "mp4": play_mp4.write, "mov": play_mp4.write, "mkv": play_matroska.write, "webm": play_matroska.write,
    "avi": play_riff.write_avi, "wav": play_riff.write_wav, "ts": play_transport.write,
    "m2ts": play_transport.write,
}  # fmt: skip


def plan(tracks: Sequence[Track], order: Sequence[tuple[Track, Row]]) -> Plan | None:
    """Return the plan for packets in the order of their bytes, None where the rules have no answer."""
    extension = EXTENSIONS.get(tracks[0].container)
    if extension is None or any(track.media not in ("video", "audio") for track in tracks):
        return None
    try:
        return _WRITERS[extension](tracks, order)
    except (NoPlanError, struct.error):  # a number that does not fit its field
        return None
