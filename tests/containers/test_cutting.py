"""Segments and packet payloads against a slow and plain reading of docs/format.md 3.1 and 3.2."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.containers.cutting import Cutting, cut, packet_payloads, plain
from bearwitness.containers.model import IN_PIECES, RECORD, Index, Packet, unpack
from bearwitness_verify.errors import MalformedError

from .media import Recipe, ours

PAYLOAD = struct.Struct(">IIQIIQqqq")


def index_of(places: list[tuple[int, int]], cuts: list[int] | None = None, flags: int = 0) -> Index:
    packets = b"".join(RECORD.pack(1, flags, b, e, e - b, n, -n, 1) for n, (b, e) in enumerate(places))
    return Index("mp4", (), packets, array("Q", cuts or []))


def lengths(places: list[tuple[int, int]], size: int, cuts: list[int] | None = None) -> list[int] | None:
    found = cut(index_of(places, cuts), size)
    return None if found is None else list(found.lengths)


def test_cuts_are_where_packets_begin_and_end() -> None:
    assert lengths([(1000, 3000), (3000, 4000), (5000, 9000)], 9000) == [1000, 2000, 1000, 1000, 4000]


def test_long_pieces_are_cut_every_65536_bytes_from_their_beginning() -> None:
    assert lengths([(1000, 200_000)], 331_072) == [1000, 65_536, 65_536, 65_536, 2392, 65_536, 65_536]
    assert lengths([(0, 65_536), (65_536, 131_073)], 131_073) == [65_536, 65_536, 1]


def test_the_header_before_a_packet_stays_with_it_and_nothing_longer_does() -> None:
    assert lengths([(1000, 3000), (3032, 6000), (6033, 9000)], 9000) == [1000, 2000, 3000, 33, 2967]
    assert lengths([(1000, 3000), (3032, 6000)], 6000, [3032]) == [1000, 2000, 32, 2968]
    index = index_of([(1000, 3000), (3032, 6000)])
    cutting = cut(index, 6000)
    assert cutting is not None
    assert [p[1:5] for p in payloads(index, cutting, 0)] == [(0, 1, 0, 1), (0, 2, 32, 1)]


def test_a_packet_in_pieces_shares_nothing_with_those_between_its_pieces() -> None:
    between = RECORD.pack(2, 0, 1000, 2000, 1000, 0, 0, 0)
    around = RECORD.pack(1, IN_PIECES, 0, 3000, 2000, 0, 0, 0)
    index = Index("mpegts", (), around + between, array("Q", [1000, 2000]))
    cutting = cut(index, 3000)
    assert cutting is not None
    assert [p[1:5] for p in payloads(index, cutting, 0)] == [(IN_PIECES, 0, 0, 3), (0, 1, 0, 1)]
    assert [p[1] for p in payloads(index, plain(3000), 0)] == [IN_PIECES | 4, 4]


def test_extra_cuts_count() -> None:
    assert lengths([], 2000, [700, 1300]) == [700, 600, 700]


def test_segments_below_512_bytes_on_average_are_not_made() -> None:
    even = [(at, at + 512) for at in range(0, 512 * 20, 512)]
    assert lengths(even, 512 * 20) == [512] * 20
    assert lengths([*even, (1, 513)], 512 * 20) is None
    assert lengths([], 0) is None
    assert lengths([], 100) is None  # one segment either way


def test_plain_blocks_are_65536_bytes_the_last_shorter_and_an_empty_file_has_one() -> None:
    assert list(plain(0).lengths) == [0]
    assert list(plain(65_536).lengths) == [65_536]
    assert list(plain(131_073).lengths) == [65_536, 65_536, 1]


def payloads(index: Index, cutting: Cutting, first: int) -> list[tuple[int, ...]]:
    return list(PAYLOAD.iter_unpack(packet_payloads(index, cutting, first)))


def test_a_payload_names_the_leaves_of_its_packet() -> None:
    index = index_of([(1000, 201_000), (201_000, 202_000)])
    cutting = cut(index, 202_000)
    assert cutting is not None
    assert payloads(index, cutting, 77) == [
        (1, 0, 78, 0, 4, 200_000, 0, 0, 1),
        (1, 0, 82, 0, 1, 1000, 1, -1, 1),
    ]


def test_in_plain_blocks_a_packet_says_where_it_begins_and_that_it_shares() -> None:
    index = index_of([(65_000, 65_100), (65_536, 131_072), (65_536, 140_000), (0, 65_536), (0, 10)])
    assert [p[1:5] for p in payloads(index, plain(150_000), 10)] == [
        (4, 10, 65_000, 1),
        (4, 11, 0, 1),
        (4, 11, 0, 2),
        (4, 10, 0, 1),
        (4, 10, 0, 1),
    ]


def test_a_packet_of_no_bytes_has_a_place_and_no_leaves() -> None:
    index = index_of([(0, 0), (1000, 1000), (4000, 4000)])
    cutting = cut(index, 4000)
    assert cutting is not None
    assert [p[1:5] for p in payloads(index, cutting, 5)] == [(0, 5, 0, 0), (0, 6, 0, 0), (0, 6, 3000, 0)]
    assert [p[1:5] for p in payloads(index_of([(0, 0)]), plain(0), 5)] == [(0, 5, 0, 0)]


def test_segments_of_another_file_are_refused() -> None:
    with pytest.raises(MalformedError):
        packet_payloads(index_of([(0, 70_000)]), plain(69_999), 0)


def test_flags_of_the_container_stay() -> None:
    index = index_of([(0, 9_000)], flags=3)
    assert payloads(index, plain(9_001), 0)[0][1] == 3


_size = st.integers(1, 300_000)


@given(st.data(), _size)
def test_cutting_and_payloads_agree_with_a_plain_reading_of_the_format(
    data: st.DataObject, size: int
) -> None:
    place = st.integers(0, size)
    places = data.draw(st.lists(st.tuples(place, place).map(lambda p: (min(p), max(p))), max_size=40))
    cuts = sorted(data.draw(st.sets(st.integers(1, size), max_size=5)) - {size})
    index = index_of(places, cuts)
    found = cut(index, size)
    expected = _slow_lengths(places, cuts, size)
    if found is None:
        assert len(expected) * 512 > size
        found = plain(size)
    else:
        assert list(found.lengths) == expected
    assert sum(found.lengths) == size
    packets = list(unpack(index.packets))
    for packet, payload in zip(packets, payloads(index, found, 1 << 20), strict=True):
        assert payload == _slow_payload(packet, packets, list(found.lengths), 1 << 20)


def _slow_lengths(places: list[tuple[int, int]], cuts: list[int], size: int) -> list[int]:
    firm = {0, size, *cuts, *(end for _, end in places)}
    bounds = sorted({*firm, *(begin for begin, _ in places)})
    kept = [0]
    for before, bound in pairwise(bounds):
        is_header = bound not in firm and before in firm and bound - before <= 32
        if not is_header:
            kept.append(bound)
    found = []
    for begin, end in pairwise(kept):
        found += [min(65_536, end - at) for at in range(begin, end, 65_536)]
    return found


def _slow_payload(packet: Packet, packets: list[Packet], sizes: list[int], first: int) -> tuple[int, ...]:
    starts = [sum(sizes[:n]) for n in range(len(sizes))]

    def holding(one: Packet) -> list[int]:
        return [
            n for n, at in enumerate(starts) if at < one.end and at + sizes[n] > one.pos and one.pos < one.end
        ]

    mine, flags = holding(packet), packet.flags
    if mine:
        leaf, leaves = mine[0], mine[-1] - mine[0] + 1
        flags |= 4 if sum(leaf in holding(other) for other in packets) > 1 else 0
    else:
        leaf, leaves = max(n for n, at in enumerate(starts) if at <= packet.pos), 0
    place = (first + leaf, packet.pos - starts[leaf], leaves)
    return (packet.track, flags, *place, packet.size, packet.pts, packet.dts, packet.duration)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("cut.mp4", "libx264", "aac", bitrate=4_000_000),
        Recipe("cut.mkv", "libx264", "aac", bitrate=4_000_000),
        Recipe("cut.avi", "mjpeg", "pcm_s16le", pixels="yuvj420p"),
        Recipe("cut.ts", "libx264", "aac", bitrate=4_000_000),
    ],
    ids=lambda r: r.name,
)
def test_every_packet_of_a_real_file_can_be_shown_without_any_other(
    made: Callable[[Recipe], Path], recipe: Recipe
) -> None:
    path = made(recipe)
    data, index = path.read_bytes(), ours(path)
    cutting = cut(index, len(data))
    assert cutting is not None
    starts = [0]
    for length in cutting.lengths:
        starts.append(starts[-1] + length)
    for packet, payload in zip(unpack(index.packets), payloads(index, cutting, 0), strict=True):
        _, flags, leaf, offset, leaves, *_ = payload
        assert not flags & 4
        assert offset <= 32
        if not flags & IN_PIECES:
            assert data[starts[leaf] + offset : starts[leaf + leaves]] == data[packet.pos : packet.end]
