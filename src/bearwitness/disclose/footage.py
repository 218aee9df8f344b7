"""How many seconds of footage an item holds, by its track table."""

from __future__ import annotations

from fractions import Fraction

from bearwitness.vault.indexblob import PACKET_BYTES, IndexBlob
from bearwitness_verify.canonical import integer, members
from bearwitness_verify.rows import ROW, UNTOLD, time_base

_FIELDS = 4  # of each track: decoder, display, edits, extent


def seconds(blob: IndexBlob | None) -> Fraction:
    """Return the seconds of the longest track of pictures or sound; 0 where none was sealed."""
    longest, at = Fraction(0), 0
    if blob is None:
        return longest
    for number in range(0, len(blob.fields), _FIELDS):
        decoder, extent = (
            members(blob.fields[n], "a field of a track", "name track value")["value"]
            for n in (number, number + _FIELDS - 1)
        )
        count = integer(members(extent, "an extent", "packets duration")["packets"])
        if count and isinstance(decoder, dict) and decoder.get("media") in ("video", "audio"):
            packets = memoryview(blob.packets)[at * PACKET_BYTES : (at + count) * PACKET_BYTES]
            longest = max(longest, _length(packets) * time_base(decoder.get("time_base")))
        at += count
    return longest


def _length(packets: memoryview) -> int:
    low: int | None = None
    high = 0
    for _, _, _, _, _, _, pts, dts, duration in ROW.iter_unpack(packets):
        time = dts if pts == UNTOLD else pts
        if time == UNTOLD:
            continue
        end = time + max(duration, 0)
        low, high = (time, end) if low is None else (min(low, time), max(high, end))
    return 0 if low is None else high - low
