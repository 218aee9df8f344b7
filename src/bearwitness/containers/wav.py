"""WAV, RF64 and BW64: one run of sound (Microsoft RIFF 1991; EBU Tech 3306; ITU-R BS.2088).

Sound without frames of its own is cut into packets of whole blocks, at most 65,536 bytes each. Where
the header tells how many samples a block has, times are counted in samples; else they are not told.
"""

from __future__ import annotations

from array import array
from itertools import repeat
from typing import Final

from bearwitness_verify.canonical import Json

from .columns import Columns, pack_all
from .fields import decoder, display, extent, time_base
from .model import INCOMPLETE, KEY, PACKETS_MAX, UNTOLD, ContainerError, Index, TooLargeError, Track
from .reader import Reader
from .riff_chunks import chunk_at, uint

PACKET_BYTES_MAX: Final = 65_536
_FORMAT_BYTES_MAX: Final = 65_536
_SIZE_IN_DS64: Final = 0xFFFFFFFF
_CHUNKS_MAX: Final = 10_000
_PCM, _ADPCM, _FLOAT, _A_LAW, _MU_LAW, _IMA = 1, 2, 3, 6, 7, 0x11
_EXTENSIBLE: Final = 0xFFFE


def read(reader: Reader, container: str) -> Index:
    """Return the index of a WAV file; raise ContainerError if it has no format or no sound."""
    layout, long_size, at = b"", 0, 12
    for _ in range(_CHUNKS_MAX):
        chunk = chunk_at(reader, at, reader.size)
        if chunk is None:
            break
        size = uint(reader.read(at + 4, 4), 0, 4)
        if chunk.code == b"ds64":
            long_size = uint(reader.read(chunk.begin, 16), 8, 8)
        elif chunk.code == b"fmt ":
            if size > _FORMAT_BYTES_MAX:
                raise TooLargeError("the format of the sound is larger than any real one")
            layout = reader.read(chunk.begin, size)
        elif chunk.code == b"data":
            stop = chunk.begin + (long_size if size == _SIZE_IN_DS64 and long_size else size)
            return _index(container, layout, chunk.begin, stop, reader.size)
        at = chunk.end + (size & 1)
    raise ContainerError("the file has no sound (data)")


def _index(container: str, layout: bytes, begin: int, stop: int, file_size: int) -> Index:
    if stop > file_size:
        container, stop = container + INCOMPLETE, file_size
    align = uint(layout, 12, 2)
    if align == 0:
        raise ContainerError("the format of the sound has no blocks")
    step = PACKET_BYTES_MAX // align * align  # align has 16 bits
    if (stop - begin) // step > PACKETS_MAX:
        raise TooLargeError(f"the file has more than {PACKETS_MAX:,} packets")
    end = stop - (stop - begin) % align
    pos = array("q", range(begin, end, step))
    ends = array("q", [*pos[1:], end]) if pos else array("q")
    sizes = array("q", [e - b for b, e in zip(pos, ends, strict=True)])
    samples = _samples_in_block(layout)
    if samples:
        times = array("q", [(at - begin) // align * samples for at in pos])
        duration = array("q", [size // align * samples for size in sizes])
    else:
        times = duration = array("q", repeat(UNTOLD, len(pos)))
    columns = Columns(array("q", [KEY]) * len(pos), pos, ends, sizes, times, times, duration)
    rate = uint(layout, 4, 4)
    fields: dict[str, Json] = {
        "decoder": decoder(
            container,
            f"0x{uint(layout, 0, 2):04x}",
            "audio",
            time_base(1, rate),
            layout,
            {"channels": uint(layout, 2, 2), "sample_rate": rate},
        ),
        "display": display(),
        "edits": [],
        "extent": extent(len(pos), None),
    }
    return Index(container, (Track(0, fields),), pack_all([(0, columns)]), array("Q"))


def _samples_in_block(layout: bytes) -> int:
    """Return how many samples of each channel a block has, 0 where the format does not tell."""
    tag = uint(layout, 0, 2)
    if tag == _EXTENSIBLE and len(layout) >= 26:
        tag = uint(layout, 24, 2)
    if tag in (_PCM, _FLOAT, _A_LAW, _MU_LAW):
        return 1
    return uint(layout, 18, 2) if tag in (_ADPCM, _IMA) and len(layout) >= 20 else 0
