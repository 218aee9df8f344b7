"""Packets as a container holds them, for copying without decoding. Parameters of streams come of probe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from bearwitness.errors import MalformedError
from bearwitness.sandbox.client import Sandbox
from bearwitness_verify.canonical import Json

from . import wire
from .answers import in_batches
from .model import DecodeTrouble, Packet
from .plans import USUAL, Plan
from .source import Source

_ANSWER_BYTES_MAX: Final = wire.BATCH_BYTES + (300 << 20)


def packets(
    sandbox: Sandbox,
    source: Source,
    *,
    streams: Sequence[int],
    troubles: list[DecodeTrouble],
    edits: bool = True,
    plan: Plan = USUAL,
) -> Iterator[Packet]:
    """Yield the packets of `streams` in the order of the container; times in each stream's own time base.
    Without `edits` edit lists are taken for not there, so that whatever is stored comes out; with them, what
    they hide is told as a trouble.

    Their bytes are untrusted: to write them into another container is safe for nobody but who decodes them in
    a sandbox. Raises as :func:`bearwitness.media.frames.frames` does.
    """
    asked: Json = {"edits": edits, "streams": [str(number) for number in streams]}
    known = frozenset(streams)
    yield from in_batches(
        sandbox, source, "packets", asked, plan.limits(_ANSWER_BYTES_MAX), wire.PACKET.size,
        lambda batch: _packets(batch, known), troubles, " can not be taken apart",
    )  # fmt: skip


def _packets(batch: wire.Batch, streams: frozenset[int]) -> list[Packet]:
    found, at = [], 0
    for stream, pts, dts, duration, flags, length in wire.PACKET.iter_unpack(batch.records):
        if stream not in streams or flags > wire.KEY | wire.DISCARD or at + length > len(batch.data):
            raise MalformedError("a packet is of another stream or cut off")
        times = [None if time == wire.UNTOLD else time for time in (pts, dts)]
        data = bytes(batch.data[at : at + length])
        hidden = bool(flags & wire.DISCARD)
        found.append(Packet(stream, times[0], times[1], duration, bool(flags & wire.KEY), hidden, data))
        at += length
    if at != len(batch.data):
        raise MalformedError("a batch holds bytes that belong to no packet")
    return found
