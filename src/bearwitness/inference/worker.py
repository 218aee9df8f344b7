"""The locked worker that runs networks: :class:`InferenceWorker`. Threads may share it, and take turns."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bearwitness.errors import ChildFailedError, MalformedError
from bearwitness.sandbox.worker import Worker, WorkerLimits
from bearwitness_verify import canonical
from bearwitness_verify.canonical import Json

from . import wire
from .models import model

_LIMITS: Final = WorkerLimits(
    start_seconds=120, answer_seconds=300, memory_bytes=6 << 30, answer_bytes_max=256 << 20
)
QUESTION_BYTES_MAX: Final = 256 << 20
KEPT_AREA: Final = 7_500_000  # all sizes at which an attack looks at 720p, by two threads: 1.1 GB
_OF_PICTURES: Final = ("faces", "faces by view", "persons")  # asks for which networks are compiled by size
# Networks compiled for other sizes leave memory behind even when they are dropped, and one large size takes
# 2 GB alone: a worker that holds more than this is not given another size on top.
_ANEW_ABOVE: Final = 1_500_000_000
_INBOX_BYTES: Final = 32 << 20  # four frames of Full HD; what is larger goes through the channel


class InferenceWorker(Worker):
    """A process with the networks named, loaded, warmed up and locked; it starts when first asked.

    It has no network, opens no file, starts no program; the weights are hashed by it and refused if they are
    not the pinned ones. Its answers are arrays, read strictly.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        threads: int | None = None,
        exact: bool = True,
        kept_area: int = KEPT_AREA,
        brought: Mapping[str, tuple[Path, str]] | None = None,
        accept_weak: bool = False,
        _layers: frozenset[str] | None = None,
    ) -> None:
        """`threads`: processors to use (see :meth:`use`), all this process may by default. Raises ModelError.

        With `exact` results are those of single precision on every machine. Without, a processor that has
        bfloat16 uses it: about twice as fast, and scores differ in the third digit. `brought` gives, by name,
        the file and SHA-256 of weights that take the place of the pinned ones: they must fit the same
        code, and their hash is checked like theirs. A network is compiled for each size of picture, and
        `kept_area` pixels of such are kept, at some 150 bytes each.
        """
        own = {
            name: (model(name).locate(), model(name).sha256) for name in names if name not in (brought or {})
        }
        taken = {**own, **{name: place for name, place in (brought or {}).items() if name in names}}
        places = [path for path, _ in taken.values()]
        listed: list[Json] = [
            {"name": name, "path": str(path), "sha256": digest} for name, (path, digest) in taken.items()
        ]
        super().__init__(
            "bearwitness.inference.locked",
            "inference",
            canonical.dumps({"exact": exact, "kept_area": str(kept_area), "models": listed}).decode(),
            _LIMITS,
            folders=sorted({str(place.parent) for place in places}),
            inbox_bytes=_INBOX_BYTES,
            accept_weak=accept_weak,
            _layers=_layers,
        )
        self.names = tuple(names)
        self._asking = threading.Lock()
        self._shape: tuple[int, ...] = ()
        self._expected: dict[str, Json] = {}
        self.use(threads or len(os.sched_getaffinity(0)))

    def expect(self, height: int, width: int, scale: float) -> None:
        """Say of which size pictures will come: a worker that has yet to start warms up with it.

        It is then compiled for them once, instead of for a small picture and for them.
        """
        self._expected = {"height": str(height), "scale": repr(float(scale)), "width": str(width)}
        self.use(self._threads)

    def use(self, threads: int) -> None:
        """Say how many processors to use: a worker that has yet to warm up does."""
        self._threads = threads
        self._hint = canonical.dumps({"expected": self._expected or None, "threads": str(threads)})

    def memory_bytes(self) -> int:
        """Return how much memory the process holds now, 0 where there is none."""
        if not self.pid:
            return 0
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1])
        except (OSError, ValueError, IndexError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    def rest(self) -> None:
        """Have its networks give back the memory they work in, until they are asked again; raises as compute.

        Where there is no worker none is started.
        """
        if self.pid:
            self.compute("rest", {}, [])

    def compute(self, ask: str, head: dict[str, Json], arrays: Sequence[wire.Array]) -> list[wire.Array]:
        """Return the arrays the worker answers with; raise ChildFailedError if it fails or talks nonsense.

        Several threads may ask: one question is on its way at a time, and who asked it gets the answer, or is
        told why there is none. The next question then starts another worker.
        """
        with self._asking:
            return self._compute(ask, head, arrays)

    def _compute(self, ask: str, head: dict[str, Json], arrays: Sequence[wire.Array]) -> list[wire.Array]:
        if ask in _OF_PICTURES and arrays:
            self._change_to(arrays[0].shape)
        self.start()
        question = wire.encode({**head, "ask": ask}, arrays, self.inbox)
        if len(question) > QUESTION_BYTES_MAX:
            raise ValueError("too much is asked of a worker at once: give it fewer pictures")
        untrusted = self.ask(question)
        try:
            return wire.decode(untrusted)[1]
        except MalformedError as error:
            self.close()
            raise ChildFailedError(f"the worker for {ask} answered nonsense: {error.message}") from None

    def _change_to(self, shape: tuple[int, ...]) -> None:
        """End a worker that earlier sizes made large before pictures of another one come: it starts anew."""
        if shape != self._shape and self.memory_bytes() > _ANEW_ABOVE:
            self.close()
            self._expected = {}
            self.use(self._threads)
        self._shape = shape
