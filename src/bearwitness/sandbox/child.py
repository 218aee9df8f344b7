"""What a forked child does: lock itself, run one task, write the answer, end.

Everything before :func:`_run` is ours and done before the first hostile byte is read; from then on the
process is taken to belong to whoever made the file.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn, TypeVar

from . import landlock
from .channel import ParentGoneError, RangeReader, read, write
from .libc import PR_SET_PDEATHSIG, prctl
from .limits import limit_child, start_alarm
from .scratch import map_scratch
from .seccomp import Filter
from .tasks import Call, Handler, Session, Task
from .wire import (
    ANSWER,
    CALL,
    CONTROL,
    FAILED,
    FAILURE_BYTES_MAX,
    NO_SOURCE,
    OUT_OF_MEMORY,
    QUESTION,
    TOO_LARGE,
    Request,
)

_T = TypeVar("_T")
_TEXT_CHARACTERS_MAX: Final = FAILURE_BYTES_MAX // 4  # as many fit in any script


@dataclass(frozen=True)
class Cage:
    """What the zygote made ready for all its children; None where a layer is switched off."""

    zygote: int
    null: int
    descriptors_max: int
    loaded_bytes: int | None
    ruleset: int | None
    filter: Filter | None


def serve(
    message: bytes,
    channel: int,
    files: tuple[int, ...],
    cage: Cage,
    calls: Mapping[str, Call],
    sessions: Mapping[str, Session],
) -> NoReturn:
    """Serve the request in `message` in this process, just forked, and end it whatever happens."""
    code = 1
    try:
        os.dup2(channel, CONTROL)
        _let_go(files, cage)
        request = Request.decode(message)
        scratch = None
        if request.scratch_bytes:
            *files_left, descriptor = files
            files, scratch = tuple(files_left), map_scratch(descriptor, request.scratch_bytes)
            os.close(descriptor)
        _lock(request, cage)
        source = None if request.source_bytes == NO_SOURCE else RangeReader(request.source_bytes)
        _run(request, Task(request.arguments, files, source, scratch), calls, sessions)
        code = 0
    except BaseException as error:  # noqa: BLE001 - a child must not run on into the zygote's loop
        _write_failure(error)
    finally:
        os._exit(code)


def _let_go(files: tuple[int, ...], cage: Cage) -> None:
    """Die with the zygote, leave its Landlock domain, close all but channel and files."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != cage.zygote:
        raise ParentGoneError
    if cage.ruleset is not None:  # a domain of its own, so that siblings are strangers
        landlock.restrict_self(cage.ruleset)
    # A terminal must not be within reach: it shows what is written and, read from, tells what is typed.
    for standard in (0, 1, 2):
        os.dup2(cage.null, standard)
    low = CONTROL + 1
    for kept in (*sorted(files), cage.descriptors_max):
        if low < kept:
            os.closerange(low, kept)
        low = kept + 1


def _lock(request: Request, cage: Cage) -> None:
    """Put on what is a child's alone; the zygote's own locks hold for it as well."""
    if cage.loaded_bytes is not None:
        limit_child(request.limits, cage.loaded_bytes + request.scratch_bytes)
        if request.mode == CALL:  # the parent times the answers of a session one by one
            start_alarm(request.limits.wall_seconds)
    if cage.filter is not None:
        cage.filter.install()


def _run(request: Request, task: Task, calls: Mapping[str, Call], sessions: Mapping[str, Session]) -> None:
    most = request.limits.answer_bytes_max
    if request.mode == CALL:
        _write_answer(_find(calls, request.task)(task), most)
        return
    handler = _find(sessions, request.task)(task)
    _write_answer(b"", most)
    while True:
        question = _read_question()
        if question is None:
            return
        answer_question(handler, question, most)


def answer_question(handler: Handler, question: bytes, most: int) -> None:
    """Answer one question; one that fails does not end the session."""
    try:
        answer = handler(question)
    except Exception as error:  # noqa: BLE001 - told to the parent
        _write_failure(error)
    else:
        _write_answer(answer, most)


def _find(table: Mapping[str, _T], name: str) -> _T:
    if name not in table:
        raise LookupError(f"there is no task {name!r} here")
    return table[name]


def _write_answer(answer: bytes | bytearray, most: int) -> None:
    if len(answer) > most:
        write(TOO_LARGE, b"")
    else:
        write(ANSWER, answer)


def _write_failure(error: BaseException) -> None:
    if isinstance(error, ParentGoneError):
        return
    if isinstance(error, MemoryError):
        write(OUT_OF_MEMORY, b"")
        return
    text = f"{type(error).__name__}: {error}"[:_TEXT_CHARACTERS_MAX]
    if isinstance(error, ImportError | PermissionError) or str(error).startswith("unknown encoding"):
        # All look puzzling from outside; the cure is the same.
        text += " (nothing can be opened in the sandbox: import at the top of the module of tasks)"
    write(FAILED, text.encode("utf-8", "backslashreplace")[:FAILURE_BYTES_MAX])


def _read_question() -> bytes | None:
    """Return the next question, None if the parent hung up."""
    head = read(QUESTION.size)
    return None if head is None else read(QUESTION.unpack(head)[0])
