"""The playable file says what the packets' rows say: our own parsers, written for other files, read it so."""

from __future__ import annotations

import contextlib
import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.containers.answer import decode_index
from bearwitness.containers.model import Index, unpack
from bearwitness.containers.reader import BytesSource
from bearwitness.containers.tasks import index_file
from bearwitness_verify import playing
from bearwitness_verify.canonical import Json, b64
from bearwitness_verify.clip_proof import content_order
from bearwitness_verify.errors import VerifyError
from bearwitness_verify.rows import KEY, UNTOLD, Row, Track
from scale import examples

AVCC = bytes.fromhex("0142c01effe100") + bytes(20)
STRF_VIDEO = (
    (40).to_bytes(4, "little")
    + (160).to_bytes(4, "little")
    + (96).to_bytes(4, "little")
    + bytes(4)
    + b"MJPG"
    + bytes(20)
)
STRF_SOUND = bytes.fromhex("01000200803e000000fa000004001000")
ROTATED = ["0", "65536", "0", "-65536", "0", "0", "6291456", "0", "1073741824"]


def track(
    container: str, number: int, media: str, rows: list[Row], display: dict[str, Json] | None = None
) -> Track:
    codec, extradata, base = {
        ("mp4", "video"): ("avc1", AVCC, "1/12800"),
        ("mp4", "audio"): ("mp4a", bytes.fromhex("0000000003") + bytes(20), "1/48000"),
        ("matroska", "video"): ("V_VP9", b"", "1/1000"),
        ("matroska", "audio"): ("A_OPUS", b"OpusHead", "1/1000"),
        ("avi", "video"): ("MJPG", STRF_VIDEO, "1/25"),
        ("avi", "audio"): ("0x0001", STRF_SOUND, "1/16000"),
        ("wav", "audio"): ("0x0001", STRF_SOUND, "1/16000"),
    }[container, media]
    sizes: dict[str, Json] = (
        {"width": "160", "height": "96"} if media == "video" else {"channels": "2", "sample_rate": "16000"}
    )
    decoder: dict[str, Json] = {
        "codec": codec, "container": container, "extradata": b64(extradata), "media": media,
        "time_base": base,
    } | sizes  # fmt: skip
    return Track(number, decoder, display or {"matrix": None}, [], None, tuple(rows))


@st.composite
def two_tracks(draw: st.DrawFn, container: str) -> list[Track]:
    """Return pictures and sound whose packets take turns in the file."""
    count = draw(st.integers(1, 12))
    leaf = itertools.count(draw(st.integers(0, 9)) + 1)
    start = draw(st.integers(0, 90_000))
    pictures, sounds, at = [], [], start
    deltas = draw(st.lists(st.integers(1, 900), min_size=count, max_size=count))
    lead = 0 if container == "avi" else draw(st.integers(0, 1000))
    if container == "avi":  # frames are counted
        deltas = [1] * count
    for n, delta in enumerate(deltas):
        size = draw(st.integers(1, 300))
        pts = UNTOLD if container == "avi" else at + lead
        pictures.append(Row(1, KEY if n % 5 == 0 else 0, next(leaf), 0, 1, size, pts, at, delta))
        at += delta
        blocks = draw(st.integers(1, 50))
        time = start + 4 * sum(row.size for row in sounds) // 16 if container == "avi" else start + 100 * n
        lasts = blocks if container == "avi" else 100
        pts = UNTOLD if container == "avi" else time
        sounds.append(Row(2, KEY, next(leaf), 0, 1, 4 * blocks, pts, time, lasts))
    if container == "avi":
        pictures = [row._replace(track=0) for row in pictures]
        sounds = [row._replace(track=1) for row in sounds]
    return [
        track(container, pictures[0].track, "video", pictures),
        track(container, sounds[0].track, "audio", sounds),
    ]


def build(tracks: list[Track]) -> tuple[bytes, dict[tuple[int, int], bytes]]:
    """Return the playable file of made-up packets, and the packets by track and leaf."""
    order = content_order(tracks)
    plan = playing.plan(tracks, order)
    assert plan is not None
    packets, data = {}, [plan.head]
    for number, ((own, row), before) in enumerate(zip(order, plan.before, strict=False)):
        packets[own.number, row.leaf] = bytes([number & 255]) * row.size
        data += [before, packets[own.number, row.leaf]]
    return b"".join([*data, plan.tail]), packets


def read(data: bytes) -> Index:
    index = decode_index(index_file(BytesSource(data)), len(data))
    assert index is not None
    return index


