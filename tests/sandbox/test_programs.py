"""A program of others that a hostile file has taken over can not get out; each act would succeed without the
lock.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bearwitness.errors import ChildFailedError
from bearwitness.sandbox.limits import Limits
from bearwitness.sandbox.program import Program, find_program, run_program
from bearwitness.sandbox.status import layers

LIMITS = Limits(cpu_seconds=10, wall_seconds=30, memory_bytes=1 << 30, answer_bytes_max=1 << 16)
UNLOCKED: frozenset[str] = frozenset()
ACTS = {
    "read": 'open(my $f, "<", "{secret}") and print "done"',
    "write": 'open(my $f, ">", "{new}") and print "done"',
    "append": 'open(my $f, ">>", "{secret}") and print "done"',
    "list": 'opendir(my $f, "{folder}") and print "done"',
    "remove": 'unlink("{spare}") and print "done"',
    "internet": 'socket(my $s, 2, 1, 0) and print "done"',
    "local": 'socket(my $s, 1, 1, 0) and print "done"',
    "fork": '$|=1; my $p = fork(); defined $p and ($p or exit) and print "done"',
    "execute": 'exec("/bin/echo", "done")',
    "signal": 'kill(0, {parent}) and print "done"',
}


@pytest.fixture
def perl() -> Program:
    """Return a program that does what it is told; skip where it or the lock is missing."""
    lacking, program = layers().lacking, find_program("perl")
    if lacking or program is None:
        pytest.skip(f"this machine can not show it: {'; '.join(lacking) or 'there is no perl'}")
    return program


@pytest.fixture
def targets(tmp_path: Path) -> Iterator[dict[str, object]]:
    """What the acts are aimed at: all of it is there and open to this user."""
    for name in ("secret", "spare"):
        (tmp_path / name).write_bytes(b"do not touch")
    with socket.create_server(("127.0.0.1", 0)):
        yield {
            "secret": tmp_path / "secret", "spare": tmp_path / "spare", "new": tmp_path / "new",
            "folder": tmp_path, "parent": os.getpid(),
        }  # fmt: skip


def do(perl: Program, code: str, lock: frozenset[str] | None = None) -> bytes:
    return run_program(perl, ["-e", code], [], LIMITS, _layers=lock)


@pytest.mark.parametrize("act", ACTS)
def test_a_locked_program_can_not(act: str, perl: Program, targets: dict[str, object]) -> None:
    code = ACTS[act].format(**targets)
    assert b"done" not in do(perl, code)
    assert b"done" in do(perl, code, UNLOCKED), "the act itself does not work: the test shows nothing"


def test_it_reads_its_input_and_answers(perl: Program) -> None:
    said = run_program(perl, ["-e", "print length(join '', <STDIN>)"], [b"x" * 70_000] * 30, LIMITS)
    assert said == b"2100000"


def test_one_that_stops_reading_is_not_waited_for(perl: Program) -> None:
    endless = iter(lambda: b"x" * 65_536, b"")
    assert run_program(perl, ["-e", "sysread STDIN, my $x, 10; print 'enough'"], endless, LIMITS) == b"enough"


@pytest.mark.parametrize(
    ("code", "reason", "cpu_seconds", "wall_seconds"),
    [
        ("print 'x' x 100000", "more than", 60, 60),
        ("1 while 1", "ended", 1, 60),
        ("1 while 1", "took more than", 60, 2),
        ("close STDOUT; sleep 99", "took more than", 60, 2),
        ("$SIG{XCPU} = 'IGNORE'; 1 while 1", "ended", 1, 60),
    ],
)
def test_one_that_hangs_or_talks_too_much_is_ended(
    perl: Program, code: str, reason: str, cpu_seconds: int, wall_seconds: int
) -> None:
    short = Limits(cpu_seconds, wall_seconds, memory_bytes=1 << 30, answer_bytes_max=1 << 16)
    with pytest.raises(ChildFailedError, match=reason):
        run_program(perl, ["-e", code], [], short)


def test_one_that_wants_too_much_memory_does_not_get_it(perl: Program) -> None:
    assert b"got it" not in do(perl, "my $x = 'x' x (2 << 30); print 'got it'")
