"""Program tables of an MPEG transport stream: PAT and PMT (ISO/IEC 13818-1, 2.4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from zlib import crc32

from bearwitness_verify.canonical import Json

from .fields import decoder, display, extent, time_base
from .model import TRACKS_MAX, ContainerError, TooLargeError

_PAT_PID: Final = 0
_PAT_TABLE, _PMT_TABLE = 0, 2
_SECTION_BYTES_MAX: Final = 1_024  # of PAT and PMT (2.4.4.5, 2.4.4.9)
_STUFFING: Final = 0xFF
_MEDIA: Final = (
    ("video", (0x01, 0x02, 0x10, 0x1B, 0x1E, 0x1F, 0x20, 0x21, 0x23, 0x24, 0x25, 0x33, 0x42, 0xD1, 0xEA)),
    ("audio", (0x03, 0x04, 0x0F, 0x11, 0x1C, 0x2D, 0x2E, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87)),
    ("subtitle", (0x1D, 0x90, 0x92)),
)
# Private data (stream_type 6) is told by a descriptor of its own (EN 300 468, 6.1; ATSC A/52, annex A).
_PRIVATE: Final = 0x06
_DESCRIPTORS: Final = {
    0x56: "subtitle", 0x59: "subtitle",
    0x6A: "audio", 0x7A: "audio", 0x7B: "audio", 0x7C: "audio", 0x81: "audio",
}  # fmt: skip
# Each byte with its bits in the other order.
_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_REGISTRATION: Final = 0x05
_REGISTERED: Final = {
    b"AC-3": "audio", b"EAC3": "audio", b"Opus": "audio", b"BSSD": "audio", b"DTS1": "audio",
    b"HEVC": "video", b"AV01": "video", b"VC-1": "video",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Elementary:
    """A stream of a program: its type, and its descriptors as they stand in the PMT."""

    stream_type: int
    descriptors: bytes

    def fields(self, container: str, packets: int) -> dict[str, Json]:
        """Return the four track fields."""
        return {
            "decoder": decoder(
                container, f"0x{self.stream_type:02x}", self._media(), time_base(1, 90_000), self.descriptors
            ),
            "display": display(),
            "edits": [],
            "extent": extent(packets, None),
        }

    def _media(self) -> str:
        for media, types in _MEDIA:
            if self.stream_type in types:
                return media
        at = 0
        while self.stream_type == _PRIVATE and at + 2 <= len(self.descriptors):
            tag, length = self.descriptors[at], self.descriptors[at + 1]
            registered = self.descriptors[at + 2 : at + 6] if tag == _REGISTRATION else b""
            media = _DESCRIPTORS.get(tag) or _REGISTERED.get(registered, "")
            if media:
                return media
            at += 2 + length
        return "data"


class Tables:
    """Collects sections; `pids` are the ones to feed, `streams` what the PMTs name."""

    def __init__(self) -> None:
        self.pids = {_PAT_PID}
        self.streams: dict[int, Elementary] = {}
        self._buffers: dict[int, bytes] = {}
        self._seen: set[bytes] = set()

    def feed(self, pid: int, payload: bytes, starts: bool) -> None:
        """Take the payload of a cell; `starts`: a section begins in it, where its first byte says."""
        rest = self._buffers.pop(pid, b"")
        if starts:
            pointer = payload[0] + 1 if payload else 0
            if rest:
                self._sections(pid, rest + payload[1:pointer])
            self._buffers.pop(pid, None)
            self._sections(pid, payload[pointer:])
        elif rest:
            self._sections(pid, rest + payload)

    def _sections(self, pid: int, data: bytes) -> None:
        """Read the whole sections `data` begins with and keep the beginning of another."""
        while len(data) >= 3 and data[0] != _STUFFING:
            length = 3 + (int.from_bytes(data[1:3], "big") & 0xFFF)
            if length > _SECTION_BYTES_MAX:
                return
            if length > len(data):
                break
            self._section(pid, data[:length])
            data = data[length:]
        if data and data[0] != _STUFFING:
            self._buffers[pid] = data

    def _section(self, pid: int, section: bytes) -> None:
        """Take a section in, unless its checksum is wrong or it is not yet in force (2.4.4.3)."""
        if section in self._seen or len(section) < 12 or not section[5] & 1 or not _is_sound(section):
            return
        if len(self._seen) >= 8 * TRACKS_MAX:
            raise TooLargeError("the tables of the programs change too often")
        self._seen.add(section)
        if section[0] == _PAT_TABLE and pid == _PAT_PID:
            for at in range(8, len(section) - 7, 4):
                if section[at : at + 2] != b"\x00\x00":  # program 0 is the network's table
                    self.pids.add(int.from_bytes(section[at + 2 : at + 4], "big") & 0x1FFF)
        elif section[0] == _PMT_TABLE and pid != _PAT_PID:
            self._programme(section)

    def _programme(self, section: bytes) -> None:
        at, end = 12 + (int.from_bytes(section[10:12], "big") & 0xFFF), len(section) - 4
        while at + 5 <= end:
            pid = int.from_bytes(section[at + 1 : at + 3], "big") & 0x1FFF
            length = int.from_bytes(section[at + 3 : at + 5], "big") & 0xFFF
            found = Elementary(section[at], section[at + 5 : min(at + 5 + length, end)])
            if self.streams.setdefault(pid, found).stream_type != found.stream_type:
                raise ContainerError("a track changes its decoder on the way")
            at += 5 + length
        if len(self.streams) > TRACKS_MAX:
            raise TooLargeError("the file has too many streams")


def _is_sound(section: bytes) -> bool:
    """Say whether the checksum of a section (annex A) holds: that of zlib with the bits turned around."""
    return crc32(section.translate(_MIRRORED)) == 0xFFFFFFFF
