"""Sample tables and boxes by hand, for what FFmpeg does not write and for what is hostile."""

from __future__ import annotations

from pathlib import Path

import pytest

from bearwitness.containers.model import KEY, ContainerError
from bearwitness.containers.reader import BytesSource, Reader
from bearwitness.containers.tasks import index
from bearwitness_verify.canonical import unb64

from . import craft
from .craft import (
    AT,
    FTYP,
    SOUND_ENTRY,
    box,
    full,
    moov,
    movie,
    stbl,
    table,
    trak,
    u32,
)
from .media import by_track, ours, ours_of, packets_of


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


def test_headers_of_64_bits_say_what_those_of_32_bits_do() -> None:
    tables = stbl([5, 5], [AT], per_chunk=[(1, 2, 1)])
    short = FTYP + box(b"mdat", bytes(99)) + moov(trak(7, tables))
    long = FTYP + box(b"mdat", bytes(99)) + moov(trak(7, tables, long=True), long=True)
    assert ours_of(long) == ours_of(short)
    elst = full(b"elst", u32(1), u32(0, 300), u32(-1, -1), u32(0x10000), version=1)
    edited = FTYP + moov(trak(7, tables, edits=box(b"edts", elst)))
    assert ours_of(edited).tracks[0].fields["edits"] == [
        {"duration": "300", "media_time": "-1", "rate": "65536", "time_base": "1/600"}
    ]


def test_all_that_changes_the_picture_on_the_screen_is_told() -> None:
    clap = box(b"clap", u32(60, 1, 40, 1, -2, 1, 4, 2))
    body = craft.VIDEO_ENTRY[8:] + clap + box(b"pasp", u32(4, 6))
    turned = u32(0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    data = FTYP + moov(trak(1, stbl([], [], per_chunk=[]), entry=box(b"avc1", body)), matrix=turned)
    assert ours_of(data).tracks[0].fields["display"] == {
        "matrix": ["65536", "0", "0", "0", "65536", "0", "0", "0", "1073741824"],
        "movie_matrix": ["0", "65536", "0", "-65536", "0", "0", "0", "0", "1073741824"],
        "crop": ["60", "1", "40", "1", "-2", "1", "4", "2"],
        "width": "64",
        "height": "48",
        "pixel_aspect": "2/3",
    }


def test_without_a_configuration_the_descriptions_own_fields_are_told() -> None:
    fields = ours_of(movie(stbl([4], [AT]), handler=b"soun", entry=SOUND_ENTRY)).tracks[0].fields
    decoder = fields["decoder"]
    assert isinstance(decoder, dict)
    assert unb64(decoder["extradata"]) == SOUND_ENTRY[16:]
    odd = SOUND_ENTRY.replace(b"sowt", b"ms\0\x11")
    decoder = ours_of(movie(stbl([4], [AT]), handler=b"soun", entry=odd)).tracks[0].fields["decoder"]
    assert isinstance(decoder, dict)
    assert decoder["codec"] == "0x6d730011"


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


def test_a_track_that_can_not_be_read_is_left_out_and_told() -> None:
    good, bad = trak(1, stbl([5], [AT])), trak(2, stbl([5, 5], [AT, AT], per_chunk=[(1, 1, 1), (2, 1, 2)]))
    found = ours_of(FTYP + box(b"mdat", bytes(9)) + moov(bad, good))
    assert found.container == "mp4, incomplete"
    assert [t.number for t in found.tracks] == [1]


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


def test_reading_more_than_the_budget_is_refused() -> None:
    reader = Reader(BytesSource(bytes(100_000)), budget=10_000)
    reader.read(0, 16)
    reader.read(50_000, 16)
    with pytest.raises(ContainerError, match="more than is read"):
        reader.read(90_000, 16)
