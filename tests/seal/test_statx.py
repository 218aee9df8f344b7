"""What is kept of a file is what `stat` tells of it, whichever way it was asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bearwitness.seal import statx

TIMES = (1_700_000_000_123_456_789, -86_400_000_000_001)  # before 1970 too: clocks of cameras


def test_an_open_file_is_told_as_stat_tells_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 5000)
    path.chmod(0o640)
    os.link(path, tmp_path / "second name")
    for accessed, modified in (TIMES, TIMES[::-1]):
        os.utime(path, ns=(accessed, modified))
        with path.open("rb") as file:
            asked = os.fstat(file.fileno())
            found = statx.state_of_open(file.fileno())
        assert found._replace(btime=None) == statx.state_of(asked)
        assert found.nlink == 2
        assert (found.atime, found.mtime) == (asked.st_atime_ns, asked.st_mtime_ns)


def test_a_kernel_without_statx_costs_the_birth_time_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"y")
    with (tmp_path / "file").open("rb") as file:
        whole = statx.state_of_open(file.fileno())
        monkeypatch.setattr(statx, "_statx", None)
        without = statx.state_of_open(file.fileno())
    assert without == whole._replace(btime=None)


def test_a_file_that_is_closed_is_told_as_an_error(tmp_path: Path) -> None:
    file = os.open(tmp_path, os.O_RDONLY)
    os.close(file)
    with pytest.raises(OSError, match="Bad file descriptor"):
        statx.state_of_open(file)
