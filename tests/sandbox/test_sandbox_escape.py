"""A child that a hostile file has taken over can not get out; each act would succeed without the lock."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bearwitness.errors import ChildFailedError
from bearwitness.sandbox import client, landlock, seccomp, syscalls
from bearwitness.sandbox.client import Sandbox
from bearwitness.sandbox.limits import Limits
from workbench import wait_until

OpenSandbox = Callable[[frozenset[str]], Sandbox]

SECCOMP = frozenset({"seccomp"})
LANDLOCK = frozenset({"landlock"})
DENIED = "PermissionError"
KILLED = "made a forbidden system call"
COLUMN = {"x86_64": 0, "aarch64": 1}


@pytest.fixture
def targets(tmp_path: Path) -> Iterator[dict[str, bytes]]:
    """What the acts are aimed at, by the name of the act: all of it is there and open to this user."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"do not read")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        name = f"bearwitness-test-{os.getpid()}".encode()
        abstract.bind(b"\0" + name)
        abstract.listen()
        yield {
            "open_for_reading": bytes(secret),
            "open_for_writing": bytes(tmp_path / "new"),
            "list_folder": bytes(tmp_path),
            "stat": bytes(secret),
            "remove": bytes(secret),
            "connect": str(server.getsockname()[1]).encode(),
            "connect_abstract": name,
            "signal_process": str(os.getpid()).encode(),
        }


FILTERED = {
    "open_for_reading": DENIED,
    "open_for_writing": DENIED,
    "open_own_memory": DENIED,
    "list_folder": DENIED,
    "stat": DENIED,
    "remove": DENIED,
    "open_internet_socket": DENIED,
    "open_local_socket": DENIED,
    "connect": DENIED,
    "connect_abstract": DENIED,
    "fork": DENIED,
    "signal_process": DENIED,
    "trace": KILLED,
    "make_code": DENIED,
    "turn_data_into_code": DENIED,
    "put_off_alarm": "itimer_error: .*not permitted",
    "ignore_alarm": DENIED,
    "block_alarm": DENIED,
}


@pytest.mark.parametrize("act", FILTERED)
def test_the_filter_alone_stops(
    act: str, targets: dict[str, bytes], open_sandbox: OpenSandbox, limits: Limits
) -> None:
    with pytest.raises(ChildFailedError, match=FILTERED[act]):
        open_sandbox(SECCOMP).call(act, targets.get(act, b""), [], limits)


@pytest.mark.parametrize("act", FILTERED)
def test_all_layers_together_stop(
    act: str, targets: dict[str, bytes], sandbox: Sandbox, limits: Limits
) -> None:
    with pytest.raises(ChildFailedError, match=FILTERED[act]):
        sandbox.call(act, targets.get(act, b""), [], limits)


@pytest.mark.parametrize("act", FILTERED)
def test_without_the_lock_the_same_act_succeeds(
    act: str, targets: dict[str, bytes], unlocked: Sandbox, limits: Limits
) -> None:
    assert unlocked.call(act, targets.get(act, b""), [], limits) == b"did it"


# the act: the version of Landlock that first stops it
STOPPED_BY_LANDLOCK = {
    "open_for_reading": 1,
    "open_for_writing": 1,
    "list_folder": 1,
    "remove": 1,
    "connect": 4,
    "connect_abstract": 6,
    "signal_process": 6,
}


@pytest.mark.parametrize("act", STOPPED_BY_LANDLOCK)
def test_landlock_alone_stops(
    act: str, targets: dict[str, bytes], open_sandbox: OpenSandbox, limits: Limits
) -> None:
    if landlock.abi() < STOPPED_BY_LANDLOCK[act]:
        pytest.skip("this kernel's Landlock is too old for it; the filter stops it")
    with pytest.raises(ChildFailedError, match=DENIED):
        open_sandbox(LANDLOCK).call(act, targets[act], [], limits)


