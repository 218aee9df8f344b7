"""Movie fragments by hand, for what FFmpeg does not write and for what is hostile."""

from __future__ import annotations

from pathlib import Path

import pytest

from bearwitness.containers.model import KEY, ContainerError

from .craft import (
    FTYP,
    SOUND_ENTRY,
    box,
    fragmented,
    full,
    moof,
    moov,
    stbl,
    trak,
    trex,
    u32,
)
from .media import assert_same, by_track, ours_of, packets_of, peer


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
