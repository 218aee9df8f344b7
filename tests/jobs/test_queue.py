"""The queue: every job is done by one who holds it, and by nobody twice; what was lost is given out again."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearwitness.errors import StorageError
from bearwitness.jobs.model import Job, Lease, job_id
from bearwitness.jobs.queue import Queue
from bearwitness_verify.canonical import Json

KEY = bytes(range(32))


class Clock:
    """A clock that stands still unless it is told."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(tmp_path: Path, clock: Clock) -> Iterator[Queue]:
    made = Queue(tmp_path / "work.db", KEY, clock, attempts_max=3)
    yield made
    made.close()


def jobs(*names: str, item: str = "", place: int = 0) -> list[Job]:
    return [Job(name, item or name, "look", place, 10) for name in names]


def leased(queue: Queue, worker: str = "w", seconds: float = 60) -> Lease:
    lease = queue.lease(worker, seconds)
    assert lease is not None
    return lease


def test_a_job_id_is_decided_by_what_is_asked_and_by_nothing_else() -> None:
    asked: tuple[str, str, str, Json, Json] = (
        "item",
        "faces",
        "1",
        {"name": "m", "sha256": "00"},
        {"threshold": "0.2"},
    )
    assert job_id(*asked) == job_id(*asked)
    others: list[tuple[str, str, str, Json, Json]] = [
        ("item2", *asked[1:]),
        (asked[0], "face", *asked[2:]),
        (*asked[:2], "2", *asked[3:]),
        (*asked[:3], None, asked[4]),
        (*asked[:4], {}),
    ]
    assert len({job_id(*other) for other in [asked, *others]}) == 6


def test_all_jobs_of_an_item_go_together_the_first_time_and_alone_after_a_failure(queue: Queue) -> None:
    queue.add([*jobs("a", "b", item="one", place=1), *jobs("c", item="two", place=2)])
    first = leased(queue)
    assert [job.job for job in first.jobs] == ["a", "b"]
    queue.fail(first, "it crashed")
    assert [job.job for job in leased(queue).jobs] == ["c"], "what failed waits for all others"
    alone = [leased(queue), leased(queue)]
    assert [[job.job for job in lease.jobs] for lease in alone] == [["a"], ["b"]]
    assert {lease.attempt for lease in alone} == {2}
    assert queue.lease("w", 60) is None


def test_what_is_leased_is_given_to_nobody_else_until_its_time_is_up(queue: Queue, clock: Clock) -> None:
    queue.add(jobs("a"))
    first = leased(queue, "slow", 60)
    assert queue.lease("other", 60) is None
    clock.now += 61
    second = leased(queue, "other", 60)
    assert second.fence > first.fence
    assert not queue.holds(first, "a"), "the slow one must not enter its result any more"
    assert queue.holds(second, "a")
    queue.fail(first, "too late")
    assert queue.holds(second, "a"), "and can not take the job away from the one who has it"


def test_a_lease_can_be_held_longer_but_not_once_it_is_lost(queue: Queue, clock: Clock) -> None:
    queue.add(jobs("a"))
    first = leased(queue, seconds=60)
    clock.now += 50
    assert queue.renew(first, 60)
    clock.now += 50
    assert queue.lease("other", 60) is None
    clock.now += 20
    leased(queue, "other")
    assert not queue.renew(first, 60)


def test_a_job_is_given_up_after_its_last_attempt_and_told_with_the_reason(
    queue: Queue, clock: Clock
) -> None:
    queue.add(jobs("a", "b"))
    for _ in range(3):
        queue.fail(leased(queue), "it hung")
        leased(queue, seconds=1)
        clock.now += 2
    assert queue.lease("w", 60) is None
    assert {(job.job, reason) for job, reason in queue.given_up()} == {
        ("a", "it hung"),
        ("b", "its worker died"),
    }
    assert queue.counts().given_up == 2
    queue.finish(["a", "b"])
    assert queue.given_up() == []


