"""The step that workers run by name: opens one item in memory and looks at it."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bearwitness.custody.items import commit
from bearwitness.errors import BearwitnessError, TamperedError
from bearwitness.inference.worker import InferenceWorker
from bearwitness.jobs.model import Lease
from bearwitness.media.plans import USUAL
from bearwitness.media.source import Source
from bearwitness.sandbox.client import Sandbox
from bearwitness.vault.delivery import OpenDelivery, Record
from bearwitness.vault.item_reader import ItemReader
from bearwitness.vault.ledger import Ledger

from .analyser import Analyser, Material
from .early import KEPT_AREA, EarlyWorker
from .kinds import HEAD_BYTES, guess
from .looking import Looked, look
from .seeing import USUAL_CANVAS

STEP: Final = "look"
_PARTS_MAX: Final = 8
_REST_ABOVE: Final = 500 << 20  # of a worker between two items: what was compiled for many sizes adds up
_MEMORY_MAX: Final = 700 << 20  # the same, with all at rest: another takes its place


@dataclass(frozen=True)
class Place:
    """Where an item stands: delivery, part, leaf hash, and its name, bytes."""

    delivery: str
    part: int
    leaf: bytes
    path: bytes


def networks_of(analysers: Iterable[Analyser]) -> list[str]:
    """Return the names of all networks they ask."""
    return sorted({name for analyser in analysers for name in analyser.networks})


def brought_for(analysers: Iterable[Analyser]) -> dict[str, tuple[Path, str]]:
    """Return the files that take the place of networks, with their hashes, by the names of these."""
    return {name: place for analyser in analysers for name, place in analyser.brought.items()}


def threads_for(files: int) -> int:
    """Return how many processors one file is looked at with: several for each where there are fewer files."""
    return max(1, len(os.sched_getaffinity(0)) // max(1, files))


class Looker:
    """What a worker process holds, made before it is forked: deliveries, sandboxes, analysers."""

    def __init__(
        self,
        ledger: Ledger,
        places: Mapping[str, Place],
        analysers: Mapping[str, Analyser],
        sandboxes: Mapping[str, Sandbox],
        *,
        accept_weak: bool = False,
        early: EarlyWorker | None = None,
    ) -> None:
        """`analysers` by the id of each job; `early`: a worker for the first process that needs one."""
        self._ledger, self._places, self._analysers, self._sandboxes = ledger, places, analysers, sandboxes
        self._networks, self._brought = networks_of(analysers.values()), brought_for(analysers.values())
        self._accept_weak, self._early = accept_weak, early
        self._threads = threads_for(len(places))
        self._inference: InferenceWorker | None = None  # of this process, once one is needed
        self._making = threading.Lock()
        self._opened: dict[str, OpenDelivery] = {}
        self._records: OrderedDict[tuple[str, int], dict[bytes, Record]] = OrderedDict()

    def let_go(self) -> None:
        """Leave the early worker to the processes that were forked with this object."""
        if self._early is not None:
            self._early.let_go()
            self._early = None

    def __call__(self, lease: Lease) -> list[Looked]:
        """Return what came of each job; raise BearwitnessError for an item that does not open."""
        place = self._places[lease.item]
        if place.delivery not in self._opened:
            self._opened[place.delivery] = self._ledger.open_delivery(place.delivery)
        opened = self._opened[place.delivery]
        record = self._part(opened, place).get(place.leaf)
        if record is None:
            raise TamperedError(f"item {lease.item} is not in its delivery any more")
        held = ItemReader(opened, record)
        plan = USUAL if lease.attempt == 1 else USUAL.stricter()
        material = Material(
            item=lease.item,
            path=place.path,
            kind=guess(held.read(0, min(HEAD_BYTES, held.size))),
            source=Source.of_ranges(held.read, held.size, f"item {lease.item}"),
            plan=plan,
            sandbox=self._sandboxes.__getitem__,
            inference=self._worker,
            accept_weak=self._accept_weak,
        )
        wanted = [(job.job, self._analysers[job.job]) for job in lease.jobs]
        if any(analyser.networks and material.kind in analyser.kinds for _, analyser in wanted):
            with contextlib.suppress(BearwitnessError):  # who asks it is told
                self._worker().begin()  # it loads while the first pictures are decoded
        looked = look(material, wanted)
        if self._inference is not None and (
            any(each.again for each in looked)  # a fresh one for the second try
            or not self._is_small(self._inference)
        ):
            self._inference.close()
            self._inference = None
        return looked

    def _is_small(self, worker: InferenceWorker) -> bool:
        """Have a large worker rest; say whether it may stay."""
        if worker.memory_bytes() > _REST_ABOVE:
            try:
                worker.rest()
            except BearwitnessError:
                return False
        return worker.memory_bytes() <= _MEMORY_MAX

    def _worker(self) -> InferenceWorker:
        """Return the inference worker of this process, the same to all threads."""
        with self._making:
            if self._inference is None and self._early is not None:
                self._inference, self._early = self._early.take(), None
            if self._inference is None:
                self._inference = InferenceWorker(
                    self._networks,
                    threads=self._threads,
                    kept_area=KEPT_AREA,
                    brought=self._brought,
                    accept_weak=self._accept_weak,
                )
                self._inference.expect(*USUAL_CANVAS, 1.0)
            return self._inference

    def _part(self, opened: OpenDelivery, place: Place) -> dict[bytes, Record]:
        key = (place.delivery, place.part)
        if key not in self._records:
            lines = opened.lines(place.part)
            self._records[key] = {
                commit(line.values, line.secret): line for line in lines if isinstance(line, Record)
            }
            if len(self._records) > _PARTS_MAX:
                self._records.popitem(last=False)
        self._records.move_to_end(key)
        return self._records[key]
