"""Using the sandbox: calls, sessions, many at once, and a zygote that dies."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import select
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from bearwitness.errors import ChildFailedError, SandboxError
from bearwitness.sandbox.client import Sandbox
from bearwitness.sandbox.limits import Limits
from bearwitness.sandbox.wire import FILES_MAX, QUESTION_BYTES_MAX, REQUEST_BYTES_MAX

HERE = str(Path(__file__).parent)
OpenSandbox = Callable[[frozenset[str]], Sandbox]
# pytest-xdist has threads of its own; those of the tests do nothing when the processes are forked.
forks = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


@pytest.fixture
def own() -> Sandbox:
    """A sandbox that a test may break."""
    return Sandbox("hostile_tasks", _folders=[HERE])


def wait_until_gone(pidfd: int) -> None:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    assert poll.poll(20_000), "the child lives on"
    os.close(pidfd)


# Preparing


def test_a_sandbox_that_was_prepared_early_is_the_one_that_serves(own: Sandbox, limits: Limits) -> None:
    with own:
        own.prepare()
        prepared = own.zygote_pid
        own.prepare()
        own.start()
        assert own.call("echo", b"early", [], limits) == b"early"
        assert own.zygote_pid == prepared > 0
    own.prepare()
    assert own.call("echo", b"without waiting for it", [], limits) == b"without waiting for it"
    own.close()


def test_a_zygote_that_dies_before_it_is_waited_for_is_told_and_another_serves(
    own: Sandbox, limits: Limits
) -> None:
    with own:
        own.prepare()
        os.kill(own.zygote_pid, signal.SIGKILL)
        with pytest.raises(SandboxError, match="did not start"):
            own.start()
        assert own.call("echo", b"again", [], limits) == b"again"


# Calls


def test_an_answer_comes_back(sandbox: Sandbox, limits: Limits) -> None:
    assert sandbox.call("echo", b"\x00\n some bytes", [], limits) == b"\x00\n some bytes"
    assert sandbox.call("echo", b"", [], limits) == b""


def test_files_arrive_in_order_whatever_their_numbers(
    tmp_path: Path, sandbox: Sandbox, limits: Limits
) -> None:
    texts = [f"file {number}".encode() for number in range(FILES_MAX)]
    files = []
    try:
        for number, text in enumerate(texts):
            path = tmp_path / str(number)
            path.write_bytes(text)
            files.append(os.open(path, os.O_RDONLY))
        assert sandbox.call("read_files", b"", files[::-1], limits) == b"|".join(texts[::-1])
        with pytest.raises(SandboxError, match="too much is handed"):
            sandbox.call("read_files", b"", [*files, files[0]], limits)
    finally:
        for file in files:
            os.close(file)


def test_a_file_object_can_be_made_of_a_file(tmp_path: Path, sandbox: Sandbox, limits: Limits) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"contents")
    with path.open("rb") as file:
        assert sandbox.call("read_as_file_object", b"", [file.fileno()], limits) == b"contents"


def test_only_files_and_disks_are_handed_over(tmp_path: Path, sandbox: Sandbox, limits: Limits) -> None:
    ends = os.pipe()
    folder = os.open(tmp_path, os.O_RDONLY)
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        for file in (ends[0], folder, null):
            with pytest.raises(SandboxError, match="only files and disks"):
                sandbox.call("read_files", b"", [file], limits)
    finally:
        for file in (*ends, folder, null):
            os.close(file)
    with pytest.raises(SandboxError, match="Bad file descriptor"):
        sandbox.call("read_files", b"", [1 << 20], limits)


def test_arguments_that_are_too_long_are_refused(sandbox: Sandbox, limits: Limits) -> None:
    with pytest.raises(SandboxError, match="too much is handed"):
        sandbox.call("echo", bytes(REQUEST_BYTES_MAX), [], limits)
    long = bytes(REQUEST_BYTES_MAX - 200)
    assert sandbox.call("echo", long, [], limits) == long


def test_a_task_may_use_threads(sandbox: Sandbox, limits: Limits) -> None:
    assert sandbox.call("run_threads", b"", [], replace(limits, memory_bytes=1 << 30)) == b"28"


def test_no_descriptor_is_left_open(own: Sandbox, limits: Limits, tmp_path: Path) -> None:
    def count(pid: str) -> int:
        return len(os.listdir(f"/proc/{pid}/fd"))

    (tmp_path / "file").write_bytes(b"")
    # Without the layers, because nobody may look at the descriptors of a locked zygote.
    with (
        Sandbox("hostile_tasks", _layers=frozenset(), _folders=[HERE]) as sandbox,
        (tmp_path / "file").open() as file,
    ):
        sandbox.start()
        zygote = str(sandbox.zygote_pid)
        before, before_zygote = count("self"), count(zygote)
        for number in range(200):
            if number % 4:
                sandbox.call("echo", b"", [file.fileno()], limits)
            else:
                with pytest.raises(ChildFailedError):
                    sandbox.call("leave_at_once", b"", [file.fileno()], limits)
        with sandbox.session("converse", b"", [file.fileno()], limits) as session:
            pidfd = os.pidfd_open(int(session.ask(b"pid")))
        wait_until_gone(pidfd)
        assert count("self") == before
        assert count(zygote) < before_zygote + 10  # the last children may just be being tidied up


# Sessions


def test_a_session_answers_one_question_after_the_other(sandbox: Sandbox, limits: Limits) -> None:
    with sandbox.session("converse", b"", [], limits) as session:
        child = session.ask(b"pid")
        assert [session.ask(each) for each in (b"abc", b"", b"x" * 300_000)] == [b"cba", b"", b"x" * 300_000]
        assert session.ask(b"pid") == child
    assert session.closed
    with pytest.raises(SandboxError, match="session is over"):
        session.ask(b"abc")


def test_a_question_that_can_not_be_answered_does_not_end_a_session(sandbox: Sandbox, limits: Limits) -> None:
    with sandbox.session("converse", b"", [], limits) as session:
        with pytest.raises(ChildFailedError, match="this question can not be answered"):
            session.ask(b"error")
        with pytest.raises(ChildFailedError, match="answered more than it may"):
            session.ask(b"much")
        with pytest.raises(SandboxError, match="too long"):
            session.ask(bytes(QUESTION_BYTES_MAX + 1))
        assert session.ask(b"abc") == b"cba"


def test_a_session_whose_child_crashes_is_over(sandbox: Sandbox, limits: Limits) -> None:
    with sandbox.session("converse", b"", [], limits) as session:
        with pytest.raises(ChildFailedError, match="SIGSEGV"):
            session.ask(b"crash")
        assert session.closed


def test_a_child_that_does_not_answer_in_time_is_killed(sandbox: Sandbox, hasty: Limits) -> None:
    with sandbox.session("converse", b"", [], hasty) as session:
        pidfd = os.pidfd_open(int(session.ask(b"pid")))
        with pytest.raises(ChildFailedError, match=r"gave no answer within 0\.2 s"):
            session.ask(b"hang")
        assert session.closed
    wait_until_gone(pidfd)


def test_a_session_that_can_not_be_opened_says_why(sandbox: Sandbox, limits: Limits, hasty: Limits) -> None:
    with pytest.raises(ChildFailedError, match="no image"):
        sandbox.session("fail_to_open", b"", [], limits)
    with pytest.raises(ChildFailedError, match="there is no task 'echo' here"):
        sandbox.session("echo", b"", [], limits)
    with pytest.raises(ChildFailedError, match="gave no answer within"):
        sandbox.session("never_read", b"", [], hasty)


def test_an_interrupted_question_ends_a_session_lest_answers_get_mixed_up(
    sandbox: Sandbox, limits: Limits
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with sandbox.session("converse", b"", [], limits) as session:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(KeyboardInterrupt):
                session.ask(b"hang")
            assert session.closed
    finally:
        signal.signal(signal.SIGALRM, before)


def test_closing_a_session_ends_its_child(sandbox: Sandbox, limits: Limits) -> None:
    with sandbox.session("converse", b"", [], limits) as session:
        pidfd = os.pidfd_open(int(session.ask(b"pid")))
    wait_until_gone(pidfd)


# Many at once


def call_many_times(sandbox: Sandbox, limits: Limits, name: str) -> None:
    for number in range(25):
        text = f"{name} {number}".encode()
        assert sandbox.call("echo", text, [], limits) == text


def in_process(sandbox: Sandbox, limits: Limits, name: str, result: Connection) -> None:
    call_many_times(sandbox, limits, name)
    result.send("good")


@forks
@pytest.mark.parametrize("started", [True, False], ids=["one zygote", "a zygote each"])
def test_processes_forked_later_share_the_sandbox(started: bool, own: Sandbox, limits: Limits) -> None:
    context = multiprocessing.get_context("fork")
    with own as sandbox:
        if started:
            sandbox.start()
        workers = []
        for number in range(4):
            ours, theirs = context.Pipe(duplex=False)
            worker = context.Process(target=in_process, args=(sandbox, limits, f"process {number}", theirs))
            worker.start()
            theirs.close()
            workers.append((worker, ours))
        call_many_times(sandbox, limits, "parent")
        for worker, ours in workers:
            assert ours.recv() == "good"
            ours.close()
            worker.join()
            worker.close()


def test_threads_share_the_sandbox(sandbox: Sandbox, limits: Limits) -> None:
    done: list[int] = []

    def work(number: int) -> None:
        call_many_times(sandbox, limits, f"thread {number}")
        done.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, 1, 2, 3]


def open_session_and_tell(sandbox: Sandbox, limits: Limits, result: Connection) -> None:
    session = sandbox.session("converse", b"", [], limits)
    result.send(int(session.ask(b"pid")))
    signal.pause()


@forks
def test_a_child_dies_with_the_process_that_asked_for_it(own: Sandbox, limits: Limits) -> None:
    context = multiprocessing.get_context("fork")
    with own as sandbox:
        sandbox.start()
        ours, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=open_session_and_tell, args=(sandbox, limits, theirs))
        worker.start()
        theirs.close()
        pidfd = os.pidfd_open(ours.recv())
        ours.close()
        worker.kill()
        worker.join()
        worker.close()
        wait_until_gone(pidfd)
        assert sandbox.call("echo", b"all well", [], limits) == b"all well"


def work_and_close(sandbox: Sandbox, limits: Limits, result: Connection) -> None:
    in_process(sandbox, limits, "worker", result)
    sandbox.close()


@forks
def test_a_forked_process_is_not_stopped_by_a_thread_that_was_using_the_sandbox_nor_ends_it_for_others(
    own: Sandbox, limits: Limits
) -> None:
    context = multiprocessing.get_context("fork")
    with own as sandbox, sandbox.session("converse", b"", [], limits) as session:
        ours, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=work_and_close, args=(sandbox, limits, theirs))
        with sandbox._zygote._lock:  # as another thread would hold it that is just sending
            worker.start()
        theirs.close()
        try:
            assert ours.poll(20), "the worker waits for a thread that is not there"
            assert ours.recv() == "good"
        finally:
            worker.join(20)
            worker.kill()
            worker.join()
            worker.close()
            ours.close()
        assert session.ask(b"abc") == b"cba"


# A zygote that dies


def test_when_the_zygote_dies_its_children_do_and_the_next_call_starts_another(
    own: Sandbox, limits: Limits
) -> None:
    with own as sandbox:
        session = sandbox.session("converse", b"", [], limits)
        first = sandbox.zygote_pid
        pidfd = os.pidfd_open(int(session.ask(b"pid")))
        os.kill(first, signal.SIGKILL)
        wait_until_gone(pidfd)
        with pytest.raises(SandboxError, match="the sandbox itself ended"):
            session.ask(b"abc")
        assert sandbox.call("echo", b"abc", [], limits) == b"abc"
        assert sandbox.zygote_pid != first


def test_a_zygote_that_is_killed_in_the_middle_of_calls_makes_none_of_them_hang(
    own: Sandbox, limits: Limits
) -> None:
    with own as sandbox:
        for _ in range(10):
            sandbox.start()
            os.kill(sandbox.zygote_pid, signal.SIGKILL)
            try:
                assert sandbox.call("echo", b"abc", [], limits) == b"abc"
            except SandboxError as error:
                assert "the sandbox itself ended" in error.message  # noqa: PT017 - either is right


def test_a_zygote_that_is_stopped_makes_a_call_late_not_endless(own: Sandbox, hasty: Limits) -> None:
    with own as sandbox:
        sandbox.start()
        os.kill(sandbox.zygote_pid, signal.SIGSTOP)
        with pytest.raises(ChildFailedError, match="gave no answer within"):
            sandbox.call("echo", b"abc", [], hasty)


@forks
def test_a_forked_process_whose_zygote_is_gone_starts_its_own(own: Sandbox, limits: Limits) -> None:
    context = multiprocessing.get_context("fork")
    sandbox = own
    sandbox.start()
    ours, theirs = context.Pipe(duplex=False)
    ready, go = context.Pipe(duplex=False)
    worker = context.Process(target=wait_then_work, args=(sandbox, limits, ready, theirs))
    worker.start()
    for end in (theirs, ready):
        end.close()
    sandbox.close()
    go.send("closed")
    assert ours.recv() == "good"
    worker.join()
    for end in (ours, go, worker):
        end.close()


def wait_then_work(sandbox: Sandbox, limits: Limits, ready: Connection, result: Connection) -> None:
    ready.recv()
    in_process(sandbox, limits, "orphan", result)
    sandbox.close()


def test_a_closed_sandbox_leaves_no_process(own: Sandbox) -> None:
    with own as sandbox:
        sandbox.start()
        pidfd = os.pidfd_open(sandbox.zygote_pid)
    wait_until_gone(pidfd)


def test_the_zygote_has_no_terminal(own: Sandbox) -> None:
    with own as sandbox:
        sandbox.start()
        assert os.getsid(sandbox.zygote_pid) == sandbox.zygote_pid != os.getsid(0)


def kill_zygote(sandbox: Sandbox) -> None:
    pidfd = os.pidfd_open(sandbox.zygote_pid)
    os.kill(sandbox.zygote_pid, signal.SIGKILL)
    wait_until_gone(pidfd)


def die_of_broken_pipes(sandbox: Sandbox, limits: Limits, result: Connection) -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    with sandbox.session("converse", b"", [], limits) as session:
        pidfd = os.pidfd_open(int(session.ask(b"pid")))
        kill_zygote(sandbox)
        wait_until_gone(pidfd)
        with contextlib.suppress(SandboxError):
            session.ask(b"abc")
    sandbox.call("echo", b"abc", [], limits)
    kill_zygote(sandbox)
    sandbox.call("echo", b"abc", [], limits)
    sandbox.close()
    result.send("good")


@forks
def test_a_command_that_dies_of_broken_pipes_does_not_die_of_a_child(own: Sandbox, limits: Limits) -> None:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    worker = context.Process(target=die_of_broken_pipes, args=(own, limits, theirs))
    worker.start()
    theirs.close()
    assert ours.recv() == "good"
    worker.join()
    for end in (ours, worker):
        end.close()


# A zygote that can not start


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("1 / 0", "ZeroDivisionError"),
        ("import os\nos._exit(0)", "it died"),
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(3600,), daemon=True).start()",
            "started threads",
        ),
    ],
)
def test_a_module_of_tasks_that_can_not_be_used_is_named(
    source: str, sentence: str, tmp_path: Path, limits: Limits
) -> None:
    (tmp_path / "bad_tasks.py").write_text(source)
    with (
        Sandbox("bad_tasks", _folders=[str(tmp_path)]) as sandbox,
        pytest.raises(SandboxError, match=f"bad_tasks did not start: .*{sentence}"),
    ):
        sandbox.call("echo", b"", [], limits)


def test_the_folder_one_works_in_is_not_searched_for_tasks(
    tmp_path: Path, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "planted_tasks.py").write_text("CALLS = {}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Sandbox("planted_tasks") as sandbox, pytest.raises(SandboxError, match="No module named"):
        sandbox.call("echo", b"", [], limits)
