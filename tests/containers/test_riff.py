"""AVI and WAV against FFmpeg and Python's own reader, and by hand where FFmpeg writes nothing of the kind."""

from __future__ import annotations

import struct
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from bearwitness.containers.model import KEY, UNTOLD, ContainerError, Packet
from bearwitness_verify.canonical import unb64

from .craft import BITMAP, WAVE, avi, chunk, le32, strl
from .media import Recipe, by_track, ours, ours_of, peer, told

Made = Callable[[Recipe], Path]
AVIS = [
    Recipe("mpeg4.avi", "mpeg4", "libmp3lame", video_options={"g": "10"}),
    Recipe("jpeg.avi", "mjpeg", "pcm_s16le", pixels="yuvj420p"),
    Recipe("h264.avi", "libx264", "ac3", video_options={"bf": "0", "g": "12"}),
    Recipe("adpcm.avi", "mjpeg", "adpcm_ms", pixels="yuvj420p"),
]


@pytest.mark.parametrize("indexed", [True, False], ids=["index", "walk"])
@pytest.mark.parametrize("recipe", AVIS, ids=lambda r: r.name)
def test_packets_are_those_ffmpeg_reads(made: Made, recipe: Recipe, indexed: bool) -> None:
    path = made(recipe)
    data = path.read_bytes()
    found = ours_of(data if indexed else data.replace(b"idx1", b"JUNK"))
    assert found.container == "avi"
    theirs = peer(path)
    packets = by_track(found)
    assert len(theirs) == len(packets) == 2
    for number, stream in enumerate(theirs):
        mine = [p for p in packets[number] if p.size]  # FFmpeg passes over frames that are shown again
        assert [data[p.pos : p.end] for p in mine] == [p.data for p in stream.packets]
        assert [p.dts for p in mine] == [p.dts for p in stream.packets]
        assert {p.pts for p in mine} == {UNTOLD}
        if indexed and stream.type == "video":
            assert [bool(p.flags & KEY) for p in mine] == [p.key for p in stream.packets]
        if not indexed:
            assert {p.flags for p in mine} == {0}


def test_the_track_table_holds_what_a_decoder_needs(made: Made) -> None:
    video, sound = ours(made(AVIS[0])).tracks
    decoder = video.fields["decoder"]
    assert isinstance(decoder, dict)
    assert unb64(decoder.pop("extradata"))[16:20] == b"FMP4"
    assert decoder == {
        "codec": "FMP4",
        "container": "avi",
        "height": "96",
        "media": "video",
        "time_base": "1/25",
        "width": "160",
    }
    decoder = sound.fields["decoder"]
    assert isinstance(decoder, dict)
    assert (decoder["codec"], decoder["time_base"]) == ("0x0055", "3/125")


# --- AVI by hand --------------------------------------------------------------------------------

VIDEO = strl(b"vids", BITMAP)
SOUND = strl(b"auds", WAVE, scale=4, rate=192_000, sample=4)


def idx1(*entries: tuple[bytes, int, int, int]) -> bytes:
    return chunk(b"idx1", *(code + le32(flags, place, size) for code, flags, place, size in entries))


def packets_of(data: bytes, track: int = 0) -> list[Packet]:
    return by_track(ours_of(data))[track]


@pytest.mark.parametrize("absolute", [False, True])
def test_idx1_counts_from_movi_or_from_the_file(absolute: bool) -> None:
    movi = chunk(b"00dc", b"frame") + chunk(b"00dc", b"") + chunk(b"00dc", b"other")
    at = avi(VIDEO, movi).index(b"movi") if absolute else 0
    entries = idx1(
        (b"00dc", 0x10, at + 4, 5),
        (b"00pc", 0, at + 4, 1),
        (b"00dc", 0, at + 18, 0),
        (b"00dc", 0x10, at + 26, 5),
    )
    data = avi(VIDEO, movi, entries)
    found = packets_of(data)
    assert [(data[p.pos : p.end], p.dts, p.flags) for p in found] == [
        (b"frame", 0, KEY),
        (b"", 1, 0),
        (b"other", 2, KEY),
    ]


def test_an_index_that_points_elsewhere_is_not_believed() -> None:
    movi = chunk(b"00dc", b"frame")
    found = packets_of(avi(VIDEO, movi, idx1((b"00dc", 0x10, 999, 5))))
    assert [(p.size, p.flags) for p in found] == [(5, 0)]


def test_sound_of_constant_samples_is_timed_by_its_bytes_from_the_start_told() -> None:
    sound = strl(b"auds", WAVE, scale=4, rate=192_000, sample=4, start=100)
    movi = chunk(b"00wb", bytes(400)) + chunk(b"00wb", bytes(202)) + chunk(b"00wb", bytes(202))
    assert [(p.dts, p.duration) for p in packets_of(avi(sound, movi))] == [(100, 100), (200, 50), (250, 51)]


