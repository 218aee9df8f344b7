"""A job, the lease on it, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json


def job_id(item: str, analyser: str, version: str, model: Json, parameters: Json) -> str:
    """Return the id of a job, hexadecimal: what is asked decides it, so the same question has the same id."""
    asked: dict[str, Json] = {
        "analyser": analyser,
        "item": item,
        "model": model,
        "parameters": parameters,
        "version": version,
    }
    return sha256(canonical.dumps(asked)).hexdigest()


@dataclass(frozen=True)
class Job:
    """Something to be done to one item: `step` is the name of what does it."""

    job: str
    item: str
    step: str
    place: int = 0  # jobs are done in this order
    weight: int = 0  # how much work it may be, for the estimate; bytes


@dataclass(frozen=True)
class Lease:
    """Jobs of one item that one worker holds until `until` (seconds of the epoch).

    `fence` grows with every lease of the queue: of two who believe that they hold a job, the one with
    the larger fence does. `attempt` counts from 1.
    """

    item: str
    jobs: tuple[Job, ...]
    fence: int
    attempt: int
    until: float


@dataclass(frozen=True)
class Ended:
    """What came of a lease: the answer of the step, or why there is none.

    `died` says that the worker itself is gone, and not that the step failed.
    """

    lease: Lease
    answer: object = field(default=None, repr=False)
    failure: str = ""
    died: bool = False
