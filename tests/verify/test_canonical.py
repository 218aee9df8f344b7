"""Canonical JSON: one text for a value, one value for a text, every other text refused."""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from bearwitness_verify import canonical
from bearwitness_verify.canonical import DEPTH_MAX, Json
from bearwitness_verify.errors import MalformedError
from scale import examples

NAMES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=12)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | TEXTS | st.sampled_from(["", '"', "\\", "\x7f", "\u2028", "\U0001f9f8", "é"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@examples(400)
@given(VALUES)
def test_what_is_written_is_rfc_8785_and_is_read_back_the_same(value: Json) -> None:
    data = canonical.dumps(value)
    assert data == rfc8785.dumps(value)
    assert canonical.loads(data) == value
    assert canonical.part_text(canonical.loads(data)) == data.decode()


def test_texts_of_every_code_point_are_escaped_as_rfc_8785_says() -> None:
    for point in [*range(0x300), *range(0xD7F0, 0xD800), *range(0xE000, 0xE010), 0xFFFF, 0x10000, 0x10FFFF]:
        text = f"a{chr(point)}b"
        data = canonical.dumps({"x": text})
        assert data == rfc8785.dumps({"x": text})
        assert canonical.loads(data) == {"x": text}


def test_names_are_sorted_however_they_come() -> None:
    assert canonical.dumps({"b": "1", "a": "2", "B": "3", "ab": "4"}) == b'{"B":"3","a":"2","ab":"4","b":"1"}'


REFUSED = {
    "a number": b'{"a":1}',
    "a bare number": b"1",
    "a negative number": b"[-1]",
    "zero": b"[0]",
    "minus zero": b"[-0]",
    "a fraction": b'{"a":1.5}',
    "an exponent": b"[1e3]",
    "a number too long for Python": b"[" + b"1" * (sys.get_int_max_str_digits() + 1) + b"]",
    "NaN": b"[NaN]",
    "Infinity": b'{"a":Infinity}',
    "minus Infinity": b"[-Infinity]",
    "a member twice": b'{"a":"1","a":"1"}',
    "a member twice, once empty": b'{"a":"","a":"1"}',
    "a member twice in a nested object": b'[{"a":"1","a":"2"}]',
    "members not in order": b'{"b":"1","a":"2"}',
    "a space after a colon": b'{"a": "1"}',
    "a space after a comma": b'["a", "b"]',
    "a newline at the end": b'{"a":"1"}\n',
    "a space before": b' {"a":"1"}',
    "a tab within": b'{\t"a":"1"}',
    "a slash escaped": b'["\\/"]',
    "a letter escaped": b'["\\u0061"]',
    "a newline escaped the long way": b'["\\u000a"]',
    "a control escaped in capitals": b'["\\u001F"]',
    "DEL escaped": b'["\\u007f"]',
    "an accent escaped": b'["\\u00e9"]',
    "a surrogate pair escaped": b'["\\ud83e\\uddf8"]',
    "half of a surrogate pair, escaped": b'["\\ud83e"]',
    "half of a surrogate pair, raw": b'["\xed\xa0\xbe"]',
    "a raw control character": b'["\x01"]',
    "a raw newline in a text": b'["\n"]',
    "a byte order mark": b'\xef\xbb\xbf{"a":"1"}',
    "bytes that are not UTF-8": b'["\xff"]',
    "an overlong slash": b'["\xc0\xaf"]',
    "UTF-16": '{"a":"1"}'.encode("utf-16"),
    "nothing": b"",
    "half a text": b'{"a":"1',
    "half an object": b'{"a":"1"',
    "two values": b"[][]",
    "a trailing comma": b'["a",]',
    "a comment": b'["a"/**/]',
    "single quotes": b"['a']",
    "a name without quotes": b'{a:"1"}',
    "an empty name": b'{"":"1"}',
    "a name with an accent": '{"é":"1"}'.encode(),
    "a name with DEL": b'{"\x7f":"1"}',
    "a name with a control": b'{"\\u0001":"1"}',
    "an accented name hidden deep": '[[{"a":{"é":"1"}}]]'.encode(),
    "True as Python writes it": b"[True]",
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_a_text_that_would_not_have_been_written_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError, match="the thing"):
        canonical.loads(data, "the thing")


@examples(300)
@given(VALUES, st.data())
def test_no_second_text_stands_for_a_value(value: Json, data: st.DataObject) -> None:
    text = canonical.dumps(value)
    at = data.draw(st.integers(0, len(text)))
    extra = data.draw(st.sampled_from([b" ", b"\n", b"\t", b"\x00", b"0", b'"', b",", b"\\"]))
    altered = text[:at] + extra + text[at:]
    try:
        read = canonical.loads(altered)
    except MalformedError:
        return
    assert read != value
    assert canonical.dumps(read) == altered


def nested(depth: int, kind: str, inner: Json) -> Json:
    value = inner
    for _ in range(depth):
        value = [value] if kind == "array" else {"a": value}
    return value


@pytest.mark.parametrize("kind", ["array", "object"])
@pytest.mark.parametrize("inner", ["text", "é", "", None, True], ids=repr)
def test_thirty_two_levels_are_read_and_written_and_thirty_three_are_neither(kind: str, inner: Json) -> None:
    deep = nested(DEPTH_MAX, kind, inner)
    assert canonical.loads(canonical.dumps(deep)) == deep
    deeper = nested(DEPTH_MAX + 1, kind, inner)
    with pytest.raises(MalformedError):
        canonical.dumps(deeper)
    with pytest.raises(MalformedError):
        canonical.loads(rfc8785.dumps(deeper))


@pytest.mark.parametrize("empty", [[], {}], ids=repr)
def test_an_empty_container_counts_as_a_level(empty: Json) -> None:
    assert canonical.loads(canonical.dumps(nested(DEPTH_MAX - 1, "array", empty)))
    with pytest.raises(MalformedError):
        canonical.loads(rfc8785.dumps(nested(DEPTH_MAX, "array", empty)))


def test_nesting_that_would_exhaust_the_stack_is_refused_like_any_other() -> None:
    for data in (b"[" * 200_000, b'{"a":' * 100_000, b"[" * 50_000 + b"]" * 50_000):
        with pytest.raises(MalformedError):
            canonical.loads(data)


def test_many_values_side_by_side_are_no_depth() -> None:
    wide: Json = [[[]], {"a": "é"}] * 500
    assert canonical.loads(canonical.dumps(wide)) == wide


@pytest.mark.parametrize(
    "value",
    [
        1,
        0,
        -1,
        1.0,
        float("nan"),
        b"bytes",
        (1,),
        {1: "a"},
        {"a": 2},
        [3],
        {"": "a"},
        {"é": "a"},
        {"\n": "a"},
    ],
    ids=repr,
)
def test_what_canonical_json_can_not_hold_is_not_written(value: Any) -> None:
    with pytest.raises(MalformedError):
        canonical.dumps(value)


def test_half_of_a_surrogate_pair_is_not_written() -> None:
    for value in ("\ud83e", ["a\udc80"], {"a": "\udfff"}):
        with pytest.raises(MalformedError, match="surrogate"):
            canonical.dumps(value)


# --- Byte strings and integers -------------------------------------------------------------------


@examples(200)
@given(st.binary(max_size=70))
def test_byte_strings_are_base64url_without_padding(data: bytes) -> None:
    text = canonical.b64(data)
    assert text == base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    assert canonical.unb64(text) == data
    assert canonical.unb64(text, length=len(data)) == data
    with pytest.raises(MalformedError, match="instead of"):
        canonical.unb64(text, length=len(data) + 1)


@pytest.mark.parametrize(
    "text",
    [*"A AA== AA= AB AAB +A /A +/+/ ÀÀ A-= AAAA= AAAAA !!".split(), "AA\n", " AA", "A A", "A\x00"],
)
def test_base64_in_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        canonical.unb64(text)


def test_there_is_one_text_for_two_bytes_only() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \n"
    found = []
    for first in alphabet:
        for second in alphabet:
            try:
                found.append(canonical.unb64(first + second))
            except MalformedError:
                continue
    assert len(found) == len(set(found)) == 256


@pytest.mark.parametrize("value", [None, True, [], {}, 5, b"AA"], ids=repr)
def test_what_is_no_text_is_no_byte_string_and_no_integer(value: Any) -> None:
    with pytest.raises(MalformedError, match="the thing"):
        canonical.unb64(value, "the thing")
    with pytest.raises(MalformedError, match="the thing"):
        canonical.integer(value, "the thing")
    if not isinstance(value, str):
        with pytest.raises(MalformedError, match="the thing"):
            canonical.text(value, "the thing")
    if not isinstance(value, list):
        with pytest.raises(MalformedError, match="the thing"):
            canonical.array(value, "the thing")


@examples(200)
@given(st.integers(-(2**63), 2**64 - 1))
def test_an_integer_is_its_decimal_text(number: int) -> None:
    assert canonical.integer(str(number), low=-(2**63)) == number


@pytest.mark.parametrize(
    "text",
    [*"+1 -0 00 01 -01 1_000 0x10 1.0 1e3 ١ １ --1".split(), "", " 1", "1 ", "1\n", "1" * 40, "9" * 5000],
)
def test_an_integer_written_in_any_other_way_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        canonical.integer(text, low=-(10**50), high=10**50)


def test_an_integer_out_of_range_is_refused() -> None:
    assert canonical.integer(str(2**64 - 1)) == 2**64 - 1
    for text, low, high in (("-1", 0, 9), (str(2**64), 0, 2**64 - 1), ("10", 0, 9), ("4", 5, 9)):
        with pytest.raises(MalformedError, match="out of range"):
            canonical.integer(text, "it", low, high)


# --- Members -------------------------------------------------------------------------------------


def test_an_object_has_exactly_the_members_it_must() -> None:
    value: Json = {"a": "1", "b": "2"}
    assert canonical.members(value, "it", "a b") == value
    assert canonical.members(value, "it", "a", optional="b c") == value
    with pytest.raises(MalformedError, match="it lacks c"):
        canonical.members(value, "it", "a b c")
    with pytest.raises(MalformedError, match="it has the unknown member b"):
        canonical.members(value, "it", "a")
    with pytest.raises(MalformedError, match="not an object"):
        canonical.members([], "it", "")
    assert canonical.members(json.loads("{}"), "it", "") == {}
