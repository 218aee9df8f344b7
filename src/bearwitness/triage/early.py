"""Starts what triage needs first, the sandbox for media and the worker with networks, before the rest is
imported and the vault is opened.

All load for about as long as that takes, so on two processors at once. Both are programs of their own, which
get nothing of this process and never see a key. This module must therefore import little.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

from bearwitness import media
from bearwitness.errors import BearwitnessError
from bearwitness.sandbox.client import Sandbox
from bearwitness.sandbox.closing import Closes

from .registry import ANALYSERS, NETWORKS

if TYPE_CHECKING:
    from bearwitness.inference.worker import InferenceWorker

KEPT_AREA: Final = 2_900_000  # pixels: any canvas (seeing.py) at all sizes it is looked at, by two threads


class EarlyWorker:
    """A worker that loads before it is known who asks it: the first forked process to take it has it.

    The process that made it lets go of it once it has forked those that may (:meth:`let_go`), and ends it
    when they are gone (:meth:`close`).
    """

    def __init__(self, worker: InferenceWorker) -> None:
        self._worker, self._left, self._over = worker, 0, False
        self._claim, claims = os.pipe()
        os.write(claims, b"1")
        os.close(claims)  # who reads after the first is told of the end

    @property
    def names(self) -> tuple[str, ...]:
        """The networks it has."""
        return self._worker.names

    def begin(self, threads: int, canvas: tuple[int, int]) -> None:
        """Have it warm up for so many processors and for pictures of this size (rows, columns)."""
        self._worker.use(threads)
        self._worker.expect(*canvas, 1.0)
        self._worker.begin()

    def take(self) -> InferenceWorker | None:
        """Return the worker, to the first forked process that asks; to others None, and they let go of it."""
        first = bool(os.read(self._claim, 1))
        os.close(self._claim)
        if not first:
            self._worker.let_go()
        return self._worker if first else None

    def let_go(self) -> None:
        """Leave it to the processes that were forked; if none takes it, it ends with the last of them."""
        self._left, self._over = self._worker.let_go(), True
        os.close(self._claim)

    def close(self) -> None:
        """End it, in the process that made it, once all are gone that it was left to."""
        if self._left:  # it was not waited for, so the number is still its own
            os.kill(self._left, signal.SIGKILL)
            os.waitpid(self._left, 0)
            self._left = 0
        elif not self._over:
            self._over = True
            self._worker.close()
            os.close(self._claim)


class Early(Closes):
    """What was begun; all of it ends with the block."""

    def __init__(self) -> None:
        self.sandbox: Sandbox | None = None  # for media
        self._worker: EarlyWorker | None = None

    def close(self) -> None:
        """End what was begun."""
        if self._worker is not None:
            self._worker.close()
        if self.sandbox is not None:
            self.sandbox.close()
        self.sandbox = self._worker = None

    def prepare(self, only: Sequence[str], *, brought: bool, accept_weak: bool) -> None:
        """Begin (see :func:`begin`); raise BearwitnessError or OSError for what can not be had."""
        self.sandbox = Sandbox(media.TASKS, accept_weak=accept_weak)
        self.sandbox.prepare()
        wanted = list(only) or [*ANALYSERS]
        networks = sorted({network for name in wanted for network in NETWORKS.get(name, ())})
        usual = not brought and all(name in ANALYSERS for name in wanted)
        if not usual or not networks or len(os.sched_getaffinity(0)) < 2:
            return
        from bearwitness.inference.worker import InferenceWorker  # while the sandbox loads

        worker = InferenceWorker(networks, kept_area=KEPT_AREA, accept_weak=accept_weak)
        worker.prepare()
        self._worker = EarlyWorker(worker)

    def worker(
        self, networks: Collection[str], *, brought: bool, threads: int, canvas: tuple[int, int]
    ) -> EarlyWorker | None:
        """Return the worker, which warms up from now on, if it has these networks and no other.

        Otherwise, or if one of them is `brought`, it ends here.
        """
        if self._worker is None:
            return None
        if brought or set(networks) != set(self._worker.names):
            self._worker.close()
            self._worker = None
            return None
        self._worker.begin(threads, canvas)
        return self._worker


def begin(only: Sequence[str], *, brought: bool, accept_weak: bool) -> Early:
    """Begin what the analysers named in `only`, or all, will need; `brought`: models take the place of some.

    What can not be had is told when it is needed: it is started then as if nothing had been begun.
    """
    early = Early()
    with contextlib.suppress(BearwitnessError, OSError):
        early.prepare(only, brought=brought, accept_weak=accept_weak)
    return early