def test_chunks_within_records_are_found() -> None:
    record = chunk(b"LIST", b"rec ", chunk(b"00dc", b"frame"), chunk(b"01wb", bytes(8)))
    found = by_track(ours_of(avi(VIDEO + SOUND, record + chunk(b"JUNK", bytes(9)) + record)))
    assert [p.size for p in found[0]] == [5, 5]
    assert [p.dts for p in found[1]] == [0, 2]


def opendml(
    second_riff: bytes, movi: bytes, entries: list[tuple[int, int, int]], *, field: bool = False
) -> bytes:
    """Return an AVI whose stream has a super index of one ix00 in the second RIFF."""
    longs = 3 if field else 2

    def build(place: int, base: int) -> tuple[bytes, bytes]:
        rows = [
            le32(at, size | (0 if key else 1 << 31), *([0] if field else [])) for at, size, key in entries
        ]
        head = struct.pack("<HBBI4sQI", longs, int(field), 1, len(rows), b"00dc", base, 0)
        ix = chunk(b"ix00", head, *rows)
        top = struct.pack("<HBBI4s3IQII", 4, 0, 0, 1, b"00dc", 0, 0, 0, place, len(ix), 0)
        return ix, avi(strl(b"vids", BITMAP, chunk(b"indx", top)), movi)

    ix, first = build(0, 0)
    place = len(first) + 24  # RIFF, AVIX, LIST, movi
    ix, first = build(place, place + len(ix))
    return first + chunk(b"RIFF", b"AVIX", chunk(b"LIST", b"movi", ix, second_riff))


@pytest.mark.parametrize("field", [False, True])
def test_opendml_indexes_reach_the_second_riff(field: bool) -> None:
    frames = chunk(b"00dc", b"first!") + chunk(b"00dc", b"second")
    data = opendml(frames, chunk(b"JUNK", b""), [(8, 6, 1), (22, 6, 0)], field=field)
    assert [(data[p.pos : p.end], p.flags) for p in packets_of(data)] == [(b"first!", KEY), (b"second", 0)]


def test_lists_and_indexes_made_by_hand_are_read_alike_by_ffmpeg(tmp_path: Path) -> None:
    frames = chunk(b"00dc", b"first!") + chunk(b"00dc", b"second")
    record = chunk(b"LIST", b"rec ", chunk(b"00dc", b"frame"), chunk(b"01wb", bytes(8)))
    for data in (
        opendml(frames, chunk(b"JUNK", b""), [(8, 6, 1), (22, 6, 0)]),
        avi(VIDEO + SOUND, record * 2),
    ):
        path = tmp_path / "hand.avi"
        path.write_bytes(data)
        found = by_track(ours(path))
        for number, stream in enumerate(peer(path)):
            assert [(data[p.pos : p.end], p.dts) for p in found[number]] == [
                (p.data, p.dts) for p in stream.packets
            ]


def test_without_any_index_all_riffs_are_walked() -> None:
    data = avi(VIDEO, chunk(b"00dc", b"one")) + chunk(
        b"RIFF", b"AVIX", chunk(b"LIST", b"movi", chunk(b"00dc", b"three"))
    )
    found = ours_of(data)
    assert found.container == "avi"
    assert [p.size for p in by_track(found)[0]] == [3, 5]


@pytest.mark.parametrize("cut", [1, 6, 20])
def test_a_recording_cut_off_is_walked_up_to_there(cut: int) -> None:
    movi = chunk(b"00dc", b"frame") + chunk(b"00dc", b"another frame, cut off")
    found = ours_of(avi(VIDEO, movi)[:-cut])
    assert found.container == "avi, incomplete"
    assert [p.size for p in by_track(found)[0]] == [5]


def test_zeros_at_the_end_of_a_recording_end_the_walk() -> None:
    found = ours_of(avi(VIDEO, chunk(b"00dc", b"frame") + bytes(100_000)))
    assert found.container == "avi, incomplete"
    assert [p.size for p in by_track(found)[0]] == [5]


@pytest.mark.parametrize(
    "data",
    [
        chunk(b"RIFF", b"AVI ", chunk(b"LIST", b"movi", chunk(b"00dc", b"x"))),
        avi(strl(b"vids", BITMAP, rate=0), chunk(b"00dc", b"x")),
        avi(chunk(b"LIST", b"strl", chunk(b"strh", b"short")), chunk(b"00dc", b"x")),
        avi(VIDEO * 65, chunk(b"00dc", b"x")),
        avi(strl(b"auds", b"\1"), chunk(b"00wb", b"x")),
        opendml(b"", b"", [(0, 5, 1)])[:-40],
    ],
    ids=["no-header", "no-time", "short-header", "65-streams", "short-format", "index-cut-off"],
)
def test_what_can_not_be_read_is_refused(data: bytes) -> None:
    with pytest.raises(ContainerError):
        ours_of(data)


