"""From an index to segments and packet payloads (docs/format.md, 3.1 and 3.2); no I/O.

:func:`cut` gives the lengths of a file's segments, :func:`packet_payloads` the payloads of its packet
leaves. Both run in the trusted parent on what :func:`answer.decode_index` let through.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate, chain, compress, count, islice, pairwise
from operator import add, le, sub
from typing import Final

from bearwitness_verify.errors import MalformedError

from .model import IN_PIECES, RECORD_WORDS, Index, big_endian, record_words

SEGMENT_BYTES_MAX: Final = 65_536
# Each segment costs 64 bytes of salt and hash; an index with smaller ones is hostile or of little use.
MEAN_BYTES_MIN: Final = 512
# Matroska puts 7 to 22 bytes before each frame, AVI 8 or 9: they would double the tree.
HEADER_BYTES_MAX: Final = 32
SHARED: Final = 4  # flag: the first segment holds bytes of other packets too


@dataclass(frozen=True, slots=True)
class Cutting:
    """The lengths of a file's segments, in order."""

    lengths: array[int]


def cut(index: Index, file_size: int) -> Cutting | None:
    """Return the segments of a file of `file_size` bytes, None where plain blocks are to be used.

    Cuts are where packets begin and end and at the places the index names besides. At most 32 bytes that
    belong to no packet stay with the packet they precede, whose header they are. What is longer than
    65,536 bytes between is cut at multiples of that from its beginning.
    """
    if len(index.cuts) * MEAN_BYTES_MIN > file_size:
        return None
    words = record_words(index.packets)
    begins, ends = words[1::RECORD_WORDS], words[2::RECORD_WORDS]
    firm = {0, file_size, *ends, *index.cuts}
    bounds = sorted(chain(begins, firm))
    stops = [
        b for a, b in pairwise(bounds) if a < b and (b - a > HEADER_BYTES_MAX or b in firm or a not in firm)
    ]
    lengths = array("q", map(sub, stops, chain((0,), stops)))
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
    # Where a packet does not begin or end with a segment the place is searched.
    leaf = array("q", [bisect_right(starts, at) - 1 if (n := number(at)) is None else n for at in begins])
    upto = array("q", [bisect_right(starts, at) if (n := number(at)) is None else n for at in ends])
    last = len(cutting.lengths) - 1
    if max(leaf, default=0) > last:  # packets of no bytes at the very end
        leaf = array("q", [min(n, last) for n in leaf])
    leaves = array(
        "q", [high - low if b < e else 0 for low, high, b, e in zip(leaf, upto, begins, ends, strict=True)]
    )
    offset = map(sub, begins, map(starts.__getitem__, leaf))
    words[2::RECORD_WORDS] = array("q", [o << 32 | k for o, k in zip(offset, leaves, strict=True)])
    words[0::RECORD_WORDS] = _with_shared(words[0::RECORD_WORDS], leaf, leaves)
    words[1::RECORD_WORDS] = array("q", map(first.__add__, leaf))
    return big_endian(words).tobytes()


def _with_shared(heads: array[int], leaf: array[int], leaves: array[int]) -> array[int]:
    """Return `heads` with the flag SHARED for each packet that is not alone in its first segment.

    That no two spans of segments meet is told from their sorted ends: each ends before the next begins.
    """
    begins = list(compress(leaf, leaves))
    ends = list(map(add, begins, filter(None, leaves)))
    # Of a packet in pieces only the first and the last segment are its own for sure.
    for head, low, length in zip(heads, leaf, leaves, strict=True):
        if head & IN_PIECES and length > 1:
            begins.append(low + length - 1)
            ends.append(low + 1)
    begins.sort()
    ends.sort()
    if all(map(le, ends, islice(begins, 1, None))):
        return heads
    begun, ended = Counter(begins), Counter(ends)
    held = array("q", accumulate(begun[n] - ended[n] for n in range(ends[-1])))
    return array(
        "q",
        [
            head | SHARED if length and held[low] > 1 else head
            for head, low, length in zip(heads, leaf, leaves, strict=True)
        ],
    )
