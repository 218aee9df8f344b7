"""A worker taken over by what it was fed: it does what the hostile tasks of the sandbox's tests do.

A question is JSON: the act, its argument, and whether a thread does it that was started before the lock.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "sandbox"))
import hostile_tasks

from bearwitness.sandbox.tasks import Handler, Opening, Task


def open_hostile(_: Opening) -> Handler:
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
