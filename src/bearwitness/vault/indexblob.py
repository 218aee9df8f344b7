"""The index blob of a file: where it was cut, and its track table (docs/format.md, 3.3)."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from bearwitness.errors import MalformedError
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json
from bearwitness_verify.leaves import SEGMENT_BYTES_MAX

from .delivery import OpenDelivery, Record

PACKET_BYTES = 56


@dataclass(frozen=True)
class IndexBlob:
    """Segment lengths; payloads of the track fields; packed payloads of the packets."""

    container: str
    lengths: array[int]
    fields: Sequence[Json]
    packets: bytes

    def encode(self) -> bytes:
        """Return the bytes that are stored."""
        head = canonical.dumps(
            {
                "container": self.container,
                "cuts": str(len(self.lengths)),
                "fields": list(self.fields),
                "packets": str(len(self.packets) // PACKET_BYTES),
                "v": "1",
            }
        )
        return head + b"\n" + _big_endian(self.lengths).tobytes() + self.packets

    @classmethod
    def decode(cls, data: bytes, what: str) -> IndexBlob:
        """Read the stored bytes strictly."""
        head, newline, rest = data.partition(b"\n")
        got = canonical.members(canonical.loads(head, what), what, "container cuts fields packets v")
        cuts = canonical.integer(got["cuts"], what)
        packets = canonical.integer(got["packets"], what)
        if not newline or got["v"] != "1" or len(rest) != 4 * cuts + PACKET_BYTES * packets:
            raise MalformedError(f"{what} is damaged")
        lengths = _big_endian(array("I", rest[: 4 * cuts]))
        fields = canonical.array(got["fields"], what)
        return cls(canonical.text(got["container"], what), lengths, fields, rest[4 * cuts :])


def _big_endian(values: array[int]) -> array[int]:
    """Return `values` with their bytes turned round where this machine is little-endian."""
    turned = array("I", values)
    if sys.byteorder == "little":
        turned.byteswap()
    return turned


def plain_lengths(size: int) -> array[int]:
    """Return the segment lengths of a file that is cut every 65,536 bytes."""
    whole, rest = divmod(size, SEGMENT_BYTES_MAX)
    lengths = array("I", [SEGMENT_BYTES_MAX]) * whole
    if rest or not whole:
        lengths.append(rest)
    return lengths


def read_index(delivery: OpenDelivery, record: Record) -> IndexBlob | None:
    """Return the index blob of an item, None if it has none."""
    if not record.index:
        return None
    data = b"".join(delivery.read_extents(record.part, record.index))
    return IndexBlob.decode(data, "the index of an item")


def segment_lengths(delivery: OpenDelivery, record: Record) -> array[int]:
    """Return the lengths of an item's segments."""
    blob = read_index(delivery, record)
    return blob.lengths if blob else plain_lengths(record.size or 0)
