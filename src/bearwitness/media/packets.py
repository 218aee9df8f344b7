"""Packets as a container holds them, for copying without decoding. Parameters of streams come of probe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from bearwitness.errors import ChildFailedError, MalformedError
from bearwitness.sandbox.client import Sandbox
from bearwitness_verify import canonical

from . import wire
from .model import DecodeTrouble, MediaError, Packet
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
    wanted = canonical.dumps({"edits": edits, "streams": [str(number) for number in streams]})
    files, ranges = source.handed()
    with sandbox.session("packets", wanted, files, plan.limits(_ANSWER_BYTES_MAX), ranges) as session:
        session.post(b"")
        ended = False
        while not ended:
            untrusted = session.take()
            try:
                batch = wire.read_batch(untrusted, wire.PACKET.size)
                found = _packets(batch, frozenset(streams))
            except wire.RefusedByChildError as refused:
                raise MediaError(f"{source.name} can not be taken apart: {refused}") from None
            except MalformedError as error:
                raise ChildFailedError(
                    f"the child that takes {source.name} apart answered nonsense: {error.message}"
                ) from None
            ended = batch.ended
            if not ended:
                session.post(b"")
            troubles += batch.troubles
            yield from found


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
