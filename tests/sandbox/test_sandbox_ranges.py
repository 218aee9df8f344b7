"""A source served by ranges: a child gets what is there, and nothing by asking for what it may not have."""

from __future__ import annotations

import json
import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.errors import ChildFailedError, MalformedError, SandboxError
from bearwitness.sandbox.client import Sandbox
from bearwitness.sandbox.limits import Limits
from bearwitness.sandbox.ranges import Ranges, RangesRefusedError
from bearwitness.sandbox.scratch import Scratch
from bearwitness.sandbox.wire import RANGE_BYTES_MAX
from scale import examples

DATA = random.Random(5).randbytes(3 * RANGE_BYTES_MAX + 17)
ROOMY = Limits(cpu_seconds=10, wall_seconds=20, memory_bytes=256 << 20, answer_bytes_max=8 << 20)


def served(data: bytes = DATA, bytes_max: int = 1 << 30) -> Ranges:
    return Ranges(len(data), lambda offset, length: data[offset : offset + length], bytes_max)


@pytest.mark.parametrize(
    ("offset", "length"), [(0, 10), (5, 0), (0, len(DATA)), (RANGE_BYTES_MAX - 1, 3), (len(DATA) - 5, 100)]
)
def test_a_child_reads_any_range_of_its_source(offset: int, length: int, sandbox: Sandbox) -> None:
    asked = json.dumps([offset, length]).encode()
    assert sandbox.call("read_source", asked, [], ROOMY, served()) == DATA[offset : offset + length]


def test_a_session_reads_its_source_whenever_it_is_asked(sandbox: Sandbox, limits: Limits) -> None:
    with sandbox.session("converse", b"", [], limits, served(b"evidence")) as session:
        session.post(b"source")
        assert session.take() == b"evidence"
        assert session.ask(b"abc") == b"cba"
        assert session.ask(b"source") == b"evidence"


def test_a_child_without_a_source_has_none(sandbox: Sandbox, limits: Limits) -> None:
    assert sandbox.call("read_source", b"[0,1]", [], limits) == b"there is none"


@pytest.mark.parametrize(
    ("offset", "length"),
    [
        (0, len(DATA) + 1),
        (len(DATA), 1),
        (2**63, 1),
        (0, 0),
        (0, RANGE_BYTES_MAX + 1),
        (2**64 - 1, 2**32 - 1),
    ],
)
def test_what_is_not_there_or_too_much_ends_the_child(
    offset: int, length: int, sandbox: Sandbox, limits: Limits
) -> None:
    asked = json.dumps([offset, length]).encode()
    with pytest.raises(ChildFailedError, match="asked for bytes that are not there"):
        sandbox.call("want", asked, [], limits, served())


def test_wanting_ranges_where_there_is_no_source_is_nonsense(sandbox: Sandbox, limits: Limits) -> None:
    with pytest.raises(ChildFailedError, match="nonsense"):
        sandbox.call("want", b"[0,1]", [], limits)


def test_half_of_a_wish_is_nonsense(sandbox: Sandbox, limits: Limits) -> None:
    with pytest.raises(ChildFailedError, match="nonsense"):
        sandbox.call("want_in_half", b"", [], limits, served())


def test_a_child_that_reads_in_circles_is_stopped(sandbox: Sandbox, limits: Limits) -> None:
    ranges = served(bytes_max=1_000)
    with pytest.raises(ChildFailedError, match="read its source over and over"):
        sandbox.call("want_for_ever", b"", [], limits, ranges)
    assert ranges.served == 1_001


def test_a_child_that_wants_for_ever_and_reads_nothing_ends_in_time(sandbox: Sandbox, hasty: Limits) -> None:
    with pytest.raises(ChildFailedError):
        sandbox.call("want_without_reading", b"", [], hasty, served())


def test_what_reading_the_source_raises_reaches_the_caller_and_ends_the_child(
    sandbox: Sandbox, limits: Limits
) -> None:
    def read(offset: int, length: int) -> bytes:
        raise LookupError("the pack is damaged")

    with sandbox.session("converse", b"", [], limits, Ranges(10, read, 100)) as session:
        with pytest.raises(LookupError, match="the pack is damaged"):
            session.ask(b"source")
        assert session.closed


def test_a_source_that_gives_too_little_is_an_error_of_the_parent(sandbox: Sandbox, limits: Limits) -> None:
    with pytest.raises(SandboxError, match="gave 3 bytes where 10 were asked for"):
        sandbox.call("read_source", b"[0,10]", [], limits, Ranges(10, lambda *_: b"abc", 100))


def test_the_contents_of_a_source_are_in_no_repr() -> None:
    assert "lambda" not in repr(served(b"secret"))


def test_questions_are_taken_in_turn(sandbox: Sandbox, limits: Limits) -> None:
    with sandbox.session("converse", b"", [], limits) as session:
        with pytest.raises(SandboxError, match="nothing was asked"):
            session.take()
        session.post(b"abc")
        with pytest.raises(SandboxError, match="not been answered yet"):
            session.post(b"def")
        assert session.take() == b"cba"


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
@examples(200)
def test_no_wish_gets_bytes_from_outside_the_source(offset: int, length: int) -> None:
    ranges = Ranges(50, lambda at, size: bytes(size) if at + size <= 50 else b"", 1 << 20)
    try:
        assert len(ranges.take(offset, length)) == length
    except RangesRefusedError:
        assert length == 0 or offset + length > 50 or length > RANGE_BYTES_MAX


def test_memory_shared_with_a_child_is_read_as_a_copy_it_can_not_change(
    sandbox: Sandbox, limits: Limits
) -> None:
    with sandbox.session("converse", b"", [], limits, scratch_bytes=1 << 20) as session:
        session.ask(b"scribble")
        copied = session.copy(8)
        before = bytes(copied)
        session.ask(b"wait a little")
        assert copied == before
        assert copied[1:] == b"ostile!"
        assert session.copy(1 << 20)[8:] == bytes((1 << 20) - 8)
        with pytest.raises(MalformedError, match="more than fits"):
            session.copy((1 << 20) + 1)


def test_neither_side_can_resize_the_memory_they_share() -> None:
    scratch = Scratch(4096)
    try:
        for size in (0, 8192):
            with pytest.raises(PermissionError):
                os.ftruncate(scratch.descriptor, size)
    finally:
        scratch.close()


def test_a_session_without_shared_memory_has_none_to_copy(sandbox: Sandbox, limits: Limits) -> None:
    with (
        sandbox.session("converse", b"", [], limits) as session,
        pytest.raises(SandboxError, match="shares no memory"),
    ):
        session.copy(1)


def test_shared_memory_is_closed_with_its_session(sandbox: Sandbox, limits: Limits) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with sandbox.session("converse", b"", [], limits, scratch_bytes=4096):
            pass
        with pytest.raises(ChildFailedError):
            sandbox.session("fail_to_open", b"", [], limits, scratch_bytes=4096)
    assert len(os.listdir("/proc/self/fd")) == before
