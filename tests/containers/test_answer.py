"""What crosses from the locked child to the parent: whole both ways, and nothing is believed."""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.containers import answer, fields
from bearwitness.containers.answer import decode_index, encode_damaged, encode_index, encode_unknown
from bearwitness.containers.model import (
    EXTRADATA_BYTES_MAX,
    RECORD,
    UNTOLD,
    ContainerError,
    Index,
    Packet,
    Track,
    unpack,
)
from bearwitness_verify import canonical
from bearwitness_verify.errors import MalformedError

SIZE = 10_000


def track(number: int, packets: int, container: str = "mp4") -> Track:
    return Track(
        number,
        {
            "decoder": fields.decoder(container, "avc1", "video", "1/1000", b"\1\2", {"width": 64}, b"\3"),
            "display": fields.display(
                (1, -2, 3, 4, 5, 6, 7, 8, 9),
                (1,) * 9,
                (1, 2, 3, 4),
                b"p",
                width="64",
                height="97/2",
                unit="cm",
                aspect="16/9",
                pixel_aspect="1",
            ),
            "edits": [fields.edit(1, -1, 65_536, "1/600")],
            "extent": fields.extent(packets, 99),
        },
    )


def records(*packets: tuple[int, ...]) -> bytes:
    return b"".join(RECORD.pack(*packet) for packet in packets)


GOOD = Index(
    "mp4",
    (track(1, 2), track(4_000_000_000, 1)),
    records(
        (1, 1, 0, 100, 100, 0, -40, 40),
        (1, 2, 50, 900, 7, UNTOLD, UNTOLD, UNTOLD),
        (4_000_000_000, 3, 9, 9, 0, 5, 5, 0),
    ),
    array("Q", [5, 9, 9_999]),
)


def test_an_index_comes_back_as_it_was() -> None:
    assert decode_index(encode_index(GOOD), SIZE) == GOOD


_places = st.lists(st.integers(0, SIZE), min_size=2, max_size=2).map(sorted)
_times = st.integers(-(2**63), 2**63 - 1)
_packets = st.lists(
    st.tuples(st.integers(0, 3), _places, _times, _times, st.integers(0, 2**62) | st.just(UNTOLD)),
    max_size=20,
)


@given(_packets, _packets, st.lists(st.integers(1, SIZE - 1), unique=True).map(sorted))
def test_every_sound_index_comes_back_as_it_was(
    one: list[tuple[int, list[int], int, int, int]],
    two: list[tuple[int, list[int], int, int, int]],
    cuts: list[int],
) -> None:
    packed = b"".join(
        RECORD.pack(number, flags, *place, place[1] - place[0], pts, dts, duration)
        for number, packets in ((3, one), (9, two))
        for flags, place, pts, dts, duration in packets
    )
    index = Index("mp4", (track(3, len(one)), track(9, len(two))), packed, array("Q", cuts))
    assert decode_index(encode_index(index), SIZE) == index


def test_records_are_packets_in_their_order() -> None:
    assert next(unpack(GOOD.packets)) == Packet(1, 1, 0, 100, 100, 0, -40, 40)


def test_a_file_of_unknown_kind_and_a_damaged_one_are_told_apart() -> None:
    assert decode_index(encode_unknown(), SIZE) is None
    with pytest.raises(ContainerError, match="the moov is gone"):
        decode_index(encode_damaged("the moov is gone"), SIZE)


def test_a_reason_is_printable_whatever_it_says() -> None:
    with pytest.raises(ContainerError) as caught:
        decode_index(encode_damaged("x\u2028\N{SNOWMAN}" * 300), SIZE)
    assert len(caught.value.message) <= 200


# --- strictness ---------------------------------------------------------------------------------


def altered(change: Callable[[dict[str, Any]], object], body: bytes | None = None) -> bytes:
    """Return the good answer with another header, written canonically."""
    line, rest = encode_index(GOOD).split(b"\n", 1)
    header = json.loads(line)
    change(header)
    return canonical.dumps(header) + b"\n" + (rest if body is None else body)


def field(name: str, member: str, value: object) -> Callable[[dict[str, Any]], object]:
    def change(header: dict[str, Any]) -> None:
        header["tracks"][0]["fields"][name][member] = value

    return change


def numbered(*numbers: str) -> Callable[[dict[str, Any]], object]:
    def change(header: dict[str, Any]) -> None:
        for entry, number in zip(header["tracks"], numbers, strict=True):
            entry["number"] = number

    return change


HEADERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "version": lambda h: h.update(v="2"),
    "unknown member": lambda h: h.update(more="x"),
    "missing member": lambda h: h.pop("cuts"),
    "unknown container": lambda h: h.update(container="flv"),
    "container not text": lambda h: h.update(container=None),
    "too many packets": lambda h: h.update(packets="2000001"),
    "negative count": lambda h: h.update(packets="-1"),
    "more packets than bytes": lambda h: h.update(packets="4"),
    "more cuts than bytes": lambda h: h.update(cuts="4"),
    "tracks not a list": lambda h: h.update(tracks={}),
    "track numbers descend": numbered("9", "3"),
    "track numbers alike": numbered("3", "3"),
    "track number too large": numbered("1", "4294967296"),
    "unknown track field": lambda h: h["tracks"][0]["fields"].update(title="x"),
    "missing track field": lambda h: h["tracks"][0]["fields"].pop("edits"),
    "counts of tracks": field("extent", "packets", "1"),
    "duration": field("extent", "duration", "-1"),
    "codec": field("decoder", "codec", "a\u00e9"),
    "codec empty": field("decoder", "codec", ""),
    "codec long": field("decoder", "codec", "x" * 65),
    "another container": field("decoder", "container", "mov"),
    "extradata": field("decoder", "extradata", "=="),
    "media": field("decoder", "media", "smell"),
    "time base": field("decoder", "time_base", "1.5"),
    "time base zero": field("decoder", "time_base", "0/1"),
    "time base whole": field("decoder", "time_base", "5"),
    "width zero": field("decoder", "width", "0"),
    "unknown number": field("decoder", "colour", "5"),
    "matrix short": field("display", "matrix", ["1"] * 8),
    "matrix of four": field("display", "matrix", ["1"] * 4),
    "matrix text": field("display", "matrix", ["x"] * 9),
    "crop": field("display", "crop", ["1"] * 5),
    "display width": field("display", "width", "1.5"),
    "display unit": field("display", "unit", "mile"),
    "projection": field("display", "projection", "*"),
    "edit member": lambda h: h["tracks"][0]["fields"]["edits"][0].pop("rate"),
    "edit duration": lambda h: h["tracks"][0]["fields"]["edits"][0].update(duration="-1"),
    "edit time base": lambda h: h["tracks"][0]["fields"]["edits"][0].update(time_base="x"),
    "edits": lambda h: h["tracks"][0]["fields"].update(edits=h["tracks"][0]["fields"]["edits"] * 1025),
}


@pytest.mark.parametrize("change", HEADERS.values(), ids=HEADERS)
def test_a_header_out_of_order_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(MalformedError):
        decode_index(altered(change), SIZE)


def test_the_change_is_what_is_refused() -> None:
    assert decode_index(altered(lambda h: None), SIZE) == GOOD


RECORDS = {
    "unknown flag": (1, 4, 0, 1, 1, 0, 0, 0),
    "another track": (2, 0, 0, 1, 1, 0, 0, 0),
    "ends before it begins": (1, 0, 5, 4, 0, 0, 0, 0),
    "beyond the file": (1, 0, 5, SIZE + 1, 5, 0, 0, 0),
    "far beyond the file": (1, 0, 5, 2**64 - 1, 5, 0, 0, 0),
    "begins far beyond": (1, 0, 2**64 - 1, 6, 5, 0, 0, 0),
    "more bytes than place": (1, 2, 0, 5, 6, 0, 0, 0),
    "negative bytes": (1, 2, 0, 5, 2**64 - 1, 0, 0, 0),
    "negative duration": (1, 0, 0, 1, 1, 0, 0, -1),
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_record_out_of_range_is_refused(record: tuple[int, ...]) -> None:
    bad = Index("mp4", (track(1, 1),), records(record), array("Q"))
    with pytest.raises(MalformedError):
        decode_index(encode_index(bad), SIZE)


@pytest.mark.parametrize("cuts", [[0], [SIZE], [5, 5], [6, 5], [2**64 - 1]])
def test_cuts_out_of_order_are_refused(cuts: list[int]) -> None:
    with pytest.raises(MalformedError):
        decode_index(encode_index(Index("mp4", (), b"", array("Q", cuts))), SIZE)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"{}",
        b"[]\n",
        b"{}\n",
        encode_unknown() + b"x",
        encode_damaged("why") + b"x",
        encode_damaged(""),
        encode_index(GOOD)[:-1],
        encode_index(GOOD) + b"\0",
        b" " + encode_unknown(),
        canonical.dumps({"answer": "damaged", "reason": "new\nline", "v": "1"}) + b"\n",
        canonical.dumps({"answer": "maybe", "v": "1"}) + b"\n",
        canonical.dumps({"answer": "unknown", "v": "2"}) + b"\n",
    ],
)
def test_an_answer_of_another_shape_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_index(data, SIZE)


@given(st.binary(max_size=300))
def test_bytes_that_are_no_answer_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_index(data, SIZE)


@given(st.integers(0, len(encode_index(GOOD)) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_gives_a_sound_index(at: int, change: int) -> None:
    data = bytearray(encode_index(GOOD))
    data[at] ^= change
    try:
        found = decode_index(bytes(data), SIZE)
    except MalformedError:
        return
    assert found is not None
    assert encode_index(found) == data
    assert all(0 <= p.pos <= p.end <= SIZE and p.size <= p.end - p.pos for p in unpack(found.packets))


def test_limits_hold_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ContainerError):
        fields.decoder("mp4", "avc1", "video", "1/1", bytes(EXTRADATA_BYTES_MAX + 1))
    longer = canonical.b64(bytes(EXTRADATA_BYTES_MAX + 1))
    with pytest.raises(MalformedError, match="too long"):
        decode_index(altered(field("decoder", "extradata", longer)), SIZE)
    data = encode_index(GOOD)
    for name in ("CUTS_MAX", "TRACKS_MAX", "HEADER_BYTES_MAX"):
        with monkeypatch.context() as patched:
            patched.setattr(answer, name, 1)
            with pytest.raises(ContainerError):
                encode_index(GOOD)
            with pytest.raises(MalformedError):
                decode_index(data, SIZE)
    monkeypatch.setattr(answer, "ANSWER_BYTES_MAX", len(data) - 1)
    with pytest.raises(MalformedError, match="longer than any"):
        decode_index(data, SIZE)


def test_a_record_has_the_layout_the_boundary_documents() -> None:
    assert RECORD.size == 56
    assert RECORD.pack(1, 2, 3, 4, 5, -6, -7, -8) == struct.pack(">IIQQQqqq", 1, 2, 3, 4, 5, -6, -7, -8)
