"""From an index to segments and packet payloads (docs/format.md, 3.1 and 3.2); no I/O.

:func:`cut` gives the lengths of a file's segments, :func:`packet_payloads` the payloads of its packet
leaves. Both run in the trusted parent on what :func:`answer.decode_index` let through.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, chain, compress, count, islice
from operator import ne, or_, sub
from typing import Final

from bearwitness_verify.errors import MalformedError

from .model import RECORD_WORDS, Index, big_endian, record_words

SEGMENT_BYTES_MAX: Final = 65_536
# Each segment costs 64 bytes of salt and hash; an index with smaller ones is hostile or of little use.
MEAN_BYTES_MIN: Final = 512
SHARED: Final = 4  # flag: the first segment holds bytes that are not the packet's


@dataclass(frozen=True, slots=True)
class Cutting:
    """The lengths of a file's segments, in order."""

    lengths: array[int]


def cut(index: Index, file_size: int) -> Cutting | None:
    """Return the segments of a file of `file_size` bytes, None where plain blocks are to be used.

    Cuts are where packets begin and end and at the places the index names besides; what is longer
    than 65,536 bytes between is cut at multiples of that from its beginning.
    """
    words = record_words(index.packets)
    places = chain(words[1::RECORD_WORDS], words[2::RECORD_WORDS], index.cuts, (0, file_size))
    ordered = sorted(places)
    ends = array("q", compress(islice(ordered, 1, None), map(ne, ordered, islice(ordered, 1, None))))
    lengths = array("q", map(sub, ends, chain((0,), ends)))
    if lengths and max(lengths) > SEGMENT_BYTES_MAX:
        lengths = array("q", chain.from_iterable(map(_split, lengths)))
    if not lengths or len(lengths) * MEAN_BYTES_MIN > file_size:
        return None
    return Cutting(array("I", lengths))


def plain(file_size: int) -> Cutting:
    """Return the segments of a file without an index: 65,536 bytes each, the last shorter."""
    return Cutting(array("I", _split(file_size)))


def _split(length: int) -> tuple[int, ...]:
    if length <= SEGMENT_BYTES_MAX:
        return (length,)
    whole, rest = divmod(length, SEGMENT_BYTES_MAX)
    return (SEGMENT_BYTES_MAX,) * whole + ((rest,) if rest else ())


def packet_payloads(index: Index, cutting: Cutting, first: int) -> bytes:
    """Return the payloads of all packet leaves, 56 bytes each, in the order of the index.

    `first` is the place of segment 0 in the content tree, `cutting` the segments as they were hashed.
    A packet of no bytes has `leaves` 0; `leaf` and `offset` say where it would stand. Raises
    MalformedError where the segments are those of another file.
    """
    words = record_words(index.packets)
    begins, ends = words[1::RECORD_WORDS], words[2::RECORD_WORDS]
    starts = array("q", accumulate(cutting.lengths, initial=0))
    if max(ends, default=0) > starts[-1]:
        raise MalformedError("the segments do not reach as far as the index")
    number = dict(zip(starts, count(), strict=False)).get
    last = len(cutting.lengths) - 1
    # Where packets are not cut out (plain blocks, or a place an index lies about) the place is searched.
    exact = map(number, begins)
    leaf = [bisect_right(starts, at) - 1 if n is None else n for at, n in zip(begins, exact, strict=True)]
    if last + 1 in leaf:  # packets of no bytes at the very end
        leaf = [min(n, last) for n in leaf]
    after = map(number, ends)
    upto = [bisect_right(starts, at) if n is None else n for at, n in zip(ends, after, strict=True)]
    offset = list(map(sub, begins, map(starts.__getitem__, leaf)))
    leaves = [high - low if b < e else 0 for low, high, b, e in zip(leaf, upto, begins, ends, strict=True)]
    shared = [
        SHARED if k and (o or starts[low + 1] > e) else 0
        for low, o, k, e in zip(leaf, offset, leaves, ends, strict=True)
    ]
    words[0::RECORD_WORDS] = array("q", map(or_, words[0::RECORD_WORDS], shared))
    words[1::RECORD_WORDS] = array("q", map(first.__add__, leaf))
    words[2::RECORD_WORDS] = array("q", [o << 32 | k for o, k in zip(offset, leaves, strict=True)])
    return big_endian(words).tobytes()
