"""What answers of decoding children have in common: batches, taken one by one, and heads of single ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from bearwitness.errors import ChildFailedError, MalformedError
from bearwitness.sandbox.client import Sandbox
from bearwitness.sandbox.limits import Limits
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json, text

from . import wire
from .model import DecodeTrouble, MediaError
from .source import Source

HEAD_BYTES_MAX: Final = 4_096
TROUBLES_MAX: Final = 1_000_000  # half a gigabyte; hours of which nothing decodes
T = TypeVar("T")


def in_batches(
    sandbox: Sandbox,
    source: Source,
    task: str,
    wanted: Json,
    limits: Limits,
    record_bytes: int,
    read: Callable[[wire.Batch], list[T]],
    troubles: list[DecodeTrouble],
    refusal: str,
) -> Iterator[T]:
    """Yield what `read` makes of each batch of a child's answer, whose troubles are appended before.

    `refusal`: how a sentence goes on that names the file and ends with the child's reason. Raises MediaError
    with it, ChildFailedError where the child crashed, hung or answered nonsense.
    """
    files, ranges = source.handed()
    with sandbox.session(task, canonical.dumps(wanted), files, limits, ranges) as session:
        session.post(b"")
        ended = False
        while not ended:
            untrusted = session.take()
            try:
                batch = wire.read_batch(untrusted, record_bytes)
                found = read(batch)
            except wire.RefusedByChildError as refused:
                raise MediaError(f"{source.name}{refusal}: {refused}") from None
            except MalformedError as error:
                raise nonsense(source.name, error.message) from None
            ended = batch.ended
            if not ended:
                session.post(b"")
            note(troubles, batch.troubles, source.name)
            yield from found


def note(troubles: list[DecodeTrouble], found: Sequence[DecodeTrouble], name: str) -> None:
    """Append what did not decode; raise ChildFailedError where it is more than is kept of any file."""
    troubles += found
    if len(troubles) > TROUBLES_MAX:
        raise ChildFailedError(f"more than {TROUBLES_MAX:,} parts of {name} do not decode")


def read_head(untrusted: bytes, name: str, refusal: str) -> tuple[Json, int]:
    """Return the head of an answer and where the bytes after it begin.

    Raises MediaError where the child refuses, MalformedError for an answer without a sound head.
    """
    end = untrusted.find(b"\n", 0, HEAD_BYTES_MAX)
    if end < 0:
        raise MalformedError("an answer has no head")
    head = canonical.loads(untrusted[:end], "an answer")
    if isinstance(head, dict) and head.keys() == {"refused", "v"}:
        reason = text(head["refused"])
        raise MediaError(f"{name}{refusal}: {reason if reason.isprintable() else 'no reason given'}")
    return head, end + 1


def nonsense(name: str, reason: str) -> ChildFailedError:
    """Return the error for an answer that is not as it must be."""
    return ChildFailedError(f"the child that decodes {name} answered nonsense: {reason}")
