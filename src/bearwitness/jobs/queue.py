"""The queue in the work database: leases, fencing tokens, a cap on attempts.

The database lies beside the catalogue, encrypted like it (SQLCipher, raw key), and may be deleted any time:
what was done stands in the log, what is to be done is planned again. One that is damaged is thrown away.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlcipher3 import dbapi2

from bearwitness.errors import BearwitnessError, VaultBusyError, VaultError, storage_error

from .model import Job, Lease

ATTEMPTS_MAX: Final = 5
_VERSION: Final = 1
_WAITING: Final = "waiting"
_LEASED: Final = "leased"
_DONE: Final = "done"
_GIVEN_UP: Final = "given up"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS jobs (
    job TEXT PRIMARY KEY, item TEXT NOT NULL, step TEXT NOT NULL, place INTEGER NOT NULL,
    weight INTEGER NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, fence INTEGER NOT NULL,
    until REAL NOT NULL, worker TEXT NOT NULL, reason TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_state ON jobs (state, attempts, place, item);
CREATE TABLE IF NOT EXISTS fences (last INTEGER NOT NULL);
"""
_NEXT: Final = (
    "SELECT job, item, attempts FROM jobs WHERE state = ? ORDER BY attempts, place, item, job LIMIT 1"
)
_JOBS: Final = "SELECT job, item, step, place, weight FROM jobs"


@dataclass(frozen=True)
class Counts:
    """How many jobs are in which state, and the weight of those that wait."""

    waiting: int
    leased: int
    done: int
    given_up: int
    weight_left: int


