"""Packets of a transport stream out of its cells (ISO/IEC 13818-1, 2.4.3; docs/format.md, 11.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .errors import ProofError
from .rows import UNTOLD, Row, Track

CELL_BYTES: Final = 188
SYNC: Final = 0x47
PACKET_BYTES_MAX: Final = 1 << 28  # of cells that hold one packet; a picture in 8K has some 10 MB
_PLAIN_IDS: Final = frozenset((0xBC, 0xBE, 0xBF, 0xF0, 0xF1, 0xF2, 0xF8, 0xFF))
_PTS_MASK: Final = (1 << 33) - 1


@dataclass
class _Open:
    """A packet of one track while its segments come by."""

    rows: list[Row]
    at: int = 0
    last: int = -1
    data: bytearray = field(default_factory=bytearray)


class TransportPackets:
    """Takes segments in order, gives each to the packet it belongs to, and checks packets that are whole."""

    def __init__(self, tracks: tuple[Track, ...]) -> None:
        self._skip = 4 if tracks[0].container == "m2ts" else 0
        self._stride = self._skip + CELL_BYTES
        self._open = {track.number: _Open([row for row in track.played if row.leaves]) for track in tracks}
        if any(row.offset for track in self._open.values() for row in track.rows):
            raise ProofError("a packet does not begin with its cell")
        self._ready: list[bytes] = []
        self._before = (-1, -1)  # index and track of the segment before

    def take(self, index: int, data: bytes) -> None:
        """Take the segment at `index`; raise ProofError if it belongs to no packet that is shown."""
        pid = self._track_of(index, data)
        track = self._open.get(pid)
        if track is None:
            raise ProofError("bytes of a stream are shown that is not part of the clip")
        while track.at < len(track.rows) and index >= _end(track.rows[track.at]):
            self._close(track)
        if track.at == len(track.rows) or index < track.rows[track.at].leaf:
            raise ProofError("bytes are shown that belong to no packet of the clip")
        if not track.data and index != track.rows[track.at].leaf:
            raise ProofError("the beginning of a packet is missing")
        track.data += data
        track.last = index
        if len(track.data) > PACKET_BYTES_MAX:
            raise ProofError("a packet is larger than any real one")
        self._before = (index, pid)
        self._ready.append(data)

    def _track_of(self, index: int, data: bytes) -> int:
        """Return the PID of a segment; one that begins within a cell goes on where the one before ended."""
        before, pid = self._before
        if before >= 0 and len(self._open[pid].data) % self._stride:
            if index != before + 1:
                raise ProofError("a cell is cut off")
            return pid
        head = data[self._skip : self._skip + 3]
        return pid_of(head) if len(head) == 3 else -1

    def _close(self, track: _Open) -> None:
        check_packet(bytes(track.data), track.rows[track.at], self._stride, self._skip)
        track.at += 1
        track.data.clear()

    def ready(self) -> list[bytes]:
        """Return the segments taken since the last call: they are played as they are."""
        ready, self._ready = self._ready, []
        return ready

    def finish(self) -> None:
        """Check the packets that are still open; raise ProofError if one is not whole."""
        for track in self._open.values():
            while track.at < len(track.rows):
                self._close(track)


def _end(row: Row) -> int:
    return row.leaf + row.leaves


def pid_of(head: bytes) -> int:
    """Return the PID of a cell that begins with these three bytes, -1 if it is no sound cell."""
    return -1 if head[0] != SYNC or head[1] & 0x80 else int.from_bytes(head[1:3], "big") & 0x1FFF


def check_packet(data: bytes, row: Row, stride: int, skip: int) -> bytes:
    """Return the bytes a decoder is given of the packet of `row`, whose cells `data` are; raise ProofError.

    They must hold exactly this packet, with no cell missing.
    """
    if not data or len(data) % stride:
        raise ProofError("a packet is not made of whole cells")
    payload = bytearray()
    for at in range(skip, len(data), stride):
        cell = data[at : at + CELL_BYTES]
        starts = bool(cell[1] & 0x40)
        if pid_of(cell[:3]) != row.track or cell[3] & 0xC0 or starts != (at == skip):
            raise ProofError("a cell of a packet is of another stream, scrambled, or begins another packet")
        payload += _payload(cell)
    body, pts, dts = _pes(bytes(payload))
    size, length = len(payload) - body, int.from_bytes(payload[4:6], "big")
    told = length + 6 - body if length else size
    if row.size != told or size < told:
        raise ProofError("cells of a packet are missing")
    if (pts, dts) != (row.pts, row.dts):
        raise ProofError("the times a packet carries are not those of the track table")
    return bytes(payload[body : body + told])


def _payload(cell: bytes) -> bytes:
    control = cell[3] & 0x30
    if control == 0x10:
        return cell[4:]
    return cell[5 + cell[4] :] if control == 0x30 else b""


def _pes(payload: bytes) -> tuple[int, int, int]:
    """Return where the bytes of a PES packet begin, and its pts and dts as written."""
    if len(payload) < 9 or payload[:3] != b"\x00\x00\x01":
        raise ProofError("a packet has no head")
    if payload[3] in _PLAIN_IDS:
        return 6, UNTOLD, UNTOLD
    body = 9 + payload[8]
    if payload[6] & 0xC0 != 0x80 or len(payload) < body:
        raise ProofError("the head of a packet is damaged")
    pts = _time(payload[9:14]) if payload[7] & 0x80 and payload[8] >= 5 else UNTOLD
    dts = _time(payload[14:19]) if payload[7] & 0x40 and payload[8] >= 10 else pts
    return body, pts, dts


def _time(data: bytes) -> int:
    bits = int.from_bytes(data, "big")
    return ((bits >> 33 & 7) << 30 | (bits >> 17 & 0x7FFF) << 15 | bits >> 1 & 0x7FFF) & _PTS_MASK
