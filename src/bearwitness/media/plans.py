"""How much a child may use for one file, and what a second try is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from bearwitness.errors import ChildFailedError
from bearwitness.sandbox.limits import Limits

_T = TypeVar("_T")

_HOUR: Final = 3600
_MIB: Final = 1 << 20


@dataclass(frozen=True)
class Plan:
    """Threads of the decoder and limits of its child.

    `wall_seconds` counts for one answer (a batch of frames), `cpu_seconds` for the file. Frames in flight,
    references and the batch of the answer are all within `memory_bytes`.
    """

    threads: int
    cpu_seconds: int
    wall_seconds: float
    memory_bytes: int

    def stricter(self) -> Plan:
        """Return the plan for a second try after a crash: one thread, half of the memory and of the time.

        Many crashes and hangs of decoders are of their threads, and one thread decodes the same frames.
        """
        return replace(
            self,
            threads=1,
            cpu_seconds=max(1, self.cpu_seconds // 2),
            wall_seconds=self.wall_seconds / 2,
            memory_bytes=self.memory_bytes // 2,
        )

    def limits(self, answer_bytes_max: int) -> Limits:
        """Return the limits of a child that answers at most so much at once."""
        return Limits(self.cpu_seconds, self.wall_seconds, self.memory_bytes, answer_bytes_max)


def tried_twice(work: Callable[[Plan], _T], plan: Plan) -> _T:
    """Return `work(plan)`, or, if its child crashed, hung or talked nonsense, `work(plan.stricter())`.

    `work` must begin anew each time: with a fresh list of troubles, and without what the first try yielded.
    Raises ChildFailedError for a file that failed both.
    """
    try:
        return work(plan)
    except ChildFailedError:
        return work(plan.stricter())


USUAL: Final = Plan(threads=2, cpu_seconds=12 * _HOUR, wall_seconds=120, memory_bytes=1536 * _MIB)
QUICK: Final = Plan(threads=1, cpu_seconds=60, wall_seconds=90, memory_bytes=1024 * _MIB)
"""For what looks at a file once: probing, stills."""
