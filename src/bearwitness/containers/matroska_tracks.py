"""The Tracks element of Matroska and WebM (RFC 9559, 5.1.4) as track fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bearwitness_verify.canonical import Json

from .fields import decoder, display, extent, fraction
from .matroska_ebml import Master, children
from .model import TRACKS_MAX, ContainerError

_TRACK_ENTRY: Final = 0xAE
_NUMBER: Final = 0xD7
_TYPE: Final = 0x83
_CODEC: Final = 0x86
_CODEC_PRIVATE: Final = 0x63A2
_CODEC_DELAY: Final = 0x56AA
_SEEK_PRE_ROLL: Final = 0x56BB
_DEFAULT_DURATION: Final = 0x23E383
_CONTENT_ENCODINGS: Final = 0x6D80
_VIDEO: Final = 0xE0
_AUDIO: Final = 0xE1
_PIXEL_WIDTH: Final = 0xB0
_PIXEL_HEIGHT: Final = 0xBA
_DISPLAY_WIDTH: Final = 0x54B0
_DISPLAY_HEIGHT: Final = 0x54BA
_DISPLAY_UNIT: Final = 0x54B2
_CROPS: Final = (0x54BB, 0x54AA, 0x54CC, 0x54DD)  # top, bottom, left, right
_PROJECTION: Final = 0x7670
_SAMPLING_FREQUENCY: Final = 0xB5
_CHANNELS: Final = 0x9F
_MEDIA: Final = {1: "video", 2: "audio", 0x11: "subtitle"}
_UNITS: Final = ("", "cm", "inch", "ratio", "unknown")  # 5.1.4.1.28.14; pixels are not named
_NUMBER_MAX: Final = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A track as Matroska describes it; `default_duration` in nanoseconds, 0 if not told."""

    number: int
    default_duration: int
    _entry: Master

    def fields(self, container: str, base: str, packets: int) -> dict[str, Json]:
        """Return the four track fields."""
        return {
            "decoder": self._decoder(container, base),
            "display": self._display(),
            "edits": [],
            "extent": extent(packets, None),
        }

    def _decoder(self, container: str, base: str) -> dict[str, Json]:
        entry = self._entry
        numbers = {
            "default_duration": self.default_duration,
            "codec_delay": entry.uint(_CODEC_DELAY),
            "seek_preroll": entry.uint(_SEEK_PRE_ROLL),
        }
        if (video := entry.master(_VIDEO)) is not None:
            numbers |= {"width": video.uint(_PIXEL_WIDTH), "height": video.uint(_PIXEL_HEIGHT)}
        elif (audio := entry.master(_AUDIO)) is not None:
            rate = audio.whole(_SAMPLING_FREQUENCY, 8_000)
            numbers |= {"channels": audio.uint(_CHANNELS, 1), "sample_rate": rate}
        return decoder(
            container,
            entry.text(_CODEC),
            _MEDIA.get(entry.uint(_TYPE), "data"),
            base,
            entry.bytes(_CODEC_PRIVATE),
            numbers,
            entry.bytes(_CONTENT_ENCODINGS),
        )

    def _display(self) -> dict[str, Json]:
        video = self._entry.master(_VIDEO)
        if video is None:
            return display()
        crop = tuple(video.uint(kind) for kind in _CROPS)
        width, height = video.uint(_DISPLAY_WIDTH), video.uint(_DISPLAY_HEIGHT)
        unit = video.uint(_DISPLAY_UNIT)
        return display(
            crop=crop if any(crop) else (),
            projection=video.bytes(_PROJECTION),
            width=fraction(width, 1) if width else "",
            height=fraction(height, 1) if height else "",
            unit=_UNITS[min(unit, len(_UNITS) - 1)] if width or height else "",
        )


def read_tracks(data: bytes) -> dict[int, Entry]:
    """Return the entries of a Tracks element by number; raise ContainerError where they clash."""
    found: dict[int, Entry] = {}
    for child in children(data, 0, len(data)):
        if child.kind == _TRACK_ENTRY:
            master = Master(data, child.begin, child.end)
            number = master.uint(_NUMBER)
            if not 0 < number <= _NUMBER_MAX or number in found or len(found) == TRACKS_MAX:
                raise ContainerError("two tracks have one number, or there are too many")
            found[number] = Entry(number, master.uint(_DEFAULT_DURATION), master)
    return found
