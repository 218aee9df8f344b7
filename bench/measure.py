"""Times whole commands, peers in turn with ours, caches warmed the same way; peak memory of process trees."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SAMPLE_SECONDS: Final = 0.02


@dataclass(frozen=True)
class Timing:
    """Seconds of wall time, median of the rounds."""

    name: str
    seconds: float


def warm(folder: Path) -> None:
    """Bring everything below `folder` into the page cache."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(1 << 20):
                    pass


def rounds(contestants: dict[str, Callable[[], float]], count: int) -> dict[str, float]:
    """Run all contestants in turn, `count` times; return the median seconds of each."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(count):
        for name, run in contestants.items():
            times[name].append(run())
    return {name: statistics.median(values) for name, values in times.items()}


def timed(command: Sequence[str] | str, **more: object) -> float:
    """Run a command (a string: in a shell); return its wall time."""
    begin = time.perf_counter()
    subprocess.run(
        command, check=True, shell=isinstance(command, str), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, **more,
    )  # type: ignore[call-overload]  # fmt: skip
    return time.perf_counter() - begin


def fresh(path: Path) -> Path:
    """Return `path` with nothing there, the disk at rest."""
    shutil.rmtree(path, ignore_errors=True)
    path.unlink(missing_ok=True)
    os.sync()
    return path


def peak_memory(command: Sequence[str]) -> int:
    """Run a command; return the largest sum of the proportional memory of its processes, in bytes."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(_SAMPLE_SECONDS):
            peak = max(peak, sum(map(_memory, _tree(process.pid))))

    thread = threading.Thread(target=watch)
    thread.start()
    code = process.wait()
    done.set()
    thread.join()
    if code:
        raise subprocess.CalledProcessError(code, command)
    return peak


def _tree(pid: int) -> list[int]:
    found, pending = [], [pid]
    while pending:
        one = pending.pop()
        found.append(one)
        try:
            children = Path(f"/proc/{one}/task/{one}/children").read_text().split()
        except OSError:
            children = []
        pending += map(int, children)
    return found


def _memory(pid: int) -> int:
    """Return the proportional set size of a process in bytes, 0 if it is gone."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return 1024 * int(line.split()[1])
    except OSError:
        pass
    return 0
