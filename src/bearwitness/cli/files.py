"""Plain files that commands are given, and that they write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bearwitness.errors import MalformedError, RefusedError, UsageError, storage_error
from bearwitness.media.source import Source, regular_file
from bearwitness.redact import plan_text
from bearwitness.redact.plan import Plan
from bearwitness.store import local


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Give a regular file to decode; raise SourceError for anything else, and wait for no pipe."""
    with regular_file(path) as descriptor:
        yield Source.of_file(descriptor, path.name)


def read_plan(path: Path) -> Plan:
    """Return the plan in a text file; raise UsageError or MalformedError, which name the file."""
    try:
        return plan_text.read(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} can not be read: {error.strerror}") from None
    except MalformedError as error:
        raise MalformedError(
            f"{path}: {error.message}", error.hint or "plans are written by: bearwitness redact --save-plan"
        ) from None


def write_new(path: Path, data: bytes) -> None:
    """Write a file that was not there; raise RefusedError where one is, StorageError where none can be.

    Its owner alone can read it, and where it did not fit nothing is left of it.
    """
    try:
        local.write_new(path, data)
    except FileExistsError:
        raise RefusedError(f"{path} exists already and is not overwritten", "choose another name") from None
    except OSError as error:
        raise storage_error(error, str(path)) from error
