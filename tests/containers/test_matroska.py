"""Matroska and WebM against FFmpeg, and by hand where FFmpeg writes nothing of the kind."""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from bearwitness.containers.model import KEY, UNTOLD, ContainerError
from bearwitness_verify.canonical import unb64

from . import craft
from .craft import block, cluster, ebml, element, segment, simple, track_entry, tracks, uint_element
from .media import Recipe, by_track, ours, ours_of, peer, told

Made = Callable[[Recipe], Path]
RECIPES = [
    Recipe("b-frames.mkv", "libx264", "libmp3lame", video_options={"bf": "3", "g": "12"}),
    Recipe("hevc.mkv", "libx265", "aac", video_options={"x265-params": "log-level=none"}),
    Recipe("vp9.webm", "libvpx-vp9", "libopus"),
    Recipe("av1.webm", "libsvtav1", None, frames=10, video_options={"svtav1-params": "preset=12"}),
    Recipe("pcm.mkv", "mjpeg", "pcm_s16le", pixels="yuvj420p"),
    Recipe("mpeg4.mkv", "mpeg4", "flac"),
    Recipe("live.mkv", "libx264", "aac", options={"live": "1", "cluster_time_limit": "200"}),
    Recipe("many-clusters.mkv", "libx264", "aac", options={"cluster_size_limit": "4000"}),
    Recipe("cues-first.webm", "libvpx", "libopus", options={"reserve_index_space": "4096"}),
    Recipe("sound.mka", None, "ac3", muxer="matroska"),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.name)
def test_packets_are_those_ffmpeg_reads(made: Made, recipe: Recipe) -> None:
    path = made(recipe)
    assert_same_as_peer(path)


def assert_same_as_peer(path: Path) -> None:
    data, index, theirs = path.read_bytes(), ours(path), peer(path)
    assert "incomplete" not in index.container
    found = by_track(index)
    assert len(index.tracks) == len(theirs) > 0
    for track, stream in zip(index.tracks, theirs, strict=True):
        mine = found[track.number]
        assert [data[p.pos : p.end] for p in mine] == [p.data for p in stream.packets]
        decoder = track.fields["decoder"]
        assert isinstance(decoder, dict)
        # FFmpeg takes the decoder's delay off the times; the container has it beside them.
        delay = int(str(decoder.get("codec_delay", "0"))) // 1_000_000
        shifts = {p.pts - q.pts for p, q in zip(mine, stream.packets, strict=True) if q.pts is not None}
        assert len(shifts) == 1
        assert shifts <= {delay, delay + 1}
        assert {p.dts for p in mine} == {UNTOLD}
        assert [bool(p.flags & KEY) for p in mine] == [p.key for p in stream.packets]
        assert all(p.duration in (UNTOLD, q.duration) for p, q in zip(mine, stream.packets, strict=True))


def test_corpus_files_are_read_as_ffmpeg_reads_them(corpus: Path) -> None:
    paths = sorted(corpus.rglob("*.mkv")) + sorted(corpus.rglob("*.webm"))
    assert paths
    for path in paths:
        assert_same_as_peer(path)


def test_the_track_table_holds_what_a_decoder_and_a_screen_need(made: Made) -> None:
    path = made(RECIPES[0])
    video, sound = ours(path).tracks
    decoder = video.fields["decoder"]
    assert isinstance(decoder, dict)
    assert unb64(decoder.pop("extradata")) == peer(path)[0].extradata
    assert decoder == {
        "codec": "V_MPEG4/ISO/AVC",
        "container": "matroska",
        "default_duration": "40000000",
        "height": "96",
        "media": "video",
        "time_base": "1/1000",
        "width": "160",
    }
    decoder = sound.fields["decoder"]
    assert isinstance(decoder, dict)
    assert (decoder["codec"], decoder["channels"], decoder["sample_rate"]) == ("A_MPEG/L3", "2", "48000")


# --- by hand ------------------------------------------------------------------------------------

MP3 = track_entry(1, kind=2, codec=b"A_MPEG/L3")


