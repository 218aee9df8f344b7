"""A worker taken over by what it was fed: it does what the hostile tasks of the sandbox's tests do.

A question is JSON: the act, its argument, and whether a thread does it that was started before the lock.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "sandbox"))
import hostile_tasks
import numpy as np

from bearwitness.sandbox.tasks import Handler, Opening, Task


def _scribble(inbox: memoryview) -> bytes:
    """Write into the memory that is the parent's: first ask for the right to."""
    at = np.frombuffer(inbox, np.uint8).ctypes.data
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(at), ctypes.c_size_t(len(inbox)), 3):
        raise OSError(ctypes.get_errno(), "mprotect")
    ctypes.memset(at, 0x58, 1)
    return b"did it"


def open_hostile(opening: Opening) -> Handler:
    work: queue.Queue[Callable[[], bytes]] = queue.Queue()
    done: queue.Queue[bytes | BaseException] = queue.Queue()

    def run() -> None:
        while True:
            try:
                done.put(work.get()())
            except BaseException as error:  # noqa: BLE001 - handed to the other thread
                done.put(error)

    threading.Thread(target=run, daemon=True).start()

    def answer(question: bytes) -> bytes:
        act, argument, in_thread = json.loads(question)
        if act == "pid":
            return str(os.getpid()).encode()
        if act == "read_inbox":
            return bytes(opening.inbox[: int(argument)])
        if act == "scribble":
            return _scribble(opening.inbox)
        if act == "hint":
            return opening.hint()

        def do() -> bytes:
            return hostile_tasks.CALLS[act](Task(argument.encode(), ()))

        if not in_thread:
            return do()
        work.put(do)
        result = done.get()
        if isinstance(result, BaseException):
            raise result
        return result

    return answer


SERVICES = {"hostile": open_hostile}
