"""MP4 and QuickTime against FFmpeg, and by hand where FFmpeg writes nothing of the kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bearwitness.containers.model import KEY
from bearwitness.containers.reader import BytesSource
from bearwitness.containers.tasks import index
from bearwitness_verify.canonical import unb64

from .craft import (
    AT,
    movie,
    stbl,
    table,
)
from .media import Recipe, assert_same, by_track, ours, packets_of, peer

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


def test_craft_writes_what_ffmpeg_can_read(tmp_path: Path) -> None:
    path = tmp_path / "hand.mp4"
    path.write_bytes(movie(stbl([10, 20], [AT], per_chunk=[(1, 2, 1)], more=table(b"stss", [(1,)]))))
    (stream,) = peer(path)
    assert_same(path.read_bytes(), packets_of(path.read_bytes()), stream)