class Queue:
    """The open work database."""

    def __init__(
        self,
        path: Path,
        key: bytes,
        clock: Callable[[], float] = time.time,
        *,
        attempts_max: int = ATTEMPTS_MAX,
    ) -> None:
        """Open or make it; `key` are 32 bytes; `clock` tells seconds of the epoch."""
        self._path, self._key, self._clock, self._attempts_max = path, key, clock, attempts_max
        try:
            self._database = self._open()
        except dbapi2.DatabaseError as error:
            if _is_outside(error):
                raise _failure(error, path) from None
            # Of another version or key, or damaged: nothing in it is not in the log, or planned again.
            discard(path)
            self._database = self._open()

    def _open(self) -> Any:
        database = dbapi2.connect(str(self._path), isolation_level=None, timeout=30)
        try:
            database.execute("PRAGMA cipher_log_level = NONE")
            database.execute(f"PRAGMA key = \"x'{self._key.hex()}'\"")
            database.execute("PRAGMA temp_store = MEMORY")
            database.execute(
                "PRAGMA synchronous = OFF"
            )  # a power cut may damage it, a killed process does not
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version not in (0, _VERSION):
                raise dbapi2.DatabaseError("another version")
            database.executescript(_SCHEMA)
            database.execute(f"PRAGMA user_version = {_VERSION}")
        except BaseException:
            database.close()
            raise
        return database

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    @contextmanager
    def _at_once(self) -> Iterator[Any]:
        """Give the database for a change that is whole or not at all; raise StorageError, VaultError."""
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
        except dbapi2.DatabaseError as error:
            raise _failure(error, self._path) from None

    def add(self, jobs: Iterable[Job]) -> int:
        """Have `jobs` done; those the queue knows stay as they are. Return how many were new."""
        rows = [(j.job, j.item, j.step, j.place, j.weight, _WAITING) for j in jobs]
        with self._at_once() as database:
            before = database.total_changes
            database.executemany(
                "INSERT OR IGNORE INTO jobs VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, '', '')", rows
            )
            return int(database.total_changes - before)

    def keep_only(self, jobs: Iterable[str]) -> None:
        """Forget every job that is not among `jobs`: it was done, or is not wanted any more."""
        with self._at_once() as database:
            database.execute("CREATE TEMP TABLE wanted (job TEXT PRIMARY KEY)")
            database.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", [(job,) for job in jobs])
            database.execute("DELETE FROM jobs WHERE job NOT IN (SELECT job FROM wanted)")
            database.execute("DROP TABLE wanted")

    def lease(self, worker: str, seconds: float) -> Lease | None:
        """Give `worker` what is to be done next for `seconds`; None if nothing waits.

        The first time all waiting jobs of one item go together, so that it is read once. A job that was tried
        before goes alone, after all others: of those that were tried together, one may be the culprit.
        """
        now = self._clock()
        with self._at_once() as database:
            self._expire(database, now)
            first = database.execute(_NEXT, (_WAITING,)).fetchone()
            if first is None:
                return None
            alone, item, attempts = first
            if attempts:
                rows = database.execute(f"{_JOBS} WHERE job = ?", (alone,)).fetchall()
            else:
                where = f"{_JOBS} WHERE item = ? AND state = ? AND attempts = 0 ORDER BY job"
                rows = database.execute(where, (item, _WAITING)).fetchall()
            fence = self._next_fence(database)
            database.executemany(
                "UPDATE jobs SET state = ?, attempts = attempts + 1, fence = ?, until = ?, worker = ? "
                "WHERE job = ?",
                [(_LEASED, fence, now + seconds, worker, row[0]) for row in rows],
            )
        jobs = tuple(Job(*row) for row in rows)
        return Lease(item, jobs, fence, attempts + 1, now + seconds)

    @staticmethod
    def _next_fence(database: Any) -> int:
        row = database.execute("SELECT last FROM fences").fetchone()
        fence = 1 + (row[0] if row else 0)
        database.execute("DELETE FROM fences")
        database.execute("INSERT INTO fences VALUES (?)", (fence,))
        return int(fence)

    def _expire(self, database: Any, now: float, worker: str = "") -> None:
        """Take back leases whose time is up, and all of `worker`; give up what had attempts enough."""
        database.execute(
            "UPDATE jobs SET state = CASE WHEN attempts >= ? THEN ? ELSE ? END, reason = "
            "CASE WHEN reason = '' THEN 'its worker died' ELSE reason END "
            "WHERE state = ? AND (until <= ? OR worker = ?)",
            (self._attempts_max, _GIVEN_UP, _WAITING, _LEASED, now, worker),
        )

    def reclaim(self, worker: str) -> None:
        """Take back what `worker` holds, whom somebody knows to be dead."""
        with self._at_once() as database:
            self._expire(database, self._clock(), worker)

    def give_back(self, worker: str) -> None:
        """Take back what `worker` holds and was kept from ending: it counts as if it had not been tried."""
        with self._at_once() as database:
            database.execute(
                "UPDATE jobs SET state = ?, attempts = attempts - 1 WHERE state = ? AND worker = ?",
                (_WAITING, _LEASED, worker),
            )

    def renew(self, lease: Lease, seconds: float) -> bool:
        """Hold a lease longer; False if it is not held any more."""
        with self._at_once() as database:
            before = database.total_changes
            database.execute(
                "UPDATE jobs SET until = ? WHERE fence = ? AND state = ?",
                (self._clock() + seconds, lease.fence, _LEASED),
            )
            return bool(database.total_changes > before)

    def holds(self, lease: Lease, job: str) -> bool:
        """Say whether `lease` is still the one that holds `job`: ask before what it brought is entered."""
        row = self._database.execute("SELECT fence, state FROM jobs WHERE job = ?", (job,)).fetchone()
        return row is not None and tuple(row) == (lease.fence, _LEASED)

    def finish(self, jobs: Sequence[str]) -> None:
        """Say that the results of `jobs` are in the log."""
        with self._at_once() as database:
            database.executemany("UPDATE jobs SET state = ? WHERE job = ?", [(_DONE, job) for job in jobs])

    def fail(self, lease: Lease, reason: str, jobs: Iterable[str] | None = None) -> None:
        """Give jobs of a lease back, all or these: tried again, or given up after the last attempt."""
        names = [job.job for job in lease.jobs] if jobs is None else jobs
        with self._at_once() as database:
            database.executemany(
                "UPDATE jobs SET reason = ?, state = CASE WHEN attempts >= ? THEN ? ELSE ? END "
                "WHERE job = ? AND fence = ? AND state = ?",
                [
                    (reason, self._attempts_max, _GIVEN_UP, _WAITING, name, lease.fence, _LEASED)
                    for name in names
                ],
            )

    def forget(self, jobs: Iterable[str]) -> None:
        """Drop jobs that are not to be done any more."""
        with self._at_once() as database:
            database.executemany("DELETE FROM jobs WHERE job = ?", [(job,) for job in jobs])

    def given_up(self) -> list[tuple[Job, str]]:
        """Return the jobs that had attempts enough, with the last reason: somebody enters them as failed."""
        with self._at_once() as database:
            self._expire(database, self._clock())
            rows = database.execute(
                "SELECT job, item, step, place, weight, reason FROM jobs WHERE state = ? ORDER BY place, job",
                (_GIVEN_UP,),
            ).fetchall()
        return [(Job(*row[:5]), row[5]) for row in rows]

    def counts(self) -> Counts:
        """Return how far the work is."""
        rows = self._database.execute(
            "SELECT state, count(*), sum(weight) FROM jobs GROUP BY state"
        ).fetchall()
        number = {state: count for state, count, _ in rows}
        left = sum(weight for state, _, weight in rows if state in (_WAITING, _LEASED))
        waiting, leased, done, given_up = (number.get(s, 0) for s in (_WAITING, _LEASED, _DONE, _GIVEN_UP))
        return Counts(waiting, leased, done, given_up, left)


def _is_outside(error: Exception) -> bool:
    """Say whether not the database is to blame, but a full disk or another command."""
    return any(word in str(error) for word in ("full", "locked", "disk I/O"))


def _failure(error: Exception, path: Path) -> BearwitnessError:
    """Return what a failure of the database means."""
    if "full" in str(error):
        return storage_error(OSError(errno.ENOSPC, ""), str(path))
    if "disk I/O" in str(error):
        return storage_error(OSError(errno.EIO, ""), str(path))
    if "locked" in str(error):
        return VaultBusyError(f"another command is using {path}", "wait until it has ended")
    return VaultError(
        f"the list of work at {path} was damaged ({error}); nothing is lost",
        "run the same command again: it goes on where it stopped",
    )


def discard(path: Path) -> None:
    """Remove the database file."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
