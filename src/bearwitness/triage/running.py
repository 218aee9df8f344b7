"""Runs triage: leases go out to workers, results come back and are entered in the log, many at once.

The log append is the commit: its entry and its files are there together or not at all (vault/change.py). The
queue is told afterwards; after a crash in between the catalogue, which reads the log, knows what is done. The
lock of the vault is held for a commit only, so that others, above all the stop key, get their turn; whatever
they changed is seen before the next result is entered.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bearwitness import media
from bearwitness.catalogue.catalogue import Catalogue
from bearwitness.custody import entries
from bearwitness.errors import BearwitnessError, VaultBusyError
from bearwitness.jobs.executor import Executor, LocalExecutor, Step
from bearwitness.jobs.model import Ended, Job, Lease
from bearwitness.jobs.queue import Counts, Queue
from bearwitness.sandbox.client import Sandbox
from bearwitness.vault.change import Change
from bearwitness.vault.delivery import OpenDelivery
from bearwitness.vault.derivatives import FAILED, Derivation, next_numbers, put
from bearwitness.vault.freezing import FOLDER
from bearwitness.vault.keyring import Unlocked, require_vault
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.vault import Vault

from .analyser import Analyser
from .early import Early, EarlyWorker
from .looking import Looked
from .planning import Plan
from .seeing import USUAL_CANVAS
from .work import STEP, Looker, brought_for, networks_of, threads_for

DATABASE: Final = "work.db"
_LOCK: Final = "triage.lock"
_KEY_INFO: Final = b"bearwitness/1/work"
_WORKER: Final = "local"
_LEASE_SECONDS: Final = 3600.0
_RESULTS_AT_ONCE: Final = 32  # jobs in one append
_SECONDS_AT_MOST: Final = 10.0  # what is finished waits no longer for others to be entered with
_HELD_BACK_MAX: Final = 512  # results waiting for the vault's lock; then no more work is given out
_PATIENCE_SECONDS: Final = 5.0


@dataclass
class Report:
    """What a run did: jobs entered by outcome, and the failures with item, kind and reason."""

    entered: dict[str, int] = field(default_factory=dict)
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    dropped: int = 0  # results of items that were frozen or destroyed meanwhile

    def count(self, item: str, kind: str, looked: Looked) -> None:
        """Count one result."""
        self.entered[looked.outcome] = self.entered.get(looked.outcome, 0) + 1
        if looked.outcome == FAILED:
            self.failures.append((item, kind, looked.reason))


@dataclass(frozen=True)
class _Finished:
    lease: Lease | None  # None: given up, held by nobody
    job: Job
    looked: Looked


MakeExecutor = Callable[[dict[str, Step]], Executor]


def local_executor(workers: int) -> MakeExecutor:
    """Return what makes the executor of this machine."""
    return lambda steps: LocalExecutor(steps, workers)


class Triage:
    """One run over one plan."""

    def __init__(self, vault: Vault, unlocked: Unlocked, catalogue: Catalogue, plan: Plan) -> None:
        self._vault, self._unlocked, self._catalogue, self._plan = vault, unlocked, catalogue, plan
        self._buffer: list[_Finished] = []
        self._until: dict[int, float] = {}  # when leases end that are held, by fence
        self._since = 0.0
        self._opened: dict[str, OpenDelivery] = {}
        self._ledger = Ledger(vault, unlocked)
        self._size, self._files = vault.log.size, vault.expected_files()
        self._numbers = next_numbers(vault.log.effects())
        self._accept_weak = False
        self._early: EarlyWorker | None = None  # for the first round
        self._stale = False  # others changed the vault: workers must be made anew
        self.report = Report()

    def run(
        self,
        make_executor: MakeExecutor,
        *,
        accept_weak: bool = False,
        early: Early | None = None,
        progress: Callable[[Counts, Report], None] = lambda counts, report: None,
    ) -> Report:
        """Do all jobs of the plan; what was done before a crash is not done again.

        What was begun `early` is used, and is its owner's to end, after this.
        """
        if early is not None:
            asking = self._plan.analysers.values()
            self._early = early.worker(
                networks_of(asking), brought=bool(brought_for(asking)),
                threads=threads_for(len(self._plan.places)), canvas=USUAL_CANVAS,
            )  # fmt: skip
        key = HKDF(SHA256(), 32, None, _KEY_INFO).derive(require_vault(self._unlocked).secret)
        with self._alone(), contextlib.closing(Queue(self._vault.local / DATABASE, key)) as queue:
            queue.reclaim(_WORKER)  # of a run that died: nobody else has this lock
            queue.keep_only(job.job for job in self._plan.jobs)
            queue.add(self._plan.jobs)
            begun = early.sandbox if early is not None else None
            with self._sandboxes(begun, accept_weak=accept_weak) as sandboxes:
                self._accept_weak = accept_weak
                try:
                    while self._round(queue, make_executor, sandboxes, progress):
                        queue.give_back(_WORKER)
                except KeyboardInterrupt:  # who stops the run in the morning does not say that a file is bad
                    with contextlib.suppress(BearwitnessError):
                        queue.give_back(_WORKER)
                    raise
        self._catalogue.refresh(Ledger(self._vault, self._unlocked))
        return self.report

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """See that no other triage of this vault runs on this machine."""
        self._vault.local.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self._vault.local / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise VaultBusyError(
                    f"another triage of {self._vault.root} is running", "wait until it has ended"
                ) from None
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _sandboxes(self, begun: Sandbox | None, *, accept_weak: bool) -> Iterator[dict[str, Sandbox]]:
        """Start the zygotes that all workers share; they must be there before workers are forked.

        They load side by side. That for media may have `begun` before; it is not ended here then.
        """
        wanted = {media.TASKS}
        for analyser in self._plan.analysers.values():
            wanted |= set(analyser.sandboxes)
        with ExitStack() as stack:
            started = {} if begun is None else {media.TASKS: begun}
            for tasks in sorted(wanted - started.keys()):
                started[tasks] = stack.enter_context(Sandbox(tasks, accept_weak=accept_weak))
                started[tasks].prepare()
            for sandbox in started.values():
                sandbox.start()
            yield started

    def _round(
        self,
        queue: Queue,
        make_executor: MakeExecutor,
        sandboxes: dict[str, Sandbox],
        progress: Callable[[Counts, Report], None],
    ) -> bool:
        """Work until all is done, or others changed the vault; say whether there is more to do."""
        self._stale = False
        looker = Looker(
            self._ledger, self._plan.places, self._plan.analysers, sandboxes,
            accept_weak=self._accept_weak, early=self._early,
        )  # fmt: skip
        executor = make_executor({STEP: looker})
        looker.let_go()
        self._early = None
        held: dict[int, Lease] = {}
        try:
            while not self._stale:
                self._give_out(queue, executor, held)
                for ended in executor.collect(0.5):
                    held.pop(ended.lease.fence, None)
                    self._take(queue, ended)
                self._hold_on(queue, held)
                self._take_given_up(queue)
                if self._buffer and (self._is_time() or not held):
                    self._commit(queue)
                counts = queue.counts()
                progress(counts, self.report)
                if not counts.waiting and not held and not self._buffer:
                    return False
        finally:
            executor.close()
        return True

    def _give_out(self, queue: Queue, executor: Executor, held: dict[int, Lease]) -> None:
        self._hold_on(queue, held)
        while executor.free and len(self._buffer) < _HELD_BACK_MAX:
            fresh = queue.lease(_WORKER, _LEASE_SECONDS)
            if fresh is None:
                return
            held[fresh.fence] = fresh
            executor.submit(fresh)

    def _hold_on(self, queue: Queue, held: dict[int, Lease]) -> None:
        """Keep the leases of what is under way or waits to be entered, before the queue looks who is late.

        So a machine that slept for the night, or a vault that another holds for hours, takes nothing away.
        """
        waiting = [finished.lease for finished in self._buffer if finished.lease is not None]
        leases = {lease.fence: lease for lease in (*held.values(), *waiting)}
        self._until = {fence: self._until.get(fence, lease.until) for fence, lease in leases.items()}
        for fence, until in self._until.items():
            if until - time.time() < _LEASE_SECONDS / 2 and queue.renew(leases[fence], _LEASE_SECONDS):
                self._until[fence] = time.time() + _LEASE_SECONDS

    def _take(self, queue: Queue, ended: Ended) -> None:
        """Keep what a worker brought until it is entered; give back what may yet succeed."""
        if ended.failure or not isinstance(ended.answer, list):
            queue.fail(ended.lease, ended.failure or "the worker answered nonsense")
            self._see_others()
            return
        jobs = {job.job: job for job in ended.lease.jobs}
        for looked in ended.answer:
            if looked.blameless or (looked.again and ended.lease.attempt == 1):
                queue.fail(ended.lease, looked.reason, [looked.job])
            else:
                self._keep(_Finished(ended.lease, jobs[looked.job], looked))

    def _take_given_up(self, queue: Queue) -> None:
        waiting = {finished.job.job for finished in self._buffer}
        for job, reason in queue.given_up():
            if job.job not in waiting:
                self._keep(_Finished(None, job, Looked(job.job, FAILED, f"given up: {reason}")))

    def _keep(self, finished: _Finished) -> None:
        if not self._buffer:
            self._since = time.monotonic()
        self._buffer.append(finished)

    def _is_time(self) -> bool:
        return len(self._buffer) >= _RESULTS_AT_ONCE or time.monotonic() - self._since > _SECONDS_AT_MOST

    def _see_others(self) -> None:
        """Notice what others entered in the log: items may be frozen, destroyed, in other packs."""
        self._vault.log.refresh()
        if self._vault.log.size == self._size:
            return
        effects, known = self._vault.log.effects(), self._files
        self._ledger = Ledger(self._vault, self._unlocked)
        self._catalogue.refresh(self._ledger)
        self._numbers = next_numbers(effects)
        self._opened.clear()
        # What only adds to the vault, as somebody's look at an item, takes nothing from under the workers.
        fresh = [path for effect in effects[self._size :] for path in effect]
        self._stale |= any(path in known or path.startswith(f"{FOLDER}/") for path in fresh)
        self._size, self._files = self._vault.log.size, self._vault.expected_files()

    def _commit(self, queue: Queue) -> None:
        """Enter what is finished, one entry an item, all under one checkpoint."""
        try:
            with self._vault.writing(_PATIENCE_SECONDS):
                self._see_others()
                held = [f for f in self._buffer if f.lease is None or queue.holds(f.lease, f.job.job)]
                wanted = [finished for finished in held if self._is_there(finished.job.item)]
                if wanted:
                    self._enter(wanted)
        except VaultBusyError:
            return  # another command writes; the results wait
        for finished in wanted:
            kind = self._plan.analysers[finished.job.job].name
            self.report.count(finished.job.item, kind, finished.looked)
        self.report.dropped += len(held) - len(wanted)
        queue.finish([finished.job.job for finished in held])
        self._buffer.clear()

    def _is_there(self, item: str) -> bool:
        """Say whether results of an item may be entered: it was neither frozen nor destroyed meanwhile."""
        return item not in self._ledger.frozen.items and self._catalogue.get(item) is not None

    def _enter(self, wanted: Sequence[_Finished]) -> None:
        change, sealed = Change(self._vault), []
        by_item: dict[tuple[str, bool], list[_Finished]] = {}
        for finished in wanted:  # what can be destroyed alone lies behind keys of its own
            alone = self._plan.analysers[finished.job.job].needs_authorisation
            by_item.setdefault((finished.job.item, alone), []).append(finished)
        for (item, _), mine in sorted(by_item.items()):
            delivery = self._plan.places[item].delivery
            if delivery not in self._opened:
                self._opened[delivery] = self._ledger.open_delivery(delivery)
            number = self._numbers.get((delivery, item), 0)
            self._numbers[delivery, item] = number + 1
            results = [self._derivation(finished) for finished in mine]
            fields, effect = put(change, self._opened[delivery], item, number, results)
            sealed.append(self._vault.entry(fields, effect))
        change.commit_entries(sealed)
        self._size = self._vault.log.size

    def _derivation(self, finished: _Finished) -> Derivation:
        analyser: Analyser = self._plan.analysers[finished.job.job]
        return Derivation(
            job=finished.job.job,
            kind=analyser.name,
            tool=analyser.tool,
            version=analyser.version,
            model=None if analyser.model is None else analyser.model.to_json(),
            parameters=dict(analyser.parameters),
            time=entries.now(),
            outcome=finished.looked.outcome,
            reason=finished.looked.reason,
            files=finished.looked.files,
        )