def test_by_landlock_alone_a_child_is_a_stranger_to_the_zygote(
    open_sandbox: OpenSandbox, limits: Limits
) -> None:
    if landlock.abi() < STOPPED_BY_LANDLOCK["signal_process"]:
        pytest.skip("this kernel's Landlock is too old for it; the filter stops it")
    sandbox = open_sandbox(LANDLOCK)
    sandbox.start()
    with pytest.raises(ChildFailedError, match=DENIED):
        sandbox.call("signal_process", str(sandbox.zygote_pid).encode(), [], limits)


def test_no_program_is_executed(sandbox: Sandbox, open_sandbox: OpenSandbox, limits: Limits) -> None:
    for locked in (sandbox, open_sandbox(SECCOMP), open_sandbox(LANDLOCK)):
        with pytest.raises(ChildFailedError, match=DENIED):
            locked.call("execute", b"", [], limits)


def test_without_the_lock_a_program_is_executed(unlocked: Sandbox, limits: Limits) -> None:
    with pytest.raises(ChildFailedError, match=r"ended without an answer \(exit code 0\)"):
        unlocked.call("execute", b"", [], limits)


def numbers(*, of_kind: int | None = None) -> set[int]:
    column = COLUMN[seccomp.machine() or ""]
    rules = [rule for rule in syscalls.CHILD if of_kind is None or rule.action == of_kind]
    found = {syscalls.NUMBERS[rule.name][column] for rule in rules}
    return {number for number in found if number is not None}


def test_every_system_call_that_is_not_listed_is_refused(sandbox: Sandbox, limits: Limits) -> None:
    # The kernel itself lets uretprobe and uprobe past every filter, and ends who makes them with SIGILL.
    probes = {335, 336} if seccomp.machine() == "x86_64" else set()
    spared = json.dumps(sorted(numbers() | probes)).encode()
    assert json.loads(sandbox.call("calls_not_refused", spared, [], limits)) == []


def test_without_the_filter_most_of_them_are_not_refused(unlocked: Sandbox, limits: Limits) -> None:
    # rt_sigreturn, exit and their like would end the child, signals and vhangup disturb the machine.
    column = COLUMN[seccomp.machine() or ""]
    tried = {syscalls.NUMBERS[name][column] for name in ("recvmsg", "dup3", "prlimit64", "getppid")}
    spared = json.dumps(sorted(set(range(600)) - tried)).encode()
    wrong = json.loads(unlocked.call("calls_not_refused", spared, [], limits))
    assert set(wrong) == tried


@pytest.mark.parametrize("number", sorted(numbers(of_kind=syscalls.KILL)))
def test_calls_nothing_honest_makes_end_the_child(number: int, sandbox: Sandbox, limits: Limits) -> None:
    with pytest.raises(ChildFailedError, match=KILLED):
        sandbox.call("make_call", json.dumps([number, -1, -1, -1, -1, -1, -1]).encode(), [], limits)


@pytest.mark.skipif(seccomp.machine() != "x86_64", reason="x32 is of x86_64 alone")
def test_calls_by_their_x32_number_end_the_child(sandbox: Sandbox, limits: Limits) -> None:
    getpid_of_x32 = 0x40000000 | 39
    with pytest.raises(ChildFailedError, match=KILLED):
        sandbox.call("make_call", json.dumps([getpid_of_x32]).encode(), [], limits)


@pytest.mark.parametrize("act", ["write_to_file", "lengthen_file", "map_file_for_writing"])
def test_a_file_handed_over_is_not_written_even_if_the_parent_may(
    act: str, tmp_path: Path, sandbox: Sandbox, unlocked: Sandbox, limits: Limits
) -> None:
    path = tmp_path / "original"
    path.write_bytes(b"evidence")
    with path.open("r+b") as file:
        with pytest.raises(ChildFailedError):
            sandbox.call(act, b"", [file.fileno()], limits)
        with pytest.raises(ChildFailedError):  # even with nothing locked: the descriptor is one for reading
            unlocked.call(act, b"", [file.fileno()], limits)
    assert path.read_bytes() == b"evidence"