def test_the_shape_of_the_picture_is_told() -> None:
    vprp = chunk(b"vprp", le32(0, 0, 25, 720, 576, 16 << 16 | 9))
    fields = ours_of(avi(strl(b"vids", BITMAP, vprp), chunk(b"00dc", b"x"))).tracks[0].fields
    assert fields["display"] == {"matrix": None, "aspect": "16/9"}


# --- WAV ----------------------------------------------------------------------------------------


def wav(
    layout: bytes, data: bytes, form: bytes = b"RIFF", size: int | None = None, more: bytes = b""
) -> bytes:
    sound = b"data" + le32(len(data) if size is None else size) + data
    body = b"WAVE" + more + chunk(b"fmt ", layout) + sound
    return form + le32(len(body)) + body


def test_sound_is_that_of_pythons_reader_in_packets_of_whole_blocks(made: Made) -> None:
    path = made(Recipe("hum.wav", None, "pcm_s16le"))
    with wave.open(str(path)) as reader:
        expected, frames = reader.readframes(reader.getnframes()), reader.getnframes()
    data, found = path.read_bytes(), by_track(ours(path))[0]
    assert b"".join(data[p.pos : p.end] for p in found) == expected
    assert sum(p.duration for p in found) == frames
    assert [p.pts for p in found] == [n * 16_384 for n in range(len(found))]
    assert all(p.size <= 65_536 and p.size % 4 == 0 and p.flags == KEY for p in found)


def test_packets_are_the_bytes_ffmpeg_reads(made: Made) -> None:
    for recipe in (Recipe("ms.wav", None, "adpcm_ms"), Recipe("24.wav", None, "pcm_s24le")):
        path = made(recipe)
        data, found = path.read_bytes(), by_track(ours(path))[0]
        assert b"".join(data[p.pos : p.end] for p in found) == b"".join(p.data for p in peer(path)[0].packets)


def test_the_corpus_speech_is_read(corpus: Path) -> None:
    found = ours(corpus / "audio" / "speech-ru.wav")
    decoder = found.tracks[0].fields["decoder"]
    assert isinstance(decoder, dict)
    assert (decoder["codec"], decoder["time_base"], decoder["sample_rate"]) == ("0x0001", "1/16000", "16000")


def test_blocks_of_several_samples_are_timed_by_what_the_format_tells() -> None:
    adpcm = struct.pack("<HHIIHHHH", 2, 1, 8_000, 4_096, 256, 4, 32, 500)
    (packet,) = packets_of(wav(adpcm, bytes(1_024 + 100)))
    assert (packet.size, packet.pts, packet.duration) == (1_024, 0, 2_000)


def test_sound_whose_blocks_have_no_constant_length_in_time_gets_no_times() -> None:
    mp3 = struct.pack("<HHIIHH", 0x55, 2, 44_100, 16_000, 1, 0)
    (packet,) = packets_of(wav(mp3, bytes(999)))
    assert [told(t) for t in (packet.pts, packet.dts, packet.duration)] == [None] * 3


@pytest.mark.parametrize("form", [b"RF64", b"BW64"])
def test_the_long_size_of_rf64_counts(form: bytes) -> None:
    ds64 = chunk(b"ds64", struct.pack("<QQQI", 0, 2_000, 500, 0))
    found = ours_of(wav(WAVE, bytes(2_000) + b"LIST" + bytes(4), form, 0xFFFFFFFF, ds64))
    assert found.container == form.decode().lower()
    assert sum(p.size for p in by_track(found)[0]) == 2_000


def test_sound_cut_off_is_told() -> None:
    found = ours_of(wav(WAVE, bytes(2_001), size=9_999))
    assert found.container == "wav, incomplete"
    assert sum(p.size for p in by_track(found)[0]) == 2_000


@pytest.mark.parametrize(
    "data",
    [
        wav(struct.pack("<HHIIHH", 1, 2, 48_000, 0, 0, 16), bytes(9)),
        wav(struct.pack("<HHIIHH", 1, 2, 0, 0, 4, 16), bytes(9)),
        wav(b"\1\0", bytes(9)),
        b"RIFF" + le32(4) + b"WAVE",
        b"RIFF" + le32(99) + b"WAVE" + chunk(b"data", bytes(40)),
    ],
    ids=["no-blocks", "no-rate", "short-format", "nothing", "no-format"],
)
def test_sound_that_can_not_be_told_is_refused(data: bytes) -> None:
    with pytest.raises(ContainerError):
        ours_of(data)
