"""The tasks that read images, with a parser that a file can end: what a hostile structure may bring about."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Mapping
from typing import Any

from bearwitness.images import listing, locked
from bearwitness.sandbox.tasks import Call, Handler, Session, Task
from bearwitness_verify import canonical

_LISTED = listing.Listing.page


def _page(self: Any, number: int, address: int, skip: int, count: int, *, deleted: bool) -> Any:
    page = _LISTED(self, number, address, skip, count, deleted=deleted)
    if any(entry.name == b"ends who lists it" for entry in page.entries):
        ctypes.string_at(0)  # a segmentation fault
    return page


listing.Listing.page = _page  # type: ignore[method-assign]


def _image(task: Task) -> Handler:
    image = locked.Image(task)

    def answer(question: bytes) -> bytes:
        got = canonical.loads(question)
        if isinstance(got, dict) and got["ask"] == "read":
            data = image.answer(question).partition(b"\n")[2]
            if data.startswith(b"ends who reads it"):
                ctypes.string_at(0)
            if data.startswith(b"keeps who reads it"):
                while True:
                    time.monotonic()
            if data.startswith(b"lies about its length"):
                return b'{"holes":[],"v":"1"}\n' + bytes(5)
            if data.startswith(b"lies about its holes"):
                return b'{"holes":[["0","9999999","sector"]],"v":"1"}\n' + data
            if data.startswith(b"answers nonsense"):
                return os.urandom(50)
        return image.answer(question)

    return answer


CALLS: Mapping[str, Call] = locked.CALLS
SESSIONS: Mapping[str, Session] = {"image": _image}
