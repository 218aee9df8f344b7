"""A child that answers nonsense is found out: whatever it sends gives sound values or an error."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.errors import ChildFailedError, MalformedError
from bearwitness.media import wire
from bearwitness.media.frames import _Checker
from bearwitness.media.model import CORRUPT, PIXELS_MAX, DecodeTrouble
from scale import examples

RECORD = (0, 5, 1, 0, 2, 1, 4, 2)


def batch(*records: tuple[int, ...], data: bytes = b"", state: int = wire.END) -> bytes:
    writer = wire.BatchWriter(Fraction(1, 25))
    for record in records:
        writer.add(wire.FRAME.pack(*record))
    writer.data += data
    writer.trouble(CORRUPT, 3, 8, "made up")
    return bytes(writer.answer(state))


def take(untrusted: bytes) -> list[tuple[int, ...]]:
    troubles: list[DecodeTrouble] = []
    checker = _Checker("file", "bgr24", 0, 0, 0, troubles, upright=False)
    found = list(checker.frames(wire.read_batch(untrusted, wire.FRAME.size)))
    return [frame.picture.shape for frame in found]


def test_a_batch_is_read_back() -> None:
    read = wire.read_batch(batch(RECORD, data=b"abcdef"), wire.FRAME.size)
    assert read.troubles == (DecodeTrouble(CORRUPT, 3, Fraction(8, 25), "made up"),)
    assert take(batch(RECORD, data=b"abcdef")) == [(1, 2, 3)]


@pytest.mark.parametrize(
    "untrusted",
    [
        batch(RECORD, data=b"abcde"),
        batch(RECORD, data=b"abcdefg"),
        batch(RECORD, RECORD, data=b"abcdef" * 2),
        batch((0, 5, 1, 0, 0, 1, 4, 2)),
        batch((0, 5, 2, 0, 2, 1, 4, 2), data=b"abcdef"),
        batch((0, 5, 1, 0, PIXELS_MAX, 2, 4, 2)),
        batch((0, 5, 1, 0, 2, 1, 0, 2), data=b"abcdef"),
    ],
)
def test_frames_that_do_not_fit_their_head_are_refused(untrusted: bytes) -> None:
    with pytest.raises((MalformedError, ChildFailedError)):
        take(untrusted)


@given(cut=st.integers(0, 200))
@examples(100)
def test_a_batch_cut_anywhere_is_refused(cut: int) -> None:
    whole = batch(RECORD, data=b"abcdef")
    if cut < len(whole):
        with pytest.raises((MalformedError, ChildFailedError)):
            take(whole[:cut])


@given(at=st.integers(0, 200), value=st.integers(0, 255))
@examples(400)
def test_no_byte_of_a_batch_can_do_more_than_be_refused(at: int, value: int) -> None:
    data = bytearray(batch(RECORD, data=b"abcdef"))
    data[at % len(data)] = value
    try:
        shapes = take(bytes(data))
    except (MalformedError, ChildFailedError, wire.RefusedByChildError):
        return
    assert shapes in ([(1, 2, 3)], [(2, 1, 3)])


@given(st.binary(max_size=300))
@examples(200)
def test_random_bytes_are_refused(data: bytes) -> None:
    try:
        take(data)
    except (MalformedError, ChildFailedError, wire.RefusedByChildError):
        return
    raise AssertionError("random bytes were taken for a batch")
