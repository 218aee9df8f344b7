"""A finished file has no name until it is handed over: a killed process leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bearwitness.errors import RefusedError
from bearwitness.redact import writing
from bearwitness.redact.writing import MEMORY_BYTES_MAX, hand_over, in_memory, without_name

DATA = os.urandom(3 << 20)
LARGE = MEMORY_BYTES_MAX + 1

# Says where it is, then waits for its end.
_KILLED = """
import os, sys
from pathlib import Path
from bearwitness.redact import writing
from bearwitness.redact.writing import MEMORY_BYTES_MAX, hand_over, in_memory, without_name

out, stage = Path(sys.argv[1]), sys.argv[2]

def stop(*_, **__):
    print("here", flush=True)
    sys.stdin.read()

with without_name(0 if stage == "copied" else MEMORY_BYTES_MAX + 1, out.parent) as descriptor:
    os.write(descriptor, bytes(5_000_000))
    if stage == "attacked":
        stop()
    os.link = stop
    hand_over(descriptor, out)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    try:
        os.close(os.open(tmp_path, os.O_TMPFILE | os.O_RDWR))
    except OSError as error:
        pytest.skip(f"the file system of {tmp_path} knows no unnamed files ({error.strerror})")
    return tmp_path


@pytest.mark.parametrize("stage", ["attacked", "copied", "linked"])
def test_a_process_that_is_killed_leaves_nothing(folder: Path, stage: str) -> None:
    command = [sys.executable, "-c", _KILLED, str(folder / "out.mp4"), stage]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        assert list(folder.iterdir()) == []
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("size", [0, LARGE])
def test_what_was_let_through_gets_its_name_with_every_byte(folder: Path, size: int) -> None:
    out = folder / "out.mp4"
    with without_name(size, folder) as descriptor:
        os.write(descriptor, DATA)
        assert list(folder.iterdir()) == []
        hand_over(descriptor, out)
    assert out.read_bytes() == DATA
    assert list(folder.iterdir()) == [out]
    assert out.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_file_on_the_way_is_not_overwritten(folder: Path) -> None:
    out = folder / "out.mp4"
    for size in (0, LARGE):
        out.write_bytes(b"kept")
        with without_name(size, folder) as descriptor:
            os.write(descriptor, DATA)
            with pytest.raises(RefusedError):
                hand_over(descriptor, out)
        assert out.read_bytes() == b"kept"


def test_what_is_refused_is_overwritten_before_it_goes(folder: Path) -> None:
    with without_name(LARGE, folder) as descriptor:
        os.write(descriptor, DATA)
        held = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY)
    assert os.pread(held, len(DATA) + 1, 0) == bytes(len(DATA))
    os.close(held)


def test_what_is_small_or_goes_nowhere_stays_in_memory(folder: Path) -> None:
    with without_name(0, folder) as small, without_name(LARGE, None) as nowhere, in_memory("x") as memory:
        devices = {os.fstat(one).st_dev for one in (small, nowhere, memory)}
        assert devices == {os.fstat(memory).st_dev}


def test_where_files_need_names_it_is_still_all_or_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_unnamed", lambda _: -1)
    with without_name(LARGE, folder) as descriptor:
        os.write(descriptor, DATA)
        hand_over(descriptor, folder / "out.mp4")
    assert [path.read_bytes() for path in folder.iterdir()] == [DATA]
