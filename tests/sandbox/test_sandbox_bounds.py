"""A child that a hostile file has taken over can not use more than it may, nor harm the parent."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bearwitness.errors import ChildFailedError
from bearwitness.sandbox import client
from bearwitness.sandbox.client import Sandbox
from bearwitness.sandbox.conversation import Conversation, printable
from bearwitness.sandbox.limits import Limits
from bearwitness.sandbox.wire import ANSWER, FRAME

OpenSandbox = Callable[[frozenset[str]], Sandbox]

WITHOUT_LIMITS = frozenset({"landlock", "seccomp"})


def test_memory_is_bounded(sandbox: Sandbox, limits: Limits) -> None:
    with pytest.raises(ChildFailedError, match="Cannot allocate memory"):
        sandbox.call("reserve_8_gigabytes", b"", [], limits)
    with pytest.raises(ChildFailedError, match="ran out of its 64 MiB of memory"):
        sandbox.call("fill_8_gigabytes", b"", [], limits)


def test_a_child_can_open_and_write_nothing_by_its_limits_alone(
    tmp_path: Path, open_sandbox: OpenSandbox, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"evidence")
    limited = open_sandbox(frozenset({"limits"}))
    with pytest.raises(ChildFailedError, match="Too many open files"):
        limited.call("open_for_reading", bytes(path), [], limits)
    monkeypatch.setattr(client, "_open_read_only", os.dup)
    with path.open("r+b") as file, pytest.raises(ChildFailedError, match="File too large"):
        limited.call("write_to_file", b"", [file.fileno()], limits)
    assert path.read_bytes() == b"evidence"


def test_without_limits_memory_is_not_bounded(open_sandbox: OpenSandbox, limits: Limits) -> None:
    assert open_sandbox(WITHOUT_LIMITS).call("reserve_8_gigabytes", b"", [], limits) == b"did it"


def test_processor_time_is_bounded(sandbox: Sandbox, limits: Limits) -> None:
    with pytest.raises(ChildFailedError, match="used more than 1 s of processor time"):
        sandbox.call("use_the_processor", b"", [], replace(limits, cpu_seconds=1))


def test_a_child_that_waits_for_ever_is_ended_by_its_own_alarm(sandbox: Sandbox, hasty: Limits) -> None:
    with pytest.raises(ChildFailedError, match=r"took longer than 0\.2 s"):
        sandbox.call("wait_for_ever", b"", [], hasty)


@pytest.mark.parametrize("act", ["wait_for_ever", "use_the_processor"])
def test_without_its_limits_the_parent_ends_it(act: str, open_sandbox: OpenSandbox, hasty: Limits) -> None:
    with pytest.raises(ChildFailedError, match=r"gave no answer within 0\.2 s"):
        open_sandbox(WITHOUT_LIMITS).call(act, b"", [], replace(hasty, cpu_seconds=1))


def test_signals_the_parent_ignores_still_end_a_child(limits: Limits, hasty: Limits) -> None:
    ignored = (signal.SIGALRM, signal.SIGCHLD, signal.SIGXCPU)
    before = [signal.signal(number, signal.SIG_IGN) for number in ignored]
    try:
        with Sandbox("hostile_tasks", _folders=[str(Path(__file__).parent)]) as sandbox:
            with pytest.raises(ChildFailedError, match=r"took longer than 0\.2 s"):
                sandbox.call("wait_for_ever", b"", [], hasty)
            assert sandbox.call("echo", b"still there", [], limits) == b"still there"
    finally:
        for number, handler in zip(ignored, before, strict=True):
            signal.signal(number, handler)


@pytest.mark.parametrize("layers", [None, WITHOUT_LIMITS], ids=["alarm", "deadline of the parent"])
def test_a_child_that_sends_byte_after_byte_is_ended(
    layers: frozenset[str] | None, sandbox: Sandbox, open_sandbox: OpenSandbox, hasty: Limits
) -> None:
    locked = sandbox if layers is None else open_sandbox(layers)
    with pytest.raises(ChildFailedError, match=r"took longer|gave no answer within"):
        locked.call("trickle", b"", [], hasty)


def test_what_comes_after_the_deadline_does_not_count_even_if_it_is_there_already(
    limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = socket.socketpair()
    status, zygote = os.pipe()
    with theirs, Conversation("task", limits, ours, status) as conversation:
        theirs.sendall(FRAME.pack(ANSWER, 2) + b"ok")
        conversation.start_clock()
        assert conversation.receive() == b"ok"
        theirs.sendall(FRAME.pack(ANSWER, 2) + b"ok")
        late = time.monotonic() + 2 * limits.wall_seconds
        monkeypatch.setattr(time, "monotonic", lambda: late)
        with pytest.raises(ChildFailedError, match="gave no answer within"):
            conversation.receive()
    os.close(zygote)


def test_an_answer_may_be_as_long_as_allowed_and_no_longer(sandbox: Sandbox, limits: Limits) -> None:
    most = limits.answer_bytes_max
    assert sandbox.call("answer_much", str(most).encode(), [], limits) == bytes(most)
    with pytest.raises(ChildFailedError, match="answered more than it may"):
        sandbox.call("answer_much", str(most + 1).encode(), [], limits)


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        ("announce_too_much", "answered more than it may"),
        ("announce_long_failure", "answered nonsense"),
        ("write_unknown_kind", "answered nonsense"),
        ("end_within_answer", r"ended without an answer \(exit code 0\)"),
        ("close_channel_and_end", r"ended without an answer \(exit code 0\)"),
        ("leave_at_once", r"ended without an answer \(exit code 7\)"),
        ("leave", "SystemExit: 3"),
        ("crash", r"crashed \(SIGSEGV\)"),
        ("answer_text", "TypeError"),
        ("no_such_task", "there is no task"),
    ],
)
def test_a_broken_answer_is_an_error_that_says_what_happened(
    act: str, sentence: str, sandbox: Sandbox, limits: Limits
) -> None:
    with pytest.raises(ChildFailedError, match=sentence):
        sandbox.call(act, b"", [], limits)


def test_a_child_that_closes_the_channel_and_stays_is_ended(sandbox: Sandbox, hasty: Limits) -> None:
    with pytest.raises(ChildFailedError, match="took longer than"):
        sandbox.call("close_channel", b"", [], hasty)


def test_without_limits_a_child_that_closes_the_channel_and_stays_is_given_up(
    open_sandbox: OpenSandbox, hasty: Limits
) -> None:
    with pytest.raises(ChildFailedError, match="hung up without an answer"):
        open_sandbox(WITHOUT_LIMITS).call("close_channel", b"", [], hasty)


def test_what_a_child_writes_beyond_its_answer_is_never_read(sandbox: Sandbox, limits: Limits) -> None:
    assert sandbox.call("flood", b"", [], limits) == bytes(4)
    assert sandbox.call("answer_and_stay", b"", [], limits) == b"did it"


def test_the_text_of_an_error_can_not_play_tricks(sandbox: Sandbox, limits: Limits) -> None:
    text = "ok\x1b[2J\n\u202egnp.\ufeff \u0444"
    with pytest.raises(ChildFailedError) as caught:
        sandbox.call("raise_error", text.encode(), [], limits)
    assert caught.value.message.endswith("ValueError: ok\\x1b[2J\\n\\u202egnp.\\ufeff \u0444")
    assert printable(b"\xff\x00") == "\ufffd\\x00"


def test_the_text_of_an_error_is_cut(sandbox: Sandbox, limits: Limits) -> None:
    with pytest.raises(ChildFailedError, match="ValueError") as caught:
        sandbox.call("raise_long_error", b"", [], limits)
    assert len(caught.value.message) < 2200


def test_limits_that_make_no_sense_are_refused(limits: Limits) -> None:
    for change in (
        {"cpu_seconds": 0},
        {"wall_seconds": 0},
        {"wall_seconds": float("nan")},
        {"memory_bytes": 0},
        {"memory_bytes": 1 << 60},
        {"answer_bytes_max": -1},
        {"answer_bytes_max": 1 << 32},
    ):
        with pytest.raises(ValueError, match="make no sense"):
            replace(limits, **change)


def test_no_core_dump_is_written(open_sandbox: OpenSandbox, limits: Limits) -> None:
    status = open_sandbox(frozenset({"limits"})).call("core_limits", b"", [], limits)
    assert status == b"[0, 0] 0"
    assert open_sandbox(frozenset()).call("core_limits", b"", [], limits).endswith(b" 1")
