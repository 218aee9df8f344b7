"""Seals a source: walk, workers, journal, close. The main path of the intake on one page.

What is acknowledged (told through `on_stored`) is on the disk, in the journal, and will be in the
delivery, whatever happens after. The same call for the same source goes on where an interrupted one stopped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from bearwitness.crypto import age
from bearwitness.errors import TamperedError
from bearwitness.machine import worker_count
from bearwitness.vault.vault import Vault
from bearwitness_verify.canonical import Json
from bearwitness_verify.leaves import item_id

from .batches import Batcher
from .closing import Closed, close, recover, was_closed, write_identity
from .intake import Indexer
from .journal import Run, open_runs
from .part import Lost, PartResult, PartSettings
from .serving import Batch
from .sources import Source
from .walk import Found
from .workers import WorkerPool, source_gone

_POLL_SECONDS: Final = 0.2  # how often the progress is told while nothing is finished
_BATCHES_AHEAD: Final = 3


@dataclass
class Progress:
    """What the one who watches is told: called with totals of this session."""

    on_read: Callable[[int], None] = lambda done: None
    on_stored: Callable[[int, int], None] = lambda items, size: None
    on_resume: Callable[[int, int], None] = lambda items, size: None


@dataclass
class Settings:
    """How to seal."""

    fields: Mapping[str, Json] = field(default_factory=dict)
    md5: bool = False
    compartment: str = "vault"
    workers: int = 0


@dataclass
class Outcome:
    """What became of a seal: the delivery, and every loss of this session by name."""

    closed: Closed
    lost: list[Lost]
    unread: list[Lost]
    resumed: bool


@dataclass(frozen=True)
class Intake:
    """What is to be sealed: a source, the names in it (asked with the run's key), the indexer.

    `later` are names that are only known once those before are sealed; `told` is what the log's entry says of
    the source, asked when all is sealed.
    """

    identity: bytes
    source: Source
    names: Callable[[bytes], Iterator[Found]]
    indexer: Indexer
    later: tuple[Callable[[bytes], Iterator[Found]], ...] = ()
    told: Callable[[], dict[str, Json]] | None = None


def seal_names(vault: Vault, intake: Intake, settings: Settings, progress: Progress) -> Outcome:
    """Seal what is found in a source; the caller holds the vault's lock."""
    run, resumed = find_run(vault, intake.identity, settings.compartment)
    if resumed:
        progress.on_resume(run.items, run.size)
    outcome = seal_run(vault, run, intake, settings, progress, resumed=resumed)
    run.destroy()
    return outcome


def seal_run(
    vault: Vault, run: Run, intake: Intake, settings: Settings, progress: Progress, *, resumed: bool
) -> Outcome:
    """Seal what is left of an open run and enter it in the log; the run's folder stays."""
    closed = was_closed(vault, run)
    lost: list[Lost] = []
    unread: list[Lost] = []
    if closed is None:
        lost, unread = _take_in(run, intake, settings, progress)
        if not intake.source.present():  # names that nobody could list any more are no end of the source
            raise source_gone()
        source: dict[str, Json] = intake.told() if intake.told else {"how": intake.source.how}
        closed = close(vault, run, {"source": source, "complete": True, **settings.fields})
    return Outcome(closed, lost, unread, resumed)


def find_run(vault: Vault, identity: bytes, compartment: str) -> tuple[Run, bool]:
    """Return the unfinished run for this source, or a new one; and whether it was found."""
    for run in open_runs(vault.store):
        if run.is_of(identity) and run.info.compartment == compartment:
            recover(vault, run)
            if can_be_opened(vault, run):
                return run, True
            run.destroy()  # a crash came before its key was wrapped, and so before anything was taken in
    key = age.Identity.generate()
    run = Run.create(vault.store, identity, key.recipient, compartment)
    write_identity(vault, run.descriptor(), key)
    return run, False


def can_be_opened(vault: Vault, run: Run) -> bool:
    """Say whether the identity of an unfinished delivery was kept; TamperedError if it was and is gone."""
    path = run.descriptor().identity_path
    if vault.store.size(path) is not None:
        return True
    if run.parts:
        raise TamperedError(f"{path}, the key of an unfinished run, is gone", "keep the vault as it is")
    return False


def _take_in(
    run: Run, intake: Intake, settings: Settings, progress: Progress
) -> tuple[list[Lost], list[Lost]]:
    """Bring everything in the source into parts of the run; return what was lost, and what not indexed."""
    recipient = age.Recipient.parse(run.info.recipient)
    part = PartSettings(run.temporary, run.info.delivery, recipient, settings.md5)
    pool = WorkerPool(part, intake.source, intake.indexer, settings.workers or worker_count())
    session = _Session(run, pool, progress)
    try:
        batcher = Batcher(run)
        for names in (intake.names, *intake.later):
            session.drive(batcher.batches(names(run.key)), batcher)
        session.drive(batcher.link_batches(), batcher)
    finally:
        pool.close()
    return session.lost, session.unread


class _Session:
    """Keeps the workers busy and the journal written."""

    def __init__(self, run: Run, pool: WorkerPool, progress: Progress) -> None:
        self._run, self._pool, self._progress = run, pool, progress
        self.lost: list[Lost] = []
        self.unread: list[Lost] = []

    def drive(self, batches: Iterator[Batch], batcher: Batcher) -> None:
        """Hand out all `batches` and commit what comes back."""
        done: list[PartResult] = []
        ready: deque[Batch] = deque()
        more = True
        while more or ready or self._pool.busy:
            while ready and self._pool.submit(ready[0]):
                ready.popleft()
            self._commit(done, batcher)  # with all workers at work
            if more and len(ready) < _BATCHES_AHEAD:  # so that no worker waits while names are listed
                batch = next(batches, None)
                more = batch is not None
                ready += [batch] if batch else []
            ahead = not more or len(ready) == _BATCHES_AHEAD
            done = self._pool.collect(_POLL_SECONDS if ahead else 0)
        self._commit(done, batcher)

    def _commit(self, results: list[PartResult], batcher: Batcher) -> None:
        self._progress.on_read(self._pool.bytes_read())
        if not results:
            return
        self._run.commit(results)
        for result in results:
            self.lost += result.lost
            self.unread += result.unread
            batcher.sealed(result.inodes, item_id)
        self._progress.on_stored(self._run.items, self._run.size)
