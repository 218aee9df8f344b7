"""MPEG transport streams of 188-byte cells, or 192 with a time before each (ISO/IEC 13818-1; BDAV).

A track is a PID that a PMT names, a packet is a PES packet: from its first cell to its last one, with
`size` the bytes a decoder is given (no cell headers, no PES header). Leaves are runs of cells of one
PID; a new one begins with each payload_unit_start. Times are the 33 bits written; dts is pts where only
pts is written (2.4.3.7). random_access_indicator is the key flag. Cells without a sync byte or with an
error flagged belong to nobody; a packet they fall into is not named, and the file is called incomplete.
"""

from __future__ import annotations

from typing import Final

from .columns import Columns, pack_all
from .model import INCOMPLETE, ContainerError, Index, Track
from .mpegts_scan import SYNC, Scan
from .reader import Reader

# Bytes from one cell to the next and those before the sync byte.
_LAYOUTS: Final = ((188, 0, "mpegts"), (192, 4, "m2ts"))
_CELLS_LEAST: Final = 3
_CELLS_A_READ: Final = 4_096


def _layout(head: bytes) -> tuple[int, int, str] | None:
    for stride, skip, container in _LAYOUTS:
        cells = len(head) // stride
        if cells >= _CELLS_LEAST and head[skip : cells * stride : stride] == SYNC * cells:
            return stride, skip, container
    return None


def recognise(head: bytes) -> bool:
    """Say whether a file that begins with `head` has a sync byte in every cell of it."""
    return _layout(head) is not None


def read(reader: Reader) -> Index:
    """Return the index of a transport stream; raise ContainerError if it has no program tables."""
    layout = _layout(reader.some(0, 4_096))
    if layout is None:
        raise ContainerError("the file has no cells")
    stride, skip, container = layout
    scan = Scan(stride, skip)
    at, whole_cells = 0, reader.size // stride * stride
    while at < whole_cells:
        block = reader.read(at, min(stride * _CELLS_A_READ, whole_cells - at))
        scan.block(block, at)
        at += len(block)
    scan.finish()
    if not scan.tables.streams:
        raise ContainerError("the file has no table of a program")
    if whole_cells < reader.size:
        scan.cut(whole_cells)
        scan.whole = False
    if not scan.whole:
        container += INCOMPLETE
    tracks, columns = [], []
    for pid, stream in sorted(scan.tables.streams.items()):
        found = scan.columns.get(pid, Columns())
        tracks.append(Track(pid, stream.fields(container, len(found))))
        columns.append((pid, found))
    return Index(container, tuple(tracks), pack_all(columns), scan.cuts)
