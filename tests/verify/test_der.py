"""The DER reader takes the one encoding of a value and refuses every other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness_verify import der
from bearwitness_verify.der import Reader
from bearwitness_verify.errors import MalformedError
from tsa import gentime, integer, octets, oid, seq, set_of, tlv


def read(data: bytes) -> Reader:
    return Reader(data, "the test")


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("", "ends too soon"),
        ("30", "ends too soon"),
        ("3001", "ends too soon"),
        ("300200", "ends too soon"),
        ("308200", "ends too soon"),
        ("3080020100 0000", "indefinite"),
        ("30 8500 00000001 00", "too many bytes"),
        ("30 8100", "longer than need be"),
        ("30 817f" + "00" * 127, "longer than need be"),
        ("30 82 0080" + "00" * 128, "longer than need be"),
        ("1f 01 00", "tag"),
        ("bf 8101 00", "tag"),
        ("00 00", "tag"),
        ("24 03 040100", "in pieces"),
        ("10 00", "in pieces"),
        ("11 00", "in pieces"),
        ("22 03 020100", "in pieces"),
    ],
)
def test_an_element_with_a_second_encoding_or_a_cut_is_refused(text: str, broken: str) -> None:
    with pytest.raises(MalformedError, match=f"the test.*{broken}"):
        read(bytes.fromhex(text)).any()


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("integer", "0200"),
        ("integer", "02020000"),
        ("integer", "0202007f"),
        ("integer", "0202ffff"),
        ("integer", "0202ff80"),
        ("integer", "0221" + "01" * 33),
        ("integer", "0a0101"),
        ("boolean", "010101"),
        ("boolean", "0100"),
        ("boolean", "0102ffff"),
        ("null", "050100"),
        ("oid", "0600"),
        ("oid", "060181"),
        ("oid", "06022a81"),
        ("oid", "06032a8001"),
        ("oid", "06028001"),
        ("oid", "0641" + "01" * 65),
        ("octets", "0301aa"),
        ("sequence", "3100"),
        ("set_of", "3106 020102 020101"),
        ("set_of", "3105 0101ff 0202"),
    ],
)
def test_a_value_with_a_second_encoding_is_refused(method: str, text: str) -> None:
    with pytest.raises(MalformedError, match="the test"):
        getattr(read(bytes.fromhex(text)), method)()


@pytest.mark.parametrize(
    "text",
    [
        "20260101000000",  # local time
        "20260101000000+0100",
        "202601010000Z",  # no seconds
        "20260101000000.Z",
        "20260101000000.10Z",  # a trailing zero
        "20260101000000.0Z",
        "20260101000000,5Z",
        "20261301000000Z",
        "20260230000000Z",
        "20260101240000Z",
        "20260101000060Z",
        "00000101000000Z",
        "99991231235959.9999999Z",
        "2026010100000\N{ARABIC-INDIC DIGIT ZERO}Z",
        "20260101000000Z\n",
        "20260101000000." + "1" * 19 + "Z",
        "260101000000Z",
    ],
)
def test_a_time_in_another_form_or_that_never_was_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="the test"):
        read(tlv(der.GENERALIZED_TIME, text.encode())).time()


def test_times_are_read_to_the_microsecond_and_finer_ones_rounded_up() -> None:
    second = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    for text, micros in (("", 0), (".5", 500_000), (".001", 1000), (".000001", 1), (".0000011", 2)):
        data = tlv(der.GENERALIZED_TIME, f"20260102030405{text}Z".encode())
        assert read(data).time() == second + timedelta(microseconds=micros)


def test_what_follows_unread_is_refused_when_the_block_is_left() -> None:
    with (
        pytest.raises(MalformedError, match="more than it should"),
        read(seq(integer(1), integer(2))) as whole,
        whole.sequence() as inside,
    ):
        inside.integer()
    with pytest.raises(MalformedError, match="more than it should"), read(seq() + b"\0") as whole:
        whole.sequence()


def test_another_error_inside_a_block_is_not_hidden_by_what_follows() -> None:
    with pytest.raises(ZeroDivisionError), read(seq()):
        raise ZeroDivisionError


def test_nesting_without_end_and_floods_are_refused() -> None:
    data = b""
    for _ in range(der.DEPTH_MAX + 1):
        data = seq(data)
    reader = read(data)
    for _ in range(der.DEPTH_MAX - 1):
        reader = reader.sequence()
    with pytest.raises(MalformedError, match="deeper"):
        reader.sequence()
    with pytest.raises(MalformedError, match="too large"):
        read(bytes(der.BYTES_MAX + 1))


def test_a_value_of_another_type_is_not_opened_as_a_sequence() -> None:
    for data in (integer(1), set_of(integer(1)), tlv(0xA0, integer(1)), tlv(0x80)):
        with pytest.raises(MalformedError, match="where 0x30 belongs"):
            read(data).any().reader()
    with pytest.raises(MalformedError, match="belongs"):
        read(tlv(0x80)).any().reader(0x80)


def test_optional_elements_are_taken_only_if_they_are_there() -> None:
    with read(integer(5) + octets(b"x")) as reader:
        assert reader.optional(der.NULL) is None
        found = reader.optional(der.INTEGER)
        assert found is not None
        assert (found.tag, found.content, found.encoded) == (2, b"\x05", b"\x02\x01\x05")
        assert reader.next_is(der.OCTET_STRING)
        assert reader.octets() == b"x"
        assert reader.optional(der.INTEGER) is None
        assert not reader.next_is(der.INTEGER)


def test_a_set_out_of_order_is_taken_only_where_order_does_not_count() -> None:
    unordered = tlv(der.SET, integer(2), integer(1))
    with pytest.raises(MalformedError, match="not in order"):
        read(unordered).set_of()
    assert [e.content for e in read(unordered).set_of(in_order=False)] == [b"\x02", b"\x01"]
    assert len(read(set_of(integer(300), integer(1), integer(1))).set_of()) == 3


@given(st.integers(-(2**255), 2**255 - 1))
def test_every_integer_is_read_back(value: int) -> None:
    assert read(integer(value)).integer() == value


@given(st.integers(0, 2), st.integers(0, 39), st.lists(st.integers(0, 2**70), max_size=5))
def test_every_object_identifier_is_read_back(first: int, second: int, rest: list[int]) -> None:
    dotted = ".".join(map(str, (first, second, *rest)))
    assert read(oid(dotted)).oid() == dotted


@given(st.binary(max_size=70_000))
def test_octets_of_any_length_are_read_back(data: bytes) -> None:
    assert read(octets(data)).octets() == data


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))
def test_every_time_is_read_back(time: datetime) -> None:
    assert read(gentime(time)).time() == time


METHODS: list[Callable[[Reader], object]] = [
    Reader.any,
    Reader.integer,
    Reader.oid,
    Reader.boolean,
    Reader.null,
    Reader.time,
    Reader.octets,
    Reader.set_of,
    Reader.sequence,
]
PIECES = st.recursive(
    st.one_of(
        st.binary(max_size=12),
        st.integers(-(2**70), 2**70).map(integer),
        st.builds(tlv, st.integers(0, 255), st.binary(max_size=20)),
        st.sampled_from(
            [oid("1.2.840.113549.1.7.2"), gentime(datetime(2026, 1, 1, tzinfo=UTC)), b"\x01\x01\xff"]
        ),
    ),
    lambda inner: st.builds(
        lambda tag, parts: tlv(tag, *parts), st.integers(0, 255), st.lists(inner, max_size=4)
    ),
    max_leaves=12,
)


def walk(reader: Reader) -> None:
    while reader.more():
        element = reader.any()
        for method in METHODS:
            try:
                found = method(Reader(element.encoded, "the test"))
                if isinstance(found, der.Element):
                    found = found.reader(found.tag)
            except MalformedError:
                continue
            if isinstance(found, Reader):
                walk(element.reader(element.tag))


@given(PIECES)
def test_bytes_of_any_kind_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    try:
        walk(read(data))
    except MalformedError:
        return


@given(PIECES)
def test_what_is_read_stood_there_byte_for_byte(data: bytes) -> None:
    reader, together = read(data), b""
    try:
        while reader.more():
            element = reader.any()
            assert element.encoded == tlv(element.tag, element.content)
            together += element.encoded
    except MalformedError:
        assert data.startswith(together)
        return
    assert together == data
