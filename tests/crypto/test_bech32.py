"""Bech32: BIP 173's own vectors as far as they apply, one text for each key, typing errors found."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.crypto import bech32
from bearwitness.errors import MalformedError
from scale import examples

# BIP 173, valid test vectors. Those whose data is not a whole number of bytes are valid there and not here,
# where the data part is bytes, as age's keys are.
VALID = {
    "A12UEL5L": ("a", b""),
    "a12uel5l": ("a", b""),
    "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs": (
        "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio",
        b"",
    ),
    "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw": (
        "abcdef",
        bytes.fromhex("00443214c74254b635cf84653a56d7c675be77df"),
    ),
    "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w": (
        "split",
        bytes.fromhex("c5f38b70305f519bf66d85fb6cf03058f3dde463ecd7918f2dc743918f2d"),
    ),
    "11qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqc8247j": (
        "1",
        bytes(51),
    ),
    "?1ezyfcl": ("?", b""),
}
# BIP 173, invalid test vectors, but those with a human-readable part that no caller of ours names
INVALID = {
    "x1b4n0q5v": "invalid data character",
    "li1dgmt3": "too short checksum",
    "de1lg7wt\xff": "invalid character in checksum",
    "A1G7SGD8": "checksum calculated with uppercase form of HRP",
    "10a06t8": "empty HRP",
    "1qzzfhee": "empty HRP",
    "pzry9x0s0muk": "no separator",
    "1pzry9x0s0muk": "empty HRP",
}
# The key that the age test kit (C2SP/CCTV) uses throughout: 32 times 0x42
KIT = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"


@pytest.mark.parametrize(("text", "parts"), VALID.items(), ids=VALID)
def test_what_bip_173_calls_valid_is_read(text: str, parts: tuple[str, bytes]) -> None:
    prefix, data = parts
    assert bech32.decode(prefix, text) == data
    assert bech32.encode(prefix, data) == text.lower()


@pytest.mark.parametrize("text", INVALID, ids=[f"{text!r}: {why}" for text, why in INVALID.items()])
def test_what_bip_173_calls_invalid_is_refused(text: str) -> None:
    prefix = re.split("1", text.lower())[0] or "a"
    with pytest.raises(MalformedError):
        bech32.decode(prefix, text)


@pytest.mark.parametrize("symbols", ["q", "qq", "qqq", "qqqp", "p", "qqqqqqqqq", "qp"])
def test_a_data_part_that_is_not_whole_bytes_is_refused_though_bip_173_would_take_it(symbols: str) -> None:
    """As BIP 173 itself says of segwit addresses: padding is less than a symbol, and zero."""
    values = ["qpzry9x8gf2tvdw0s3jn54khce6mua7l".index(c) for c in symbols]
    spread = [ord("a") >> 5, 0, ord("a") & 31]
    rest = bech32._polymod([*spread, *values, *[0] * 6]) ^ 1
    text = (
        "a1"
        + symbols
        + "".join("qpzry9x8gf2tvdw0s3jn54khce6mua7l"[rest >> 5 * (5 - i) & 31] for i in range(6))
    )
    assert bech32._polymod([*spread, *values, *[rest >> 5 * (5 - i) & 31 for i in range(6)]]) == 1
    if symbols == "qq":
        assert bech32.decode("a", text) == b"\x00"
    else:
        with pytest.raises(MalformedError, match="not canonical"):
            bech32.decode("a", text)


KEYS = st.binary(min_size=32, max_size=32)


@examples(100)
@given(KEYS, st.sampled_from(["age", "age-secret-key-"]))
def test_a_key_has_one_text_in_either_case_but_not_in_both(key: bytes, prefix: str) -> None:
    text = bech32.encode(prefix, key)
    assert bech32.decode(prefix, text) == bech32.decode(prefix, text.upper()) == key
    for mixed in (text.capitalize(), text[:-1] + text[-1:].upper(), text.upper()[:-1] + text[-1]):
        if mixed not in (text, text.upper()):
            with pytest.raises(MalformedError):
                bech32.decode(prefix, mixed)


@examples(100)
@given(KEYS, st.integers(0, 10**6), st.integers(0, 31), st.integers(0, 10**6), st.integers(0, 31))
def test_any_two_typing_errors_are_found(key: bytes, at: int, first: int, other: int, second: int) -> None:
    alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    text = bech32.encode("age", key)
    wrong = list(text)
    wrong[4 + at % 58], wrong[4 + other % 58] = alphabet[first], alphabet[second]
    if "".join(wrong) != text:
        with pytest.raises(MalformedError):
            bech32.decode("age", "".join(wrong))


@examples(60)
@given(KEYS, st.integers(0, 60))
def test_letters_left_out_or_exchanged_are_found(key: bytes, at: int) -> None:
    text = bech32.encode("age", key)
    wrong = {text[:at] + text[at + 1 :], text[:at] + text[at + 1 : at + 2] + text[at] + text[at + 2 :]}
    for altered in wrong - {text}:
        with pytest.raises(MalformedError):
            bech32.decode("age", altered)


@pytest.mark.parametrize(
    "alter",
    [
        lambda t: " " + t,
        lambda t: t + "\n",
        lambda t: t[:20] + " " + t[20:],
        lambda t: t.replace("K", "\N{KELVIN SIGN}"),
        lambda t: t.replace("S", "\N{LATIN SMALL LETTER LONG S}"),
        lambda t: t.replace("1", "\N{FULLWIDTH DIGIT ONE}", 1),
        lambda t: t + "Q",
        lambda t: t[:-1],
        lambda t: "",
    ],
)
def test_look_alikes_spaces_and_lengths_are_refused(alter: object) -> None:
    assert callable(alter)
    for text in (KIT, KIT.lower()):
        altered = alter(text)
        if altered != text:
            with pytest.raises(MalformedError):
                bech32.decode("age-secret-key-", altered)


def test_a_key_of_another_kind_is_refused() -> None:
    with pytest.raises(MalformedError, match="does not begin with age1"):
        bech32.decode("age", KIT)
    assert bech32.decode("age-secret-key-", KIT) == b"\x42" * 32