@pytest.mark.parametrize("act", ["write_to_file", "lengthen_file", "map_file_for_writing"])
def test_the_filter_keeps_files_from_being_written_that_are_open_for_it(
    act: str,
    tmp_path: Path,
    open_sandbox: OpenSandbox,
    unlocked: Sandbox,
    limits: Limits,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "_open_read_only", os.dup)
    path = tmp_path / "original"
    path.write_bytes(b"evidence")
    with path.open("r+b") as file, pytest.raises(ChildFailedError, match=DENIED):
        open_sandbox(SECCOMP).call(act, b"", [file.fileno()], limits)
    assert path.read_bytes() == b"evidence"
    with path.open("r+b") as file:
        assert unlocked.call(act, b"", [file.fileno()], limits) == b"did it"
    assert path.read_bytes() != b"evidence"


def test_a_child_does_not_move_the_position_of_the_parents_file(
    tmp_path: Path, sandbox: Sandbox, limits: Limits
) -> None:
    path = tmp_path / "original"
    path.write_bytes(b"evidence")
    with path.open("rb", buffering=0) as file:
        sandbox.call("read_files", b"", [file.fileno()], limits)
        assert file.tell() == 0


def _open_in(folder: Path) -> list[str]:
    found = []
    for each in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(each))
    return found


def test_a_child_has_the_channel_and_its_files_open_and_nothing_else(tmp_path: Path, limits: Limits) -> None:
    # Nothing is locked, so the child can see what leads where; and nothing may rest on the filter here.
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"")
    stray = os.open(tmp_path / "one", os.O_RDONLY)
    os.set_inheritable(stray, True)
    try:
        with (
            (tmp_path / "one").open() as one,
            (tmp_path / "two").open() as two,
            Sandbox("hostile_tasks", _layers=frozenset(), _folders=[str(Path(__file__).parent)]) as sandbox,
            sandbox.session("converse", b"", [one.fileno()], limits),
        ):
            zygote = Path(f"/proc/{sandbox.zygote_pid}/fd")
            # It closes what it was handed for the session's child just after forking; the stray never came.
            wait_until(lambda: str(tmp_path / "one") not in _open_in(zygote), "the zygote had closed it")
            found = json.loads(sandbox.call("descriptors", b"", [two.fileno(), one.fileno()], limits))
    finally:
        os.close(stray)
    assert [found.pop(number) for number in "012"] == ["/dev/null"] * 3
    assert found.pop("3").startswith("socket:")
    assert sorted(found.values()) == [str(tmp_path / "one"), str(tmp_path / "two")]


def test_nothing_of_the_parents_environment_reaches_a_child(
    limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARWITNESS_SECRET", "hunter2")
    with Sandbox("hostile_tasks", _layers=frozenset(), _folders=[str(Path(__file__).parent)]) as sandbox:
        assert b"hunter2" not in sandbox.call("environment", b"", [], limits)


def privileges(sandbox: Sandbox, limits: Limits) -> dict[str, str]:
    """Return what the kernel tells of a child."""
    with sandbox.session("converse", b"", [], limits) as session:
        text = Path(f"/proc/{int(session.ask(b'pid'))}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def test_a_child_has_no_capabilities_and_can_gain_none(sandbox: Sandbox, limits: Limits) -> None:
    found = privileges(sandbox, limits)
    assert {int(found[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
    assert found["NoNewPrivs"] == "1"
    assert found["Seccomp"] == found["Seccomp_filters"] == "2"  # filtering, with the zygote's and its own


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has any to begin with")
def test_without_the_lock_a_child_of_root_has_them(unlocked: Sandbox, limits: Limits) -> None:
    assert int(privileges(unlocked, limits)["CapEff"], 16) != 0


def test_a_module_imported_late_is_refused_with_a_sentence_that_helps(
    sandbox: Sandbox, limits: Limits
) -> None:
    with pytest.raises(ChildFailedError, match="import at the top of the module of tasks"):
        sandbox.call("import_late", b"", [], limits)