def check(tracks: list[Track]) -> Index:
    data, packets = build(tracks)
    index = read(data)
    assert not index.container.endswith("incomplete")
    found: dict[int, list[tuple[bytes, int, int]]] = {}
    for packet in unpack(index.packets):
        time = packet.dts if packet.pts == UNTOLD else packet.pts
        found.setdefault(packet.track, []).append((data[packet.pos : packet.end], packet.flags & KEY, time))
    assert list(found) == [own.number for own in tracks]
    origin = min(own.span[0] for own in tracks)
    for own in tracks:
        got = found[own.number]
        assert [data for data, _, _ in got] == [packets[own.number, row.leaf] for row in own.played]
        assert [key for _, key, _ in got] == [row.flags & KEY for row in own.played]
        times = [own.clock(own.time(row)) - origin for row in own.played]
        base = next(
            Fraction(str(t.fields["decoder"]["time_base"]))  # type: ignore[index,call-overload]
            for t in index.tracks
            if t.number == own.number
        )
        gaps = [(b - a) * base for a, b in itertools.pairwise(time for _, _, time in got)]
        assert gaps == [b - a for a, b in itertools.pairwise(times)]
    return index


@examples(30)
@given(two_tracks("mp4"))
def test_mp4_says_what_the_rows_say(tracks: list[Track]) -> None:
    index = check(tracks)
    assert [t.fields["edits"] for t in index.tracks] != [[], []]


@examples(30)
@given(two_tracks("matroska"))
def test_matroska_says_what_the_rows_say(tracks: list[Track]) -> None:
    check(tracks)


@examples(30)
@given(two_tracks("avi"))
def test_avi_says_what_the_rows_say(tracks: list[Track]) -> None:
    check(tracks)


def test_wav_holds_the_packets_and_nothing_else() -> None:
    rows = [Row(0, KEY, n, 0, 1, 400, 100 * n, 100 * n, 100) for n in range(1, 6)]
    data, packets = build([track("wav", 0, "audio", rows)])
    (packet,) = unpack(read(data).packets)
    assert data[packet.pos : packet.end] == b"".join(packets[0, row.leaf] for row in rows)


def test_rotation_size_and_crop_go_over_into_mp4() -> None:
    rows = [Row(1, KEY, 1, 0, 1, 50, 0, 0, 512)]
    crop = ["140", "1", "90", "1", "0", "1", "0", "1"]
    display: dict[str, Json] = {
        "matrix": list[Json](ROTATED), "width": "320/3", "height": "96", "pixel_aspect": "4/3",
        "crop": list[Json](crop), "movie_matrix": list[Json](ROTATED),
    }  # fmt: skip
    (again,) = read(build([track("mp4", 1, "video", rows, display)])[0]).tracks
    got = again.fields["display"]
    assert isinstance(got, dict)
    assert {name: got[name] for name in display if name != "width"} == {
        name: value for name, value in display.items() if name != "width"
    }
    assert abs(Fraction(str(got["width"])) - Fraction(320, 3)) < Fraction(1, 65_536)


@pytest.mark.parametrize(
    "change",
    [{"codec": "zzzz"}, {"time_base": "1001/30000"}, {"media": "data"}, {"media": "subtitle"}],
)
def test_what_the_rules_have_no_answer_for_has_no_playable_file(change: dict[str, Json]) -> None:
    rows = [Row(1, KEY, 1, 0, 1, 50, 0, 0, 512)]
    made = track("mp4", 1, "video", rows)
    other = Track(1, {**made.decoder, **change}, made.display, [], None, made.rows)
    assert playing.plan([other], content_order([other])) is None


def test_a_number_that_does_not_fit_its_field_makes_no_file() -> None:
    rows = [Row(1, KEY, 1, 0, 1, 50, 0, 0, 5), Row(1, 0, 2, 0, 1, 50, 1 << 40, 1 << 40, 5)]
    made = track("mp4", 1, "video", rows)
    assert playing.plan([made], content_order([made])) is None


ODD: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from(
        ["", "0", "-1", "1", "65536", "1/1000", "1/0", "1e999999999", "0x1b", "avc1", "A_OPUS", "é"]
    )
    | st.integers(-(2**70), 2**70).map(str),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.sampled_from(["rate", "x"]), inner),
    max_leaves=12,
)
NAMES = (
    "codec extradata time_base width height channels sample_rate encoding codec_delay matrix movie_matrix "
    "crop projection aspect pixel_aspect unit"
).split()
NUMBERS = st.sampled_from([0, 1, 5, -1, 1 << 31, 1 << 40, (1 << 63) - 1, UNTOLD, UNTOLD + 1])


@examples(300)
@given(
    st.sampled_from(sorted(playing.EXTENSIONS)),
    st.sampled_from(["video", "audio"]),
    st.dictionaries(st.sampled_from(NAMES), ODD),
    st.lists(ODD, max_size=3),
    st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=4),
)
def test_whatever_a_hostile_vault_sealed_the_verifier_refuses_in_a_sentence(
    container: str,
    media: str,
    odd: dict[str, Json],
    edits: list[Json],
    times: list[tuple[int, int, int]],
) -> None:
    decoder: dict[str, Json] = {"codec": "avc1", "extradata": "", "media": media, "time_base": "1/1000"}
    rows = [Row(1, n & 1, n, 0, 1, 10, *some) for n, some in enumerate(times)]
    made = Track(1, {**decoder, **odd, "container": container}, odd, edits, None, tuple(rows))
    with contextlib.suppress(VerifyError):
        assert made.span
        playing.plan([made], content_order([made]))
