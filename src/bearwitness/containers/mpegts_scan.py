"""One walk over the cells of a transport stream, a run of one PID at a time (ISO/IEC 13818-1, 2.4.3)."""

from __future__ import annotations

from array import array
from itertools import compress
from operator import ne
from typing import Final

from .columns import Columns
from .model import CUTS_MAX, IN_PIECES, KEY, PACKETS_MAX, UNTOLD, TooLargeError, big_endian
from .mpegts_pes import PREFIX, Pes, read_header
from .mpegts_tables import Tables

CELL_BYTES: Final = 188
SYNC: Final = b"\x47"
_PAYLOAD_BYTES: Final = 184
_STARTS: Final = 0x4000  # payload_unit_start_indicator, in the two bytes after the sync byte
_NOBODY: Final = 0x2000  # put there for cells with an error
_NULL_PID: Final = 0x1FFF
# First byte after sync: keeps the start indicator and the PID, marks transport_error_indicator.
_HEAD: Final = bytes(0x20 if byte & 0x80 else byte & 0x5F for byte in range(256))
# Third byte after sync: 0 where the cell is all payload (adaptation_field_control 01).
_ADAPTED: Final = bytes(0 if byte & 0x30 == 0x10 else 1 for byte in range(256))
# In the third byte after sync, and in the flags of an adaptation field (2.4.3.2, 2.4.3.4).
_SCRAMBLED: Final = 0xC0
_ADAPTATION: Final = 0x20
_RANDOM_ACCESS: Final = 0x40


class Scan:
    """One walk over all cells, a block at a time, a run of cells of one PID at a time."""

    def __init__(self, stride: int, skip: int) -> None:
        self.tables = Tables()
        self.columns: dict[int, Columns] = {}
        self.cuts = array("Q")
        self.whole = True
        self._stride, self._skip = stride, skip
        self._open: dict[int, Pes] = {}
        self._pid = -1  # of the run before
        self._packets = 0
        self._block = b""
        self._adapted = b""

    def block(self, data: bytes, at: int) -> None:
        """Take whole cells that stand at `at` of the file."""
        stride, skip = self._stride, self._skip
        cells = len(data) // stride
        first = bytearray(data[skip + 1 :: stride].translate(_HEAD))
        second = bytearray(data[skip + 2 :: stride])
        sync = data[skip::stride]
        if sync.count(SYNC) != cells:
            for cell in range(cells):
                if sync[cell] != SYNC[0]:
                    first[cell], second[cell] = _NOBODY >> 8, 0
        pairs = bytearray(2 * cells)
        pairs[0::2], pairs[1::2] = first, second
        heads = array("H")
        heads.frombytes(pairs)
        big_endian(heads)
        self._block, self._adapted = data, data[skip + 3 :: stride].translate(_ADAPTED)
        begin = 0
        for end in [*compress(range(1, cells), map(ne, heads, heads[1:])), cells]:
            if heads[begin] & _STARTS:
                while begin < end:  # each such cell begins something of its own
                    self._run(heads[begin], begin, begin + 1, at)
                    begin += 1
            else:
                self._run(heads[begin], begin, end, at)
            begin = end

    def _run(self, head: int, begin: int, end: int, at: int) -> None:
        """Take cells `begin`…`end`-1 of the block at `at`; `head` is their PID and whether they start."""
        pid, starts = head & ~_STARTS, bool(head & _STARTS)
        place = at + begin * self._stride
        if starts or pid != self._pid:
            self.cut(place)
        if pid & _NOBODY:
            self.whole = False
            self._open.clear()
        elif pid in self.tables.pids:
            for cell in range(begin, end):
                self.tables.feed(pid, self._payload(cell), starts)
        elif pid != _NULL_PID:
            if starts:
                self._start(pid, begin, place)
            pes = self._open.get(pid)
            if pes is not None:
                self._continue(pes, head, begin, end)
                pes.end = at + end * self._stride
        self._pid = pid

    def _start(self, pid: int, cell: int, place: int) -> None:
        """End the packet of `pid` before and begin another, if the cell begins a PES packet."""
        self._close(pid)
        head = self._payload(cell)
        at = cell * self._stride + self._skip + 3
        control, length, flags = self._block[at : at + 3]
        if head[:3] == PREFIX and not control & _SCRAMBLED:
            key = control & _ADAPTATION and length and flags & _RANDOM_ACCESS
            self._open[pid] = Pes(place, head, KEY if key else 0)

    def _continue(self, pes: Pes, head: int, begin: int, end: int) -> None:
        """Count the payload of cells of an open packet."""
        if not head & _STARTS:
            if head != self._pid:
                pes.flags |= IN_PIECES
            for cell in range(begin, end):
                if not pes.lacks_head():
                    break
                pes.head += self._payload(cell)
        adapted = self._adapted.count(1, begin, end)
        pes.payload += _PAYLOAD_BYTES * (end - begin - adapted)
        cell = begin - 1
        for _ in range(adapted):
            cell = self._adapted.index(1, cell + 1, end)
            pes.payload += len(self._payload(cell))

    def _payload(self, cell: int) -> bytes:
        """Return the payload of a cell, nothing if it has none (2.4.3.4)."""
        at = cell * self._stride + self._skip
        control, begin = self._block[at + 3] & 0x30, at + 4
        if control == 0x30:
            begin += 1 + self._block[begin]
        elif control != 0x10:
            return b""
        return self._block[begin : at + CELL_BYTES]

    def _close(self, pid: int) -> None:
        """Name the packet of `pid` that is open, if its header can be read and it is whole."""
        pes = self._open.pop(pid, None)
        header = read_header(pes.head) if pes is not None else None
        if pes is None or header is None:
            return
        size = pes.payload - header.length
        if header.body is not None and size < header.body:
            self.whole = False
            return
        self._packets += 1
        if self._packets > PACKETS_MAX:
            raise TooLargeError(f"the file has more than {PACKETS_MAX:,} packets")
        size = size if header.body is None else header.body
        columns = self.columns.get(pid)
        if columns is None:
            columns = self.columns[pid] = Columns()
        columns.append(pes.flags, pes.pos, pes.end, size, header.pts, header.dts, UNTOLD)

    def cut(self, place: int) -> None:
        """Let a segment begin at `place`."""
        if place:
            self.cuts.append(place)
            if len(self.cuts) > CUTS_MAX:
                raise TooLargeError(f"the file is in more than {CUTS_MAX:,} pieces")

    def finish(self) -> None:
        """Name the packets still open: nothing but the end of the file ends them."""
        for pid in list(self._open):
            self._close(pid)
