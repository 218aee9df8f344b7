"""What a module of tasks looks like.

The zygote imports one such module by name. It has up to two tables:

    CALLS: dict[str, Call] = {"index": index}            # one answer, then the child is gone
    SESSIONS: dict[str, Session] = {"image": open_image}  # opens something, then answers questions

    def index(task: Task) -> bytes:
        header = os.pread(task.files[0], 4096, 0)
        ...

    def open_image(task: Task) -> Handler:
        image = Image(task.files)
        return image.answer  # bytes -> bytes, once a question

A task runs where nothing can be opened any more: import at the top of the module all that it needs, also
what Python would load later by itself (`codecs.lookup("utf-16-le")`). The module starts no thread while it is
imported. Files are read with `os.pread`; `os.fstat` and `mmap` of a file are denied, its length is
`os.lseek(file, 0, os.SEEK_END)`. Where the parent serves a source by ranges instead of handing over a file,
`task.source` has its `size` and `pread`, for the thread that runs the task alone. Threads are allowed, each
at some 70 MiB of address space. `task.scratch`, where the parent asked for it, is
memory that the parent can read. What a task prints goes nowhere; whatever it raises reaches the parent as one
line of untrusted text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .channel import RangeReader


@dataclass(frozen=True)
class Task:
    """What a child was given: the caller's arguments and open files, in the caller's order."""

    arguments: bytes
    files: tuple[int, ...]
    source: RangeReader | None = None
    scratch: memoryview | None = None


@dataclass(frozen=True)
class Opening:
    """What a worker is opened with. `inbox` is memory the parent writes and the worker reads, empty without.

    `hint` waits for what the parent tells once it knows it, such as the size of the pictures that will come.
    """

    arguments: bytes
    inbox: memoryview
    hint: Callable[[], bytes]


Call = Callable[[Task], bytes]
Handler = Callable[[bytes], bytes | bytearray]
Session = Callable[[Task], Handler]
