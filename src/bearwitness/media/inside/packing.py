"""The session `packets`: packets as the container holds them, for copying."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import av

from bearwitness.sandbox.tasks import Handler, Task
from bearwitness_verify import canonical

from .. import wire
from ..model import BROKEN, HIDDEN
from .opening import Bytes, bytes_of, count_hidden, open_container, reason_of

_PACKET_BYTES_MAX: Final = 256 << 20


def open_packets(task: Task) -> Handler:
    """Open the container; what can not be done is told by the first answer."""
    got = canonical.members(canonical.loads(task.arguments), "arguments", "edits streams")
    wanted = [int(str(number)) for number in canonical.array(got["streams"])]
    batches = _batches(bytes_of(task), wanted, edits=bool(got["edits"]))
    return lambda _: next(batches)


def _batches(source: Bytes, wanted: list[int], *, edits: bool) -> Iterator[bytearray]:
    try:
        container = open_container(source, edits=edits)
    except av.FFmpegError as error:
        yield wire.refusal(reason_of(error))
        return
    if any(number >= len(container.streams) for number in wanted):
        yield wire.refusal("it has no stream of that number")
        return
    writer = wire.BatchWriter(Fraction(1))
    for number in wanted if edits else ():
        hidden = count_hidden(source, container, number)
        if hidden:
            reason = f"an edit list keeps {hidden} stored packets of stream {number} from being shown"
            writer.trouble(HIDDEN, number, None, reason)
    try:
        for packet in container.demux([container.streams[number] for number in wanted]):
            if packet.size == 0 and packet.pts is None and packet.dts is None:
                continue  # the end of a stream
            if packet.size > _PACKET_BYTES_MAX:
                writer.trouble(BROKEN, packet.stream_index, None, "a packet is larger than any that is read")
                break
            writer.add(_record(packet))
            writer.data += bytes(packet)
            if writer.full:
                yield writer.answer(wire.MORE)
                writer.clear()
    except av.FFmpegError as error:
        writer.trouble(BROKEN, 0, None, f"the container can not be read on: {reason_of(error)}")
    yield writer.answer(wire.END)


def _record(packet: av.Packet[av.stream.Stream]) -> bytes:
    pts, dts = (wire.UNTOLD if time is None else time for time in (packet.pts, packet.dts))
    flags = wire.KEY * packet.is_keyframe | wire.DISCARD * packet.is_discard
    return wire.PACKET.pack(packet.stream_index, pts, dts, packet.duration or 0, flags, packet.size)
