"""Times whole commands, peers in turn with ours, caches warmed the same way; peak memory of process trees."""

from __future__ import annotations

import itertools
import os
import resource
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
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Timing:
    """How long a command ran by the clock, and on all processors together, in seconds."""

    wall: float
    processor: float


class Runs(list[Timing]):
    """The runs of one contestant, in the order of the rounds."""

    @property
    def wall(self) -> float:
        """Median seconds by the clock."""
        return statistics.median(run.wall for run in self)

    def against(self, peer: Runs) -> Timing:
        """Return the medians of the ratios to `peer`, round by round: what drifts hits both of a round."""
        pairs = list(zip(self, peer, strict=True))
        return Timing(
            statistics.median(mine.wall / its.wall for mine, its in pairs),
            statistics.median(mine.processor / its.processor for mine, its in pairs),
        )


def warm(folder: Path) -> None:
    """Bring everything below `folder` into the page cache."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(1 << 20):
                    pass


def rounds(contestants: dict[str, Callable[[], Timing]], count: int) -> dict[str, Runs]:
    """Run all contestants in turn, `count` times."""
    runs = {name: Runs() for name in contestants}
    for _ in range(count):
        for name, run in contestants.items():
            runs[name].append(run())
    return runs


def timed(command: Sequence[str] | str, **more: object) -> Timing:
    """Run a command (a string: in a shell); return how long it took."""
    begin, used = time.perf_counter(), _processor_seconds()
    subprocess.run(
        command, check=True, shell=isinstance(command, str), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, **more,
    )  # type: ignore[call-overload]  # fmt: skip
    return Timing(time.perf_counter() - begin, _processor_seconds() - used)


def _processor_seconds() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def fresh(path: Path) -> Path:
    """Return `path` with nothing there, the disk at rest."""
    shutil.rmtree(path, ignore_errors=True)
    path.unlink(missing_ok=True)
    os.sync()
    return path


@dataclass(frozen=True)
class Usage:
    """What work took: seconds by the clock, seconds of processors, peak memory (PSS) in bytes, if watched.

    Both are sums over the process and all it started.
    """

    seconds: float
    cpu: float
    peak: int = 0

    @classmethod
    def of(cls, work: Callable[[], object]) -> Usage:
        """Return what `work` takes in this process and those it starts."""
        watcher = Watcher(os.getpid())
        begin = time.perf_counter()
        with watcher:
            work()
        return cls(time.perf_counter() - begin, watcher.cpu, watcher.peak)


class Watcher:
    """Looks at a process and all below it ten times a second: processor time, and, once a second, memory.

    To add up the pages of a gigabyte takes the kernel long enough to be seen by the clock: who wants to know
    how long something takes leaves out `memory`, and looks at that in a run of its own.
    """

    def __init__(self, pid: int, *, memory: bool = True) -> None:
        self._pid, self._memory, self._done = pid, memory, threading.Event()
        self._first: dict[int, float] = {}
        self._last: dict[int, float] = {}
        self._thread = threading.Thread(target=self._watch)
        self.peak = 0

    @property
    def cpu(self) -> float:
        """Seconds of processors since the beginning, of processes that lived a tenth of a second at least."""
        return sum(last - self._first.get(pid, 0.0) for pid, last in self._last.items())

    def __enter__(self) -> Watcher:
        self._look()
        self._first = dict(self._last)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        for number in itertools.count():
            self._look()
            if self._memory and number % 10 == 0:
                self.peak = max(self.peak, sum(map(_memory, _tree(self._pid))))
            if self._done.wait(0.1):
                return

    def _look(self) -> None:
        for pid in _tree(self._pid):
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            self._last[pid] = (int(fields[11]) + int(fields[12])) / _TICKS


def watched(command: Sequence[str], codes: Sequence[int] = (0,), *, memory: bool = True) -> Usage:
    """Run a command; return what it and all processes it starts took; its `memory` only if that is wanted."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watcher = Watcher(process.pid, memory=memory)
    with watcher:
        code = process.wait()
        seconds = time.perf_counter() - begin
    if code not in codes:
        raise subprocess.CalledProcessError(code, command)
    return Usage(seconds, watcher.cpu, watcher.peak)


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