def test_what_was_kept_from_ending_was_not_tried(queue: Queue) -> None:
    queue.add(jobs("a", "b", item="one"))
    for _ in range(5):
        lease = leased(queue, "local")
        assert ([job.job for job in lease.jobs], lease.attempt) == (["a", "b"], 1)
        queue.give_back("local")
    assert not queue.holds(lease, "a")
    held = leased(queue, "other")
    queue.give_back("local")
    assert queue.holds(held, "a"), "what another holds is left to it"
    assert queue.given_up() == []


def test_a_full_disk_is_told_as_one_and_nothing_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    queue = Queue(path, KEY)
    queue.add(jobs("a"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    try:
        with pytest.raises(StorageError):
            queue.add(jobs(*(f"job {n}" for n in range(2000))))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [job.job for job in leased(queue).jobs] == ["a"]
    queue.close()


def test_adding_a_job_again_changes_nothing(queue: Queue) -> None:
    assert queue.add(jobs("a")) == 1
    lease = leased(queue)
    assert queue.add(jobs("a", "b")) == 1
    assert queue.holds(lease, "a")
    queue.finish(["a"])
    assert queue.add(jobs("a")) == 0
    assert queue.counts().done == 1


def test_what_is_not_planned_any_more_is_forgotten(queue: Queue) -> None:
    queue.add(jobs("a", "b", "c"))
    queue.keep_only(["b"])
    assert [job.job for job in leased(queue).jobs] == ["b"]
    assert queue.lease("w", 60) is None


def test_after_a_crash_the_jobs_of_the_dead_are_given_out_again(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "work.db"
    before = Queue(path, KEY, clock)
    before.add(jobs("a", "b"))
    dead = leased(before, "local", 3600)
    before.close()
    after = Queue(path, KEY, clock)
    after.reclaim("local")
    again = {job.job for _ in range(2) for job in leased(after, "local").jobs}
    assert again == {"a", "b"}
    assert not after.holds(dead, "a")
    after.close()


@pytest.mark.parametrize("harm", ["cut", "noise", "other key"])
def test_a_damaged_database_is_thrown_away_and_made_anew(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "work.db"
    queue = Queue(path, KEY)
    queue.add(jobs("a"))
    queue.close()
    data = path.read_bytes()
    path.write_bytes({"cut": data[:1000], "noise": bytes(len(data)), "other key": data}[harm])
    again = Queue(path, KEY if harm != "other key" else bytes(32))
    assert again.add(jobs("a", "b")) == 2
    again.close()


def test_the_database_says_nothing_without_the_key(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "work.db", KEY)
    queue.add(jobs("0123456789abcdef", item="an item to be kept"))
    queue.close()
    data = (tmp_path / "work.db").read_bytes()
    assert b"an item" not in data
    assert b"SQLite" not in data


ACTS = st.lists(
    st.tuples(st.sampled_from(["lease", "finish", "fail", "late", "renew"]), st.integers(0, 3)), max_size=40
)


@settings(deadline=None, max_examples=40)
@given(acts=ACTS)
def test_whatever_happens_a_job_is_held_by_one_at_most_and_none_is_lost(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int]]
) -> None:
    clock = Clock()
    queue = Queue(tmp_path_factory.mktemp("queue") / "work.db", KEY, clock, attempts_max=4)
    names = {"a", "b", "c", "d"}
    queue.add([*jobs("a", "b", item="one"), *jobs("c", "d")])
    held: list[Lease] = []
    entered: list[str] = []
    for act, number in acts:
        if act == "lease" and (lease := queue.lease(f"w{number}", 60)) is not None:
            held.append(lease)
        elif act == "late":
            clock.now += 61
        elif held:
            lease = held[number % len(held)]
            mine = [job.job for job in lease.jobs if queue.holds(lease, job.job)]
            if act == "finish":
                entered += mine
                queue.finish(mine)
            elif act == "fail":
                queue.fail(lease, "no")
            else:
                queue.renew(lease, 60)
        for name in names:
            assert sum(queue.holds(lease, name) for lease in held) <= 1
    clock.now += 61
    while (lease := queue.lease("last", 60)) is not None:
        mine = [job.job for job in lease.jobs]
        entered += mine
        queue.finish(mine)
    entered += [job.job for job, _ in queue.given_up()]
    assert sorted(entered) == sorted(names), "every job is entered once"
    queue.close()
