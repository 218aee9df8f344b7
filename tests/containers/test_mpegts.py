"""MPEG transport streams against FFmpeg, and by hand where FFmpeg writes nothing of the kind."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, zip_longest
from pathlib import Path

import pytest

from bearwitness.containers.model import IN_PIECES, KEY, ContainerError, Packet
from bearwitness.containers.reader import BytesSource
from bearwitness.containers.tasks import index

from .craft import cell, cells, pat, pes, pmt, psi, section
from .media import Recipe, by_track, ours, ours_of, peer, told

Made = Callable[[Recipe], Path]
RECIPES = [
    Recipe("h264.ts", "libx264", "aac", video_options={"bf": "2", "g": "10"}),
    Recipe("mpeg2.ts", "mpeg2video", "mp2", video_options={"g": "8"}),
    Recipe("hevc.ts", "libx265", "ac3", video_options={"x265-params": "log-level=none"}),
    Recipe("opus.ts", "libx264", "libopus", options={"pes_payload_size": "0"}),
    Recipe("flat.ts", "libx264", "aac", options={"muxrate": "3000000"}),
    Recipe("bluray.m2ts", "libx264", "ac3", muxer="mpegts", options={"mpegts_m2ts_mode": "1"}),
    Recipe("sound.ts", None, "libmp3lame"),
    Recipe("large.ts", "mjpeg", "aac", pixels="yuvj420p", bitrate=20_000_000, muxer="mpegts"),
]


def payload_of(data: bytes, packet: Packet, stride: int, skip: int) -> bytes:
    """Return what the cells of a packet hand to a decoder, taken out as a reader of the format would."""
    found = b""
    for at in range(packet.pos + skip, packet.end, stride):
        head = data[at : at + 188]
        if int.from_bytes(head[1:3], "big") & 0x1FFF == packet.track:
            adapted = 1 + head[4] if head[3] & 0x20 else 0
            found += head[4 + adapted :] if head[3] & 0x10 else b""
    return found[9 + found[8] :][: packet.size]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.name)
def test_packets_are_those_ffmpeg_reads(made: Made, recipe: Recipe) -> None:
    path = made(recipe)
    data, index, theirs = path.read_bytes(), ours(path), peer(path)
    stride, skip = (192, 4) if recipe.name.endswith("m2ts") else (188, 0)
    assert index.container == ("m2ts" if skip else "mpegts")
    found = by_track(index)
    assert {stream.id for stream in theirs} == found.keys()
    for stream in theirs:
        mine = found[stream.id]
        assert [payload_of(data, p, stride, skip) for p in mine] == [p.data for p in stream.packets]
        assert [(p.size, told(p.pts), told(p.dts)) for p in mine] == [
            (len(p.data), p.pts, p.dts) for p in stream.packets
        ]
    # Which pictures are key frames FFmpeg takes from the pictures, not from the cells: a second opinion.
    for stream in peer(path, {}):
        if stream.type == "video":
            assert [bool(p.flags & KEY) for p in found[stream.id]] == [p.key for p in stream.packets]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.name)
def test_cuts_are_where_the_stream_of_cells_changes(made: Made, recipe: Recipe) -> None:
    path = made(recipe)
    data = path.read_bytes()
    stride, skip = (192, 4) if recipe.name.endswith("m2ts") else (188, 0)
    expected, before = [], None
    for at in range(0, len(data), stride):
        head = int.from_bytes(data[at + skip + 1 : at + skip + 3], "big")
        if at and (head & 0x1FFF != before or head & 0x4000):
            expected.append(at)
        before = head & 0x1FFF
    index = ours(path)
    assert list(index.cuts) == expected
    for packets in by_track(index).values():
        for packet in packets:
            assert {packet.pos, packet.end} <= {*expected, len(data)}
            others = {
                int.from_bytes(data[at + 1 : at + 3], "big") & 0x1FFF
                for at in range(packet.pos + skip, packet.end, stride)
            }
            assert bool(packet.flags & IN_PIECES) == (others != {packet.track})


def test_the_track_table_holds_what_the_program_table_says(made: Made) -> None:
    video, sound = ours(made(RECIPES[3])).tracks
    decoder = video.fields["decoder"]
    assert decoder == {
        "codec": "0x1b",
        "container": "mpegts",
        "extradata": "",
        "media": "video",
        "time_base": "1/90000",
    }
    decoder = sound.fields["decoder"]
    assert isinstance(decoder, dict)
    assert (decoder["codec"], decoder["media"]) == ("0x06", "audio")  # told by its descriptors


# --- by hand ------------------------------------------------------------------------------------

VIDEO, SOUND = 0x100, 0x101
TABLES = [pat(), pmt((0x1B, VIDEO, b""), (0x0F, SOUND, b"\x0a\x04eng\0"))]


def stream(*parts: bytes) -> bytes:
    return b"".join([*TABLES, *parts])


def test_a_packet_between_whose_cells_others_stand_is_in_pieces() -> None:
    picture = cells(VIDEO, pes(bytes(500), 90, 45), random_access=True)
    sound = cells(SOUND, pes(bytes(300), 33, stream=0xC0))
    mixed = [c for c in chain(*zip_longest(picture, sound)) if c]
    data = stream(*mixed)
    found = by_track(ours_of(data))
    assert found[VIDEO] == [Packet(VIDEO, KEY | IN_PIECES, 376, len(data), 500, 90, 45, -(2**63))]
    assert found[SOUND] == [Packet(SOUND, IN_PIECES, 564, len(data) - 188, 300, 33, 33, -(2**63))]


def test_packets_that_begin_one_after_the_other_in_single_cells_are_told_apart() -> None:
    data = stream(*(cells(VIDEO, pes(b"x" * n, n))[0] for n in (1, 2, 3)))
    assert [(p.size, p.pts, p.flags) for p in by_track(ours_of(data))[VIDEO]] == [
        (1, 1, 0),
        (2, 2, 0),
        (3, 3, 0),
    ]


def test_times_of_33_bits_are_told_as_written() -> None:
    last = (1 << 33) - 1
    data = stream(
        *cells(VIDEO, pes(b"x", last, 0)), *cells(VIDEO, pes(b"y", 0, last)), *cells(VIDEO, pes(b"z"))
    )
    assert [(told(p.pts), told(p.dts)) for p in by_track(ours_of(data))[VIDEO]] == [
        (last, 0),
        (0, last),
        (None, None),
    ]


def test_a_header_spread_over_cells_is_read() -> None:
    data = pes(b"payload", 1234, 1200)
    parts = [cell(VIDEO, data[:5], starts=True), cell(VIDEO, data[5:8]), cell(VIDEO), cell(VIDEO, data[8:])]
    assert [(p.size, p.pts, p.dts) for p in by_track(ours_of(stream(*parts)))[VIDEO]] == [(7, 1234, 1200)]


def test_a_packet_whose_length_is_not_told_goes_on_to_the_next() -> None:
    one, two = cells(VIDEO, pes(bytes(700), 1, told=False)), cells(VIDEO, pes(bytes(5), 2, told=False))
    assert [p.size for p in by_track(ours_of(stream(*one, *two)))[VIDEO]] == [700, 5]


def test_bytes_after_the_length_told_are_not_the_packets() -> None:
    data = cells(VIDEO, pes(b"told", 1) + b"more than told")
    assert [p.size for p in by_track(ours_of(stream(*data)))[VIDEO]] == [4]


def test_a_packet_shorter_than_told_is_not_named_and_the_file_incomplete() -> None:
    data = cells(VIDEO, pes(bytes(700), 1))
    found = ours_of(stream(*data[:-1]))
    assert found.container == "mpegts, incomplete"
    assert not by_track(found)[VIDEO]


def test_cells_before_the_first_start_are_nobodys() -> None:
    found = by_track(ours_of(stream(cell(VIDEO, bytes(184)), *cells(VIDEO, pes(b"x", 1)))))
    assert [p.size for p in found[VIDEO]] == [1]


def test_tables_may_come_after_the_packets() -> None:
    data = b"".join([*cells(VIDEO, pes(b"x", 1)), *TABLES])
    assert [p.size for p in by_track(ours_of(data))[VIDEO]] == [1]


def test_a_table_over_several_cells_is_put_together() -> None:
    rows = [(0x06, 0x200 + n, b"\x05\x04HEVC" + bytes([0x52, 20]) + bytes(20)) for n in range(12)]
    whole = b"\0" + pmt_section(rows)
    assert len(whole) > 2 * 184
    parts = [
        cell(0x1000, whole[at : at + 184].ljust(184, b"\xff"), starts=at == 0)
        for at in range(0, len(whole), 184)
    ]
    data = b"".join([pat(), *parts, *cells(0x205, pes(b"x", 1))])
    found = ours_of(data)
    assert len(found.tracks) == 12
    assert by_track(found)[0x205][0].size == 1


def pmt_section(rows: list[tuple[int, int, bytes]]) -> bytes:
    return section(
        2,
        b"\xe1\0\xf0\0"
        + b"".join(
            bytes([kind]) + (0xE000 | pid).to_bytes(2, "big") + (0xF000 | len(more)).to_bytes(2, "big") + more
            for kind, pid, more in rows
        ),
    )


def test_a_table_that_begins_in_the_cell_where_another_ends_is_read() -> None:
    first = pmt_section(
        [(0x1B, VIDEO, bytes([0x52, 100]) + bytes(100)), (0x0F, SOUND, bytes([0x52, 90]) + bytes(90))]
    )
    second = pmt_section([(0x06, 0x300, b"")])
    start = cell(0x1000, (b"\0" + first)[:184], starts=True)
    rest = first[183:]
    end = cell(0x1000, (bytes([len(rest)]) + rest + second).ljust(184, b"\xff"), starts=True)
    assert {t.number for t in ours_of(b"".join([pat(), start, end, cell(0x1FFF)])).tracks} == {
        VIDEO,
        SOUND,
        0x300,
    }


def test_a_table_with_a_wrong_checksum_is_not_believed() -> None:
    bad = pmt_section([(0x1B, VIDEO, b"")])
    bad = bad[:-1] + bytes([bad[-1] ^ 1])
    with pytest.raises(ContainerError, match="table"):
        ours_of(b"".join([pat(), psi(0x1000, bad), *cells(VIDEO, pes(b"x", 1))]))


def test_a_stream_that_changes_its_type_is_refused() -> None:
    with pytest.raises(ContainerError, match="changes its decoder"):
        ours_of(stream(pmt((0x24, VIDEO, b"")), cell(0x1FFF)))


@pytest.mark.parametrize("damage", ["sync", "error"])
def test_a_damaged_cell_takes_only_the_packets_it_falls_into(damage: str) -> None:
    good, hit = cells(VIDEO, pes(bytes(400), 1)), cells(VIDEO, pes(bytes(600), 2))
    broken = b"\0" + hit[1][1:] if damage == "sync" else hit[1][:1] + bytes([hit[1][1] | 0x80]) + hit[1][2:]
    after = cells(VIDEO, pes(bytes(300), 3))
    found = ours_of(stream(*(cell(0x1FFF) for _ in range(30)), *good, hit[0], broken, *hit[2:], *after))
    assert found.container == "mpegts, incomplete"
    assert [(p.size, p.pts) for p in by_track(found)[VIDEO]] == [(400, 1), (300, 3)]


def test_a_file_that_ends_within_a_cell_says_so() -> None:
    data = stream(*cells(VIDEO, pes(b"x", 1)))
    found = ours_of(data + b"\x47\1\1")
    assert found.container == "mpegts, incomplete"
    assert found.cuts[-1] == len(data)


def test_scrambled_cells_hold_no_packets_that_could_be_named() -> None:
    scrambled = [
        c[:3] + bytes([c[3] | 0x80]) + c[4:12] + bytes(176) for c in cells(VIDEO, pes(bytes(400), 1))
    ]
    assert not by_track(ours_of(stream(*scrambled)))[VIDEO]


@pytest.mark.parametrize(
    "data", [b"G" * 187, b"\x47" + bytes(187), bytes(600), (b"\x47" + bytes(187)) * 2 + bytes(188)]
)
def test_a_sync_byte_here_and_there_makes_no_transport_stream(data: bytes) -> None:
    assert index(BytesSource(data)) is None


def test_reads_end_inside_runs_without_cutting_them() -> None:
    """5,000 cells are more than one read; a run that goes on over its end is one run."""
    picture = cells(VIDEO, pes(bytes(184 * 5000), 1, told=False))
    found = ours_of(stream(*picture))
    (packet,) = by_track(found)[VIDEO]
    assert not packet.flags & IN_PIECES
    assert list(found.cuts) == [188, 376]