def lacing_xiph(*frames: bytes) -> bytes:
    sizes = b"".join(b"\xff" * (len(f) // 255) + bytes([len(f) % 255]) for f in frames[:-1])
    return bytes([len(frames) - 1]) + sizes + b"".join(frames)


def lacing_ebml(*frames: bytes) -> bytes:
    sizes = (0x4000 | len(frames[0])).to_bytes(2, "big")
    for before, frame in pairwise(frames[:-1]):
        sizes += (0x4000 | len(frame) - len(before) + 0x1FFF).to_bytes(2, "big")
    return bytes([len(frames) - 1]) + sizes + b"".join(frames)


def lacing_fixed(*frames: bytes) -> bytes:
    return bytes([len(frames) - 1]) + b"".join(frames)


FRAMES = (b"\xff\xfbone" * 70, b"\xff\xfbsecond" * 3, b"\xff\xfbthird!" * 40)
SAME = (b"\xff\xfb" * 9, b"\xff\xfc" * 9, b"\xff\xfd" * 9)


@pytest.mark.parametrize(
    ("flags", "payload", "frames"),
    [
        (0x82, lacing_xiph(*FRAMES), FRAMES),
        (0x86, lacing_ebml(*FRAMES), FRAMES),
        (0x84, lacing_fixed(*SAME), SAME),
        (0x82, lacing_xiph(FRAMES[0]), FRAMES[:1]),
    ],
    ids=["xiph", "ebml", "fixed", "one"],
)
def test_each_frame_of_a_lace_is_a_packet(
    tmp_path: Path, flags: int, payload: bytes, frames: tuple[bytes, ...]
) -> None:
    path = tmp_path / "lace.mka"
    path.write_bytes(ebml() + segment(tracks(MP3), cluster(1000, simple(payload, 5, flags))))
    data, found = path.read_bytes(), by_track(ours(path))[1]
    assert [data[p.pos : p.end] for p in found] == list(frames)
    # Only the first is given a time by the container.
    assert [told(p.pts) for p in found] == [1005] + [None] * (len(frames) - 1)
    assert [p.data for p in peer(path)[0].packets] == list(frames)


@pytest.mark.parametrize(
    "payload",
    [
        (0x82, b""),
        (0x82, b"\x02\xff\xff"),
        (0x82, b"\x01\x09short"),
        (0x86, b"\x02\x81"),
        (0x86, b"\x03\x81\x80\x80xx"),
        (0x84, b"\x01odd"),
    ],
)
def test_a_lace_that_contradicts_its_block_is_left_out_and_told(payload: tuple[int, bytes]) -> None:
    flags, content = payload
    data = ebml() + segment(tracks(MP3), cluster(0, simple(content, 0, flags), simple(b"good", 9)))
    found = ours_of(data)
    assert found.container == "matroska, incomplete"
    assert [(p.pts, p.size) for p in by_track(found)[1]] == [(9, 4)]


def test_a_group_is_a_key_frame_unless_it_refers_to_another() -> None:
    def group(*more: bytes) -> bytes:
        return element(0xA0, element(0xA1, block(b"frame", 3, 0)) + b"".join(more))

    duration, reference = uint_element(0x9B, 33), uint_element(0xFB, 3)
    data = ebml() + segment(
        tracks(track_entry()),
        cluster(10, group(), group(duration), group(reference, duration), group(element(0x75A1))),
    )
    assert [(p.flags, p.pts, told(p.duration)) for p in by_track(ours_of(data))[1]] == [
        (KEY, 13, None),
        (KEY, 13, 33),
        (0, 13, 33),
        (KEY, 13, None),
    ]


def test_sizes_that_are_not_told_end_where_the_next_cluster_begins() -> None:
    clusters = [cluster(t, simple(b"frame%d" % t), unknown=True) for t in (0, 5, 9)]
    data = ebml(b"webm") + segment(
        tracks(track_entry()), *clusters, element(0x1C53BB6B, b"cues"), unknown=True
    )
    found = ours_of(data)
    assert found.container == "webm"
    assert [(p.pts, data[p.pos : p.end]) for p in by_track(found)[1]] == [
        (0, b"frame0"),
        (5, b"frame5"),
        (9, b"frame9"),
    ]


def test_tracks_may_stand_after_the_clusters_and_blocks_of_no_track_are_left_out() -> None:
    data = ebml() + segment(cluster(0, simple(b"one"), simple(b"other", track=9)), tracks(track_entry()))
    found = by_track(ours_of(data))
    assert [p.size for p in found[1]] == [3]
    assert 9 not in found


def test_another_unit_of_time_is_told_and_not_applied() -> None:
    info = element(0x1549A966, uint_element(0x2AD7B1, 100_000))
    entry = track_entry(1, uint_element(0x23E383, 33_366_667))
    exact = track_entry(2, uint_element(0x23E383, 40_000_000))
    data = ebml() + segment(info, tracks(entry, exact), cluster(7, simple(b"a"), simple(b"b", track=2)))
    found = ours_of(data)
    decoder = found.tracks[0].fields["decoder"]
    assert isinstance(decoder, dict)
    assert (decoder["time_base"], decoder["default_duration"]) == ("1/10000", "33366667")
    # 33,366,667 ns are no whole number of units, so they are told once and not in each packet.
    assert [(told(p.duration), p.pts) for p in by_track(found)[1] + by_track(found)[2]] == [
        (None, 7),
        (400, 7),
    ]


def test_the_screen_is_described_as_the_container_does() -> None:
    crops = (
        uint_element(0x54BB, 1) + uint_element(0x54AA, 2) + uint_element(0x54CC, 3) + uint_element(0x54DD, 4)
    )
    video = uint_element(0xB0, 64) + uint_element(0xBA, 48) + crops
    video += uint_element(0x54B0, 16) + uint_element(0x54BA, 9) + uint_element(0x54B2, 3)
    video += element(0x7670, b"turned by a quarter")
    encodings = element(0x6D80, b"stripped headers")
    data = ebml() + segment(tracks(track_entry(1, element(0xE0, video), encodings)), cluster(0, simple(b"a")))
    fields = ours_of(data).tracks[0].fields
    assert fields["display"] == {
        "matrix": None,
        "crop": ["1", "2", "3", "4"],
        "width": "16",
        "height": "9",
        "unit": "ratio",
        "projection": "dHVybmVkIGJ5IGEgcXVhcnRlcg",
    }
    decoder = fields["decoder"]
    assert isinstance(decoder, dict)
    assert unb64(decoder["encoding"]) == b"stripped headers"


@pytest.mark.parametrize("cut", [1, 3, 9, 12])
def test_a_file_cut_off_names_the_whole_packets_up_to_there(cut: int) -> None:
    data = ebml() + segment(tracks(track_entry()), cluster(0, simple(b"first"), simple(b"second")))
    found = ours_of(data[:-cut])
    assert found.container == "matroska, incomplete"
    assert [p.size for p in by_track(found)[1]] == [5]


def test_zeros_inside_a_cluster_lose_the_rest_of_this_cluster_only() -> None:
    bad = cluster(0, simple(b"first"), bytes(40), simple(b"lost"))
    data = ebml() + segment(tracks(track_entry()), bad, cluster(50, simple(b"later")))
    found = ours_of(data)
    assert found.container == "matroska, incomplete"
    assert [(p.pts, p.size) for p in by_track(found)[1]] == [(0, 5), (50, 5)]


def test_a_second_segment_is_not_mixed_with_the_first() -> None:
    one = ebml() + segment(tracks(track_entry()), cluster(0, simple(b"first")), unknown=True)
    found = ours_of(one + one)
    assert [p.size for p in by_track(found)[1]] == [5]


@pytest.mark.parametrize(
    "data",
    [
        ebml() + segment(cluster(0, simple(b"no tracks"))),
        ebml() + element(0xEC, b"no segment"),
        ebml() + segment(tracks(track_entry(1), track_entry(1)), cluster(0)),
        ebml() + segment(tracks(track_entry(0)), cluster(0)),
        ebml() + segment(tracks(track_entry(1 << 32)), cluster(0)),
        ebml() + segment(tracks(*(track_entry(n) for n in range(1, 66))), cluster(0)),
        ebml() + segment(element(0x1549A966, uint_element(0x2AD7B1, 0)), tracks(track_entry())),
    ],
    ids=["no-tracks", "no-segment", "same-number", "number-0", "number-too-long", "65-tracks", "no-time"],
)
def test_what_can_not_be_read_is_refused(data: bytes) -> None:
    with pytest.raises(ContainerError):
        ours_of(data)


def test_a_time_beyond_64_bits_is_left_out() -> None:
    late = element(0x1F43B675, element(0xE7, b"\xff" * 8) + simple(b"late"))
    data = ebml() + segment(tracks(track_entry()), late, cluster(1, simple(b"good")))
    assert [p.size for p in by_track(ours_of(data))[1]] == [4]


def test_payloads_are_passed_over_and_not_read(made: Made) -> None:
    from bearwitness.containers.reader import BytesSource
    from bearwitness.containers.tasks import index

    class Watched(BytesSource):
        asked = 0

        def pread(self, offset: int, length: int) -> bytes:
            type(self).asked += length
            return super().pread(offset, length)

    frame = bytes(1 << 20)
    data = ebml() + segment(tracks(track_entry()), cluster(0, *(simple(frame) for _ in range(8))))
    assert index(Watched(data)) is not None
    assert Watched.asked < len(data) // 20


def test_numbers_as_long_as_they_may_be_are_read() -> None:
    long_track = b"\x01\0\0\0\0\0\0\x01" + struct.pack(">hB", 2, 0x80) + b"frame"
    data = ebml() + segment(tracks(track_entry()), cluster(0, element(0xA3, long_track)))
    (packet,) = by_track(ours_of(data))[1]
    assert (data[packet.pos : packet.end], packet.pts) == (b"frame", 2)
    assert craft.block(b"")[0] == 0x81
