"""Lanes: what is handed to one is done in its order, one thing after another, beside all other lanes.

An analyser that asks networks has a lane of its own, so that it waits for an answer while the next pictures
are decoded and while others work. Few things wait in a lane: who hands over more is held up, and memory stays
bounded. What an analysis is fed, and in which order, is the same as without lanes, and so is its result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Queue
from types import TracebackType
from typing import Final, Self

WAITING_MAX: Final = 64  # pictures or stretches of sound: some 80 MB, for lanes share the pictures of a pass

Work = Callable[[], None]


class Lane:
    """A thread that starts with the first work and ends with :meth:`close`.

    What work raises is raised by the next :meth:`put` or :meth:`wait`; whatever was to come after it is
    dropped.
    """

    def __init__(self) -> None:
        self._waiting: Queue[Work | None] = Queue(WAITING_MAX)
        self._thread: threading.Thread | None = None
        self._raised: BaseException | None = None
        self._dropped = False

    def put(self, work: Work) -> None:
        """Have something done after all that was put before; wait while too much is waiting."""
        self._look()
        if self._dropped:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        self._waiting.put(work)

    def wait(self) -> None:
        """Wait until all is done."""
        self._waiting.join()
        self._look()

    def close(self) -> None:
        """End the lane once the work under way is done; what waits behind it is dropped."""
        self._dropped = True
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _look(self) -> None:
        if self._raised is not None:
            raise self._raised

    def _run(self) -> None:
        while True:
            work = self._waiting.get()
            try:
                if work is None:
                    return
                if not self._dropped:
                    work()
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                self._raised, self._dropped = error, True
            finally:
                self._waiting.task_done()


class Lanes:
    """The lanes of one item: all have ended when the block ends."""

    def __init__(self) -> None:
        self._lanes: list[Lane] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for lane in reversed(self._lanes):  # those that feed others were made after them
            lane.close()

    def new(self) -> Lane:
        """Return another lane."""
        self._lanes.append(Lane())
        return self._lanes[-1]
