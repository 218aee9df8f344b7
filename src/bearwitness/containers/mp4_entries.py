"""Sample descriptions: how the samples of a track are coded (ISO/IEC 14496-12, 8.5.2 and 12; QTFF, 3)."""

from __future__ import annotations

import struct
from itertools import islice
from typing import Final

from bearwitness_verify.canonical import Json

from .fields import decoder, fourcc, fraction
from .model import ContainerError
from .mp4_boxes import Box, Boxes
from .mp4_tables import Grouping

# Children of a sample description that hold what its decoder must be given first.
_CONFIGURATIONS: Final = (
    b"avcC", b"hvcC", b"lhvC", b"vvcC", b"evcC", b"av1C", b"vpcC", b"wave", b"esds", b"dOps", b"dfLa",
    b"alac", b"dac3", b"dec3", b"dac4", b"ddts", b"mhaC", b"pcmC", b"damr", b"d263", b"glbl", b"jxlC",
)  # fmt: skip
_SAMPLE_ENTRY_BYTES: Final = 8  # reserved and data_reference_index (8.5.2)
_FIELDS_BYTES: Final = {"video": 70, "audio": 20}
_QUICKTIME_SOUND: Final = {1: 36, 2: 56}
# QuickTime sound that is not compressed, and the bits a sample of it has whatever its header says.
_PCM_BITS: Final = {
    b"in24": 24, b"in32": 32, b"fl32": 32, b"fl64": 64, b"ulaw": 8, b"alaw": 8, b"raw ": 0, b"twos": 0,
    b"sowt": 0, b"NONE": 0,
}  # fmt: skip


class Entry:
    """One sample description of a track, counted from 1 (8.5.2, 12.1.3, 12.2.3)."""

    def __init__(self, boxes: Boxes, stsd: Box, media: str, number: int) -> None:
        self._boxes, self._media = boxes, media
        entries = list(islice(boxes.inside(stsd.begin + 8, stsd.end), number))
        if not 0 < number == len(entries):
            raise ContainerError("a track does not say how it is coded")
        self._box = entries[-1]
        self.reference = boxes.uint(self._box, 6, 2)
        length = _FIELDS_BYTES.get(media, self._box.end - self._box.begin - _SAMPLE_ENTRY_BYTES)
        self._version = 0
        if media == "audio":
            # Only in version 0 of stsd does QuickTime's number of the sound description count (12.2.3.2).
            self._version = 0 if boxes.uint(stsd, 0, 1) else boxes.uint(self._box, 8, 2)
            length = _QUICKTIME_SOUND.get(self._version, length)
        self._own = boxes.bytes(self._box, _SAMPLE_ENTRY_BYTES, length)
        self._children = boxes.children(self._box, _SAMPLE_ENTRY_BYTES + length)

    def _number(self, at: int, length: int) -> int:
        return int.from_bytes(self._own[at : at + length], "big")

    def decoder(self, container: str, base: str) -> dict[str, Json]:
        """Return the field `decoder`; without a box for it, extradata is the description's own fields."""
        found = next((self._children[kind] for kind in _CONFIGURATIONS if kind in self._children), None)
        extradata = self._own if found is None else self._boxes.bytes(found, 0, found.end - found.begin)
        codec, numbers = fourcc(self._box.kind), {}
        if self._media == "video":
            numbers = {"width": self._number(16, 2), "height": self._number(18, 2)}
        elif self._version == 2:
            rate = _whole_double(self._own[24:32])
            numbers = {"channels": self._number(32, 4), "sample_rate": rate}
        elif self._media == "audio":
            numbers = {"channels": self._number(8, 2), "sample_rate": self._number(16, 4) >> 16}
        return decoder(container, codec, self._media, base, extradata, numbers)

    def grouping(self) -> Grouping:
        """Return the frames and bytes that lie together in sound, zeros where it does not tell (QTFF)."""
        if self._version == 1 and self._number(20, 4) and self._number(28, 4):
            return Grouping(self._number(20, 4), self._number(28, 4))
        if self._version == 2 and self._number(48, 4) and self._number(52, 4):
            return Grouping(self._number(52, 4), self._number(48, 4))
        if self._version or self._box.kind not in _PCM_BITS:
            return Grouping(0, 0)
        bits = _PCM_BITS[self._box.kind] or self._number(10, 2)
        return Grouping(1, bits // 8 * self._number(8, 2))

    def pixel_aspect(self) -> str:
        """Return hSpacing/vSpacing of pasp (12.1.4), nothing if there is none."""
        pasp = self._children.get(b"pasp") if self._media == "video" else None
        if pasp is None:
            return ""
        across, down = self._boxes.uint(pasp, 0, 4), self._boxes.uint(pasp, 4, 4)
        return fraction(across, down) if across and down else ""

    def crop(self) -> tuple[int, ...]:
        """Return the eight numbers of clap (12.1.4), nothing if there is none."""
        clap = self._children.get(b"clap") if self._media == "video" else None
        return () if clap is None else tuple(self._boxes.words(clap, 0, 8, "i"))


def _whole_double(data: bytes) -> int:
    """Return an IEEE 754 double as an integer, 0 if it is none (version 2 sound descriptions)."""
    (value,) = struct.unpack(">d", data)
    return int(value) if 0 <= value < 1 << 32 else 0
