"""MP4 and QuickTime against FFmpeg, and by hand where FFmpeg writes nothing of the kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bearwitness.containers.model import IN_PIECES, KEY, ContainerError, Packet
from bearwitness.containers.reader import BytesSource, Reader
from bearwitness.containers.tasks import index
from bearwitness_verify.canonical import unb64

from . import craft
from .craft import FTYP, SOUND_ENTRY, box, full, moov, stbl, table, trak, u32
from .media import PeerStream, Recipe, by_track, ours, ours_of, peer

Made = Callable[[Recipe], Path]
QUIET = {"x265-params": "log-level=none"}
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}
WHOLE = [
    Recipe("b-frames.mp4", "libx264", "aac", video_options={"bf": "3", "g": "12"}),
    Recipe("hevc.mp4", "libx265", "aac", video_options=QUIET),
    Recipe("mpeg4-first.mp4", "mpeg4", "libmp3lame", options={"movflags": "faststart"}),
    Recipe("vp9.mp4", "libvpx-vp9", "libopus", frames=20),
    Recipe("av1.mp4", "libsvtav1", "flac", frames=10, video_options={"svtav1-params": "preset=12"}),
    Recipe("signed-offsets.mp4", "libx264", "aac", options={"movflags": "negative_cts_offsets"}),
    Recipe("jpeg.mov", "mjpeg", "aac", pixels="yuvj420p"),
    Recipe("prores.mov", "prores_ks", None, pixels="yuv422p10le", frames=8),
    Recipe("sound.m4a", None, "alac", muxer="ipod"),
]
FRAGMENTED = [
    Recipe("key-fragments.mp4", "libx264", "aac", options=FRAGMENTS, video_options={"g": "10"}),
    Recipe(
        "each-frame.mp4",
        "libx264",
        "aac",
        options={"movflags": "frag_every_frame+empty_moov+default_base_moof"},
    ),
    Recipe(
        "dash.mp4", "libx264", "aac", options={"movflags": "dash+frag_keyframe"}, video_options={"g": "10"}
    ),
    Recipe("sidx.mp4", "libx264", "aac", options={"movflags": "frag_keyframe+global_sidx+empty_moov"}),
    Recipe(
        "no-offset.mp4", "libx264", "aac", options={"movflags": "frag_keyframe+omit_tfhd_offset+empty_moov"}
    ),
    Recipe(
        "moov-and-fragments.mp4",
        "libx264",
        "aac",
        options={"movflags": "frag_keyframe"},
        video_options={"g": "10"},
    ),
    Recipe(
        "hybrid.mp4", "libx264", "aac", options={"movflags": "hybrid_fragmented"}, video_options={"g": "10"}
    ),
    Recipe("separate.mp4", "mpeg4", "aac", options={"movflags": "frag_keyframe+separate_moof+empty_moov"}),
    Recipe("fragments.mov", "libx264", "aac", options=FRAGMENTS),
]
PCM = [
    Recipe("s16.mov", "mpeg4", "pcm_s16le"),
    Recipe("s16be.mov", None, "pcm_s16be"),
    Recipe("s24.mov", "mpeg4", "pcm_s24be"),
    Recipe("float.mov", None, "pcm_f32le"),
    Recipe("alaw.mov", None, "pcm_alaw"),
    Recipe("ima4.mov", None, "adpcm_ima_qt"),
]


def assert_same(data: bytes, mine: list[Packet], theirs: PeerStream) -> None:
    assert [data[p.pos : p.end] for p in mine] == [p.data for p in theirs.packets]
    assert [(p.size, p.pts) for p in mine] == [(len(p.data), p.pts) for p in theirs.packets]
    # Where 0 is written FFmpeg puts in what it knows of the codec.
    assert [p.duration for p in mine] == [
        q.duration if p.duration else 0 for p, q in zip(mine, theirs.packets, strict=True)
    ]
    # Where offsets are negative FFmpeg moves all decoding times so that none comes after its picture.
    shifts = {p.dts - q.dts for p, q in zip(mine, theirs.packets, strict=True) if q.dts is not None}
    assert len(shifts) == 1
    assert [bool(p.flags & KEY) for p in mine] == [p.key for p in theirs.packets]
    assert not any(p.flags & IN_PIECES for p in mine)


@pytest.mark.parametrize("recipe", [*WHOLE, *FRAGMENTED], ids=lambda r: r.name)
def test_packets_are_those_ffmpeg_reads(made: Made, recipe: Recipe) -> None:
    path = made(recipe)
    found, theirs = by_track(ours(path)), peer(path)
    assert len(found) == len(theirs) > 0
    for stream in theirs:
        assert_same(path.read_bytes(), found[stream.id], stream)


@pytest.mark.parametrize("recipe", PCM, ids=lambda r: r.name)
def test_a_chunk_of_quicktime_sound_is_one_packet(made: Made, recipe: Recipe) -> None:
    path = made(recipe)
    data, found = path.read_bytes(), by_track(ours(path))
    for stream in peer(path):
        mine = found[stream.id]
        if stream.type == "video":
            assert_same(data, mine, stream)
            continue
        assert len(mine) <= len(stream.packets)
        assert b"".join(data[p.pos : p.end] for p in mine) == b"".join(p.data for p in stream.packets)
        assert sum(p.duration for p in mine) == sum(p.duration for p in stream.packets)
        assert all(p.pts == p.dts and p.flags == KEY for p in mine)
        assert [a.pts + a.duration for a in mine[:-1]] == [b.pts for b in mine[1:]]


def test_the_track_table_holds_what_a_decoder_and_a_screen_need(made: Made) -> None:
    path = made(WHOLE[0])
    video, sound = ours(path).tracks
    theirs = peer(path)
    decoder = video.fields["decoder"]
    assert isinstance(decoder, dict)
    assert unb64(decoder.pop("extradata")) == theirs[0].extradata
    assert decoder == {
        "codec": "avc1",
        "container": "mp4",
        "media": "video",
        "time_base": "1/12800",
        "width": "160",
        "height": "96",
    }
    display = video.fields["display"]
    assert isinstance(display, dict)
    assert display["matrix"] == ["65536", "0", "0", "0", "65536", "0", "0", "0", "1073741824"]
    assert (display["width"], display["height"]) == ("160", "96")
    assert video.fields["edits"] == [
        {"duration": "1600", "media_time": "1024", "rate": "65536", "time_base": "1/1000"}
    ]
    assert video.fields["extent"] == {"packets": "40", "duration": str(40 * 512)}
    decoder = sound.fields["decoder"]
    assert isinstance(decoder, dict)
    assert theirs[1].extradata in unb64(decoder["extradata"])  # AudioSpecificConfig inside esds
    assert (decoder["codec"], decoder["channels"], decoder["sample_rate"]) == ("mp4a", "2", "48000")


def test_corpus_files_are_read_as_ffmpeg_reads_them(corpus: Path) -> None:
    paths = [
        p for p in sorted(corpus.rglob("*.mp4")) + sorted(corpus.rglob("*.mov")) if p.parent.name != "damaged"
    ]
    assert paths
    for path in paths:
        if path.name == "exiftool-quicktime.mov":  # a sample of metadata, its pictures cut off
            continue
        found = by_track(ours(path))
        for stream in peer(path):
            if stream.packets:
                assert_same(path.read_bytes(), found[stream.id], stream)


def test_a_file_cut_off_after_its_index_says_so_and_names_whole_packets_only(corpus: Path) -> None:
    index = ours(corpus / "metadata" / "exiftool-quicktime.mov")
    assert index.container == "mov, incomplete"
    assert not index.packets


# --- by hand ------------------------------------------------------------------------------------


def packets_of(data: bytes, track: int = 1) -> list[Packet]:
    return by_track(ours_of(data))[track]


def movie(tables: bytes, *, payload: int = 4000, **about: object) -> bytes:
    """Return a movie whose pictures begin at 16 + len(FTYP)."""
    data = box(b"mdat", bytes(payload))
    return FTYP + data + moov(trak(1, tables, **about))  # type: ignore[arg-type]


AT = len(FTYP) + 8


def test_several_samples_in_a_chunk_lie_one_after_the_other() -> None:
    tables = stbl([10, 20, 30, 40, 50], [AT, AT + 100, AT + 300], per_chunk=[(1, 2, 1), (3, 1, 1)])
    assert [(p.pos - AT, p.size) for p in packets_of(movie(tables))] == [
        (0, 10),
        (10, 20),
        (100, 30),
        (130, 40),
        (300, 50),
    ]


def test_offsets_of_64_bits_reach_beyond_four_gigabytes_without_the_file_being_read() -> None:
    class Sparse:
        """Nothing but zeros between the index and the sample."""

        size = 6 << 30
        asked = 0

        def pread(self, offset: int, length: int) -> bytes:
            self.asked += length
            return self.front[offset : offset + length].ljust(min(length, self.size - offset), b"\0")

        front = b""

    tables = stbl([100], [5 << 30], wide=True)
    source = Sparse()
    index_bytes = FTYP + moov(trak(1, tables))
    source.front = index_bytes + u32(1) + b"mdat" + (source.size - len(index_bytes)).to_bytes(8, "big")
    found = index(source)
    assert found is not None
    (packet,) = by_track(found)[1]
    assert (packet.pos, packet.end) == (5 << 30, (5 << 30) + 100)
    assert source.asked < 100_000


@pytest.mark.parametrize(("bits", "packed"), [(4, b"\x12\x30"), (8, b"\1\2\3"), (16, b"\0\1\0\2\0\3")])
def test_compact_sizes_are_read_in_all_their_widths(bits: int, packed: bytes) -> None:
    stz2 = full(b"stz2", bytes([0, 0, 0, bits]), u32(3), packed)
    tables = stz2 + table(b"stsc", [(1, 3, 1)]) + table(b"stco", [(AT,)]) + table(b"stts", [(3, 1)])
    assert [p.size for p in packets_of(movie(tables))] == [1, 2, 3]


@pytest.mark.parametrize("version", [0, 1])
def test_negative_offsets_of_presentation_are_negative_in_both_versions(version: int) -> None:
    ctts = table(b"ctts", [(1, 40), (1, -40)], version=version)
    tables = stbl([5, 5], [AT], per_chunk=[(1, 2, 1)], more=ctts)
    assert [(p.dts, p.pts) for p in packets_of(movie(tables))] == [(0, 40), (40, 0)]


def test_only_samples_that_stss_names_are_key_frames() -> None:
    tables = stbl([5] * 4, [AT], per_chunk=[(1, 4, 1)], more=table(b"stss", [(2,), (4,), (9,), (0,)]))
    assert [p.flags for p in packets_of(movie(tables))] == [0, KEY, 0, KEY]


def test_an_edit_list_is_told_and_not_applied() -> None:
    elst = full(b"elst", u32(2), u32(300, -1, 0x10000), u32(600, 80, 0x20000))
    found = ours_of(movie(stbl([5, 5], [AT], per_chunk=[(1, 2, 1)]), edits=box(b"edts", elst)))
    assert [p.pts for p in by_track(found)[1]] == [0, 40]
    assert found.tracks[0].fields["edits"] == [
        {"duration": "300", "media_time": "-1", "rate": "65536", "time_base": "1/600"},
        {"duration": "600", "media_time": "80", "rate": "131072", "time_base": "1/600"},
    ]


def test_times_the_tables_do_not_tell_are_not_made_up() -> None:
    tables = stbl([5, 5, 5], [AT], per_chunk=[(1, 3, 1)], stts=[(2, 40)])
    found = ours_of(movie(tables))
    assert [(p.dts, p.duration) for p in by_track(found)[1]] == [(0, 40), (40, 40), (-(2**63), -(2**63))]
    assert found.container == "mp4, incomplete"


def test_the_description_that_samples_name_is_the_one_told() -> None:
    other = craft.VIDEO_ENTRY.replace(b"avc1", b"hvc1").replace(b"avcC", b"hvcC")
    tables = stbl([5, 5], [AT, AT + 5], per_chunk=[(1, 1, 2)])
    found = ours_of(movie(tables, entry=craft.VIDEO_ENTRY + other))
    decoder = found.tracks[0].fields["decoder"]
    assert isinstance(decoder, dict)
    assert decoder["codec"] == "hvc1"
    with pytest.raises(ContainerError, match="how it is coded"):
        ours_of(movie(tables, entry=craft.VIDEO_ENTRY))


def test_chunks_of_sound_without_samples_are_no_packets() -> None:
    tables = full(b"stsz", u32(4, 30)) + table(b"stsc", [(1, 20, 1), (2, 0, 1), (3, 10, 1)])
    tables += table(b"stco", [(AT,), (AT + 80,), (AT + 90,)]) + table(b"stts", [(30, 1)])
    sound = packets_of(movie(tables, handler=b"soun", entry=SOUND_ENTRY))
    assert [(p.pos - AT, p.size, p.dts, p.duration) for p in sound] == [(0, 80, 0, 20), (90, 40, 20, 10)]


def test_samples_in_another_file_are_not_looked_for_in_this_one() -> None:
    found = ours_of(movie(stbl([5], [AT]), dref_flags=0))
    assert found.tracks[0].fields["extent"] == {"packets": "0", "duration": "5000"}


def test_a_track_that_changes_its_decoder_is_refused() -> None:
    tables = stbl([5, 5], [AT, AT + 5], per_chunk=[(1, 1, 1), (2, 1, 2)])
    with pytest.raises(ContainerError, match="changes its decoder"):
        ours_of(movie(tables))


@pytest.mark.parametrize("per_chunk", [[], [(2, 1, 1)], [(1, 1, 1), (1, 1, 1), (0, 1, 1)]])
def test_chunks_out_of_order_are_refused(per_chunk: list[tuple[int, int, int]]) -> None:
    with pytest.raises(ContainerError):
        ours_of(movie(stbl([5, 5], [AT, AT + 5], per_chunk=per_chunk)))


def test_samples_without_a_chunk_are_left_out_and_the_index_is_incomplete() -> None:
    found = ours_of(movie(stbl([5, 5, 5], [AT], per_chunk=[(1, 2, 1)])))
    assert len(by_track(found)[1]) == 2
    assert found.container == "mp4, incomplete"


def test_two_tracks_of_one_number_are_refused() -> None:
    one = trak(1, stbl([5], [AT]))
    with pytest.raises(ContainerError, match="one number"):
        ours_of(FTYP + box(b"mdat", bytes(9)) + moov(one, one))


def test_quicktime_sound_whose_table_says_one_byte_takes_its_size_from_the_description() -> None:
    sizes = full(b"stsz", u32(1, 30))
    tables = sizes + table(b"stsc", [(1, 20, 1), (2, 10, 1)]) + table(b"stco", [(AT,), (AT + 500,)])
    tables += table(b"stts", [(30, 1)])
    sound = packets_of(movie(tables, handler=b"soun", entry=SOUND_ENTRY))
    assert [(p.pos - AT, p.size, p.dts, p.duration) for p in sound] == [(0, 80, 0, 20), (500, 40, 20, 10)]


# --- fragments by hand --------------------------------------------------------------------------


def trex(track: int = 1, *, duration: int = 40, size: int = 7, flags: int = 0x10000) -> bytes:
    return full(b"trex", u32(track, 1, duration, size, flags))


def fragmented(*moofs: bytes, tables: bytes | None = None, **about: object) -> bytes:
    empty = stbl([], [], per_chunk=[]) if tables is None else tables
    return FTYP + moov(trak(1, empty, **about), box(b"mvex", trex())) + b"".join(moofs)  # type: ignore[arg-type]


def moof(*runs: bytes, tfhd: bytes = b"", tfhd_flags: int = 0x20000, time: int | None = None) -> bytes:
    tfdt = b"" if time is None else full(b"tfdt", time.to_bytes(8, "big"), version=1)
    return box(b"moof", box(b"traf", full(b"tfhd", u32(1), tfhd, flags=tfhd_flags), tfdt, *runs))


def test_defaults_come_from_trex_unless_the_fragment_or_the_run_tells_better() -> None:
    run = full(b"trun", u32(2, 100), flags=0x001)
    own = full(b"trun", u32(2), u32(9, 0, 11, 0x10000), flags=0x600)
    data = fragmented(moof(run, own, tfhd=u32(50), tfhd_flags=0x20008)) + bytes(999)
    start = len(fragmented())
    assert [tuple(p) for p in packets_of(data)] == [
        (1, 0, start + 100, start + 107, 7, 0, 0, 50),
        (1, 0, start + 107, start + 114, 7, 50, 50, 50),
        (1, KEY, start + 114, start + 123, 9, 100, 100, 50),
        (1, 0, start + 123, start + 134, 11, 150, 150, 50),
    ]


def test_without_tfdt_a_fragment_goes_on_where_the_samples_before_end(tmp_path: Path) -> None:
    first = full(b"trun", u32(1, 0x02000000), flags=0x004)
    data = fragmented(
        moof(first), moof(first, time=500), moof(first), tables=stbl([3, 3], [10], per_chunk=[(1, 2, 1)])
    )
    data += bytes(99)
    found = packets_of(data)
    assert [p.dts for p in found] == [0, 40, 80, 500, 540]
    path = tmp_path / "hand.mp4"
    path.write_bytes(data)
    assert_same(data, found, peer(path)[0])
    assert [p.flags for p in found] == [KEY, KEY, KEY, KEY, KEY]


def test_without_a_base_the_second_track_follows_the_data_of_the_first() -> None:
    run = full(b"trun", u32(1), flags=0)
    trafs = [box(b"traf", full(b"tfhd", u32(number)), run) for number in (1, 2)]
    head = FTYP + moov(
        *(trak(number, stbl([], [], per_chunk=[])) for number in (1, 2)),
        box(b"mvex", trex(1), trex(2, size=5)),
    )
    found = by_track(ours_of(head + box(b"moof", *trafs) + bytes(99)))
    assert (found[1][0].pos, found[2][0].pos) == (len(head), len(head) + 7)


def test_tiny_constant_samples_of_a_fragment_are_one_packet() -> None:
    run = full(b"trun", u32(480, 64), flags=0x001)
    about = {"handler": b"soun", "entry": SOUND_ENTRY}
    data = FTYP + moov(trak(1, stbl([], [], per_chunk=[]), **about), box(b"mvex", trex(duration=1, size=4)))  # type: ignore[arg-type]
    (packet,) = packets_of(data + moof(run) + bytes(4000))
    assert (packet.size, packet.duration) == (1920, 480)


def test_a_fragment_cut_off_ends_the_index_and_is_told() -> None:
    run = full(b"trun", u32(1, 10), flags=0x001)
    whole = fragmented(moof(run), moof(run))
    found = ours_of(whole[:-5])
    assert found.container == "mp4, incomplete"
    assert len(by_track(found)[1]) == 1


def test_a_run_before_the_beginning_of_the_file_is_left_out_and_told() -> None:
    run = full(b"trun", u32(1, -5000), flags=0x001)
    found = ours_of(fragmented(moof(run, run)) + bytes(99))
    assert found.container == "mp4, incomplete"
    assert not found.packets


def test_a_run_that_claims_millions_of_samples_without_bytes_is_refused() -> None:
    run = full(b"trun", u32(0xFFFFFFFF), flags=0)
    with pytest.raises(ContainerError, match="2,000,000"):
        ours_of(fragmented(moof(run)) + bytes(99))


@pytest.mark.parametrize(
    "bad",
    [
        moof(full(b"trun", u32(1000), flags=0x100)),
        moof(full(b"trun", u32(1)), tfhd=u32(2), tfhd_flags=2),
        box(b"moof", box(b"traf", b"")),
        box(b"moof", u32(99), b"traf"),
    ],
    ids=["run-without-rows", "another-decoder", "no-track", "box-too-large"],
)
def test_a_damaged_fragment_ends_the_index_and_is_told(bad: bytes) -> None:
    good = moof(full(b"trun", u32(1, 50), flags=0x001))
    found = ours_of(fragmented(good, bad, good) + bytes(99))
    assert found.container == "mp4, incomplete"
    assert len(by_track(found)[1]) == 1


def test_a_track_that_can_not_be_read_is_left_out_and_told() -> None:
    good, bad = trak(1, stbl([5], [AT])), trak(2, stbl([5, 5], [AT, AT], per_chunk=[(1, 1, 1), (2, 1, 2)]))
    found = ours_of(FTYP + box(b"mdat", bytes(9)) + moov(bad, good))
    assert found.container == "mp4, incomplete"
    assert [t.number for t in found.tracks] == [1]


def test_where_a_fragment_lies_is_not_guessed_after_one_of_a_track_left_out() -> None:
    run = full(b"trun", u32(1), flags=0)
    trafs = [box(b"traf", full(b"tfhd", u32(number)), run) for number in (9, 1)]
    found = ours_of(fragmented(box(b"moof", *trafs)) + bytes(99))
    assert found.container == "mp4, incomplete"
    assert not found.packets


def test_many_runs_can_not_add_up_to_more_packets_than_are_held() -> None:
    run = full(b"trun", u32(1_999_999), flags=0)
    with pytest.raises(ContainerError, match="2,000,000"):
        ours_of(fragmented(moof(*[run] * 50)) + bytes(99))


# --- hostile structure --------------------------------------------------------------------------


def test_a_thousand_boxes_one_inside_the_other_are_not_followed(corpus: Path) -> None:
    with pytest.raises(ContainerError):
        ours(corpus / "damaged" / "nested-boxes.mp4")


def test_a_box_larger_than_its_parent_is_refused() -> None:
    data = movie(stbl([5], [AT]))
    with pytest.raises(ContainerError):
        ours_of(_grown(data))


def _grown(data: bytes) -> bytes:
    """Return `data` with the size of stbl one too large."""
    at = data.index(b"stbl") - 4
    return data[:at] + u32(int.from_bytes(data[at : at + 4], "big") + 1) + data[at + 4 :]


def test_constant_sizes_claim_no_more_samples_than_are_held() -> None:
    sizes = full(b"stsz", u32(1, 0xFFFFFFFF))
    tables = sizes + table(b"stsc", [(1, 0xFFFFFFFF, 1)]) + table(b"stco", [(AT,)]) + table(b"stts", [(9, 9)])
    with pytest.raises(ContainerError, match="packets"):
        ours_of(movie(tables))


def test_a_picture_in_boxes_is_no_movie() -> None:
    assert index(BytesSource(box(b"ftyp", b"heic", u32(0)) + box(b"meta", bytes(40)))) is None


def test_zeros_after_the_last_box_do_not_spoil_a_whole_index() -> None:
    found = ours_of(movie(stbl([5], [AT])) + bytes(5))
    assert found.container == "mp4"


def test_the_index_is_read_without_the_pictures(made: Made) -> None:
    path = made(PCM[0])
    data = path.read_bytes()
    asked: list[tuple[int, int]] = []

    class Watched(BytesSource):
        def pread(self, offset: int, length: int) -> bytes:
            asked.append((offset, length))
            return super().pread(offset, length)

    assert index(Watched(data)) is not None
    assert sum(length for _, length in asked) < len(data) // 4


def test_reading_more_than_the_budget_is_refused() -> None:
    reader = Reader(BytesSource(bytes(100_000)), budget=10_000)
    reader.read(0, 16)
    reader.read(50_000, 16)
    with pytest.raises(ContainerError, match="more than is read"):
        reader.read(90_000, 16)


def test_craft_writes_what_ffmpeg_can_read(tmp_path: Path) -> None:
    path = tmp_path / "hand.mp4"
    path.write_bytes(movie(stbl([10, 20], [AT], per_chunk=[(1, 2, 1)], more=table(b"stss", [(1,)]))))
    (stream,) = peer(path)
    assert_same(path.read_bytes(), packets_of(path.read_bytes()), stream)
    assert craft.VIDEO_ENTRY
