"""The step that workers run by name: opens one item in memory and looks at it."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
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
from .kinds import HEAD_BYTES, guess
from .looking import Looked, look
from .seeing import USUAL_CANVAS

STEP: Final = "look"
_PARTS_MAX: Final = 8
_KEPT_AREA: Final = 2_600_000  # pixels: any canvas (seeing.py) at one and two times its size, by two threads
_MEMORY_MAX: Final = 900 << 20  # of a worker between two items: what is compiled for many sizes adds up


@dataclass(frozen=True)
class Place:
    """Where an item stands: delivery, part, leaf hash, and its name, bytes."""

    delivery: str
    part: int
    leaf: bytes
    path: bytes


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
    ) -> None:
        """`analysers` by the id of each job."""
        self._ledger, self._places, self._analysers, self._sandboxes = ledger, places, analysers, sandboxes
        self._networks = sorted({name for analyser in analysers.values() for name in analyser.networks})
        self._brought = {n: w for analyser in analysers.values() for n, w in analyser.brought.items()}
        self._accept_weak = accept_weak
        cores = len(os.sched_getaffinity(0))
        self._threads = max(1, cores // max(1, len(places)))  # fewer files than processors: several for each
        self._inference: InferenceWorker | None = None  # of this process, once one is needed
        self._making = threading.Lock()
        self._opened: dict[str, OpenDelivery] = {}
        self._records: OrderedDict[tuple[str, int], dict[bytes, Record]] = OrderedDict()

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
                self._worker().prepare()  # it loads while the first pictures are decoded
        looked = look(material, wanted)
        if self._inference is not None and (
            any(each.again for each in looked)  # a fresh one for the second try
            or self._inference.memory_bytes() > _MEMORY_MAX
        ):
            self._inference.close()
            self._inference = None
        return looked

    def _worker(self) -> InferenceWorker:
        """Return the inference worker of this process, the same to all threads."""
        with self._making:
            if self._inference is None:
                self._inference = InferenceWorker(
                    self._networks,
                    threads=self._threads,
                    kept_area=_KEPT_AREA,
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
