"""Which packets of a stream are copied bit for bit, and which frames are encoded anew.

A group can be copied if no frame of it changes, nothing in it is unknown, and its decoder starts clean: it
begins with an IDR picture, or follows copied packets back to one. So within the stretch from one IDR to the
next, packets are copied up to the first open group that must change; that group's leading pictures, which
stand behind its key picture and are shown before it, are encoded with it.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from bearwitness.errors import MalformedError, RefusedError
from bearwitness.sandbox.client import Sandbox
from bearwitness.sandbox.limits import Limits
from bearwitness_verify import canonical
from bearwitness_verify.canonical import array as json_array
from bearwitness_verify.canonical import integer, members, unb64

from . import h264
from .muxing.model import Packet

TASKS: Final = "bearwitness.redact.locked"
_HEADER_BYTES_MAX: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Scan:
    """What the sandbox says of a stream: its parameter sets, the numbers they take, flags of each packet."""

    configuration: h264.Configuration
    taken: frozenset[int]
    flags: bytes


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run of packets, in the order of decoding, that is copied or encoded anew as a whole."""

    begin: int
    end: int
    copied: bool


def scan(sandbox: Sandbox, config: bytes, packets: Sequence[Packet]) -> Scan:
    """Ask the sandbox, one of TASKS, which packets can be copied; raise SandboxError, MalformedError."""
    data = os.memfd_create("packets", os.MFD_CLOEXEC)
    sizes = os.memfd_create("sizes", os.MFD_CLOEXEC)
    try:
        for packet in packets:
            _write(data, packet.data)
        _write(sizes, array("Q", [len(packet.data) for packet in packets]).tobytes())
        limits = Limits(600, 600, 256 << 20, _HEADER_BYTES_MAX + len(packets))
        untrusted = sandbox.call("scan", config, (data, sizes), limits)
    finally:
        os.close(data)
        os.close(sizes)
    return _decode(untrusted, len(packets))


def _write(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def _decode(untrusted: bytes, count: int) -> Scan:
    head, found_end, flags = untrusted.partition(b"\n")
    if (
        not found_end
        or len(flags) != count
        or any(flag > h264.DECODES_ALONE | h264.COPYABLE for flag in flags)
    ):
        raise MalformedError("the sandbox gave no sound answer about a video stream")
    found = members(canonical.loads(head, "a scan"), "a scan", "length_size pps sps taken")
    configuration = h264.Configuration(
        integer(found["length_size"], "a length", 1, 4),
        tuple(unb64(one, "a parameter set") for one in json_array(found["sps"])),
        tuple(unb64(one, "a parameter set") for one in json_array(found["pps"])),
    )
    taken = frozenset(
        integer(one, "the number of a parameter set", 0, 255) for one in json_array(found["taken"])
    )
    return Scan(configuration, taken, flags)


def stretches(packets: Sequence[Packet], flags: bytes, changed: Collection[int]) -> list[Stretch]:
    """Return the runs of packets to copy and to encode; `changed` are the times of frames that change."""
    starts = [n for n, flag in enumerate(flags) if flag & h264.DECODES_ALONE]
    if not starts or starts[0] != 0:
        starts.insert(0, 0)
    found: list[Stretch] = []
    for begin, end in zip(starts, [*starts[1:], len(packets)], strict=True):
        clean = bool(flags[begin] & h264.DECODES_ALONE)
        middle = _first_to_encode(packets, flags, changed, begin, end) if clean else begin
        if begin < middle:
            found.append(Stretch(begin, middle, copied=True))
        if middle < end:
            found.append(Stretch(middle, end, copied=False))
    return _merged(found)


def _first_to_encode(
    packets: Sequence[Packet], flags: bytes, changed: Collection[int], begin: int, end: int
) -> int:
    """Return where copying must stop between two IDR pictures: the start of a group, or `end`."""
    keys = [n for n in range(begin, end) if n == begin or packets[n].key]
    for first, last in zip(keys, [*keys[1:], end], strict=True):
        group = range(first, last)
        if any(packets[n].pts in changed or not flags[n] & h264.COPYABLE for n in group):
            return first
    return end


def _merged(found: Sequence[Stretch]) -> list[Stretch]:
    merged: list[Stretch] = []
    for one in found:
        if merged and merged[-1].copied == one.copied:
            merged[-1] = Stretch(merged[-1].begin, one.end, one.copied)
        else:
            merged.append(one)
    return merged


def assemble(
    packets: Sequence[Packet],
    parts: Sequence[Stretch],
    encode: Callable[[list[int]], list[tuple[int, bool, bytes]]],
) -> list[Packet]:
    """Return the packets of the derivative: copied ones as they are, the others from `encode`.

    `encode` is handed the times of frames in order and answers with time, key and bytes of each, in the same
    order. The decoding times of the original are given out in order: the n-th smallest never lies behind the
    n-th smallest time of showing, so each frame is there when it is needed and no time is new.
    """
    out: list[Packet] = []
    for part in parts:
        group = packets[part.begin : part.end]
        if part.copied:
            out += group
            continue
        shown = sorted(packet.pts for packet in group)
        lengths = {packet.pts: packet.duration for packet in group}
        made = encode(shown)
        if [time for time, _, _ in made] != shown:
            raise RefusedError("the encoder did not give back each frame at its time")
        decoding = sorted(packet.dts for packet in group)
        out += [
            Packet(time, dts, lengths[time], key, data)
            for (time, key, data), dts in zip(made, decoding, strict=True)
        ]
    return out
