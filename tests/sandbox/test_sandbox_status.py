"""A machine that lacks a layer is refused with a sentence, or, if asked for, used without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bearwitness.errors import ChildFailedError, SandboxError, SandboxUnavailableError
from bearwitness.sandbox import landlock, seccomp
from bearwitness.sandbox.client import Sandbox
from bearwitness.sandbox.limits import Limits
from bearwitness.sandbox.status import layers, require

HERE = str(Path(__file__).parent)
ALL_LAYERS = frozenset({"landlock", "limits", "seccomp"})
needs_all_layers = pytest.mark.skipif(bool(layers().lacking), reason="this kernel lacks a layer")

# A module of tasks that is loaded before the lock is put on, and breaks it.
SABOTEUR = """
import os
from bearwitness.sandbox import child, landlock, seccomp, zygote

home = os.getpid()

def fail(*_):
    raise OSError("sabotage")

def in_child(real):
    return lambda *arguments: real(*arguments) if os.getpid() == home else fail()

CALLS = {"act": lambda task: b"did it"}
"""


@pytest.fixture
def without_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 0)


def test_this_machine_is_described() -> None:
    found = layers()
    assert found.landlock_abi == landlock.abi()
    assert ("landlock" in found.names) == (found.landlock_abi > 0)
    assert found.seccomp == seccomp.available() == ("seccomp" in found.names)
    assert "limits" in found.names
    assert len(found.lacking) == 3 - len(found.names)


def test_a_missing_layer_is_refused_with_the_option_that_accepts_it(
    without_landlock: None, limits: Limits
) -> None:
    with pytest.raises(SandboxUnavailableError, match="Landlock is missing") as caught:
        require(accept_weak=False)
    assert "--accept-weak-sandbox" in caught.value.hint
    with Sandbox("hostile_tasks", _folders=[HERE]) as sandbox, pytest.raises(SandboxUnavailableError):
        sandbox.call("echo", b"", [], limits)


def test_a_weak_sandbox_is_used_only_when_accepted(without_landlock: None, limits: Limits) -> None:
    assert require(accept_weak=True).lacking
    with Sandbox("hostile_tasks", accept_weak=True, _folders=[HERE]) as sandbox:
        assert sandbox.call("echo", b"abc", [], limits) == b"abc"


def test_an_architecture_without_a_table_has_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = os.uname_result(("Linux", "host", "6.1", "", "riscv64"))
    monkeypatch.setattr(os, "uname", lambda: unknown)
    assert not seccomp.available()
    with pytest.raises(SandboxUnavailableError, match="no table of system calls for riscv64"):
        require(accept_weak=False)


@needs_all_layers
@pytest.mark.parametrize(
    "sabotage",
    [
        "landlock.create_ruleset = fail",
        "landlock.restrict_self = fail",
        "seccomp.Filter.install = fail",
        "zygote.give_up_privileges = fail",
    ],
)
def test_a_layer_that_can_not_be_put_on_stops_the_zygote(
    sabotage: str, tmp_path: Path, limits: Limits
) -> None:
    (tmp_path / "sabotage_tasks.py").write_text(f"{SABOTEUR}\n{sabotage}\n")
    with (
        Sandbox("sabotage_tasks", _layers=ALL_LAYERS, _folders=[str(tmp_path)]) as sandbox,
        pytest.raises(SandboxError, match="did not start: OSError: sabotage"),
    ):
        sandbox.call("act", b"", [], limits)


@needs_all_layers
@pytest.mark.parametrize(
    "sabotage",
    [
        "landlock.restrict_self = in_child(landlock.restrict_self)",
        "seccomp.Filter.install = in_child(seccomp.Filter.install)",
        "child.limit_child = fail",
        "child.start_alarm = fail",
        "child.prctl = fail",
        "os.closerange = in_child(os.closerange)",
    ],
)
def test_a_layer_that_can_not_be_put_on_stops_a_child(sabotage: str, tmp_path: Path, limits: Limits) -> None:
    (tmp_path / "sabotage_tasks.py").write_text(f"{SABOTEUR}\n{sabotage}\n")
    with (
        Sandbox("sabotage_tasks", _layers=ALL_LAYERS, _folders=[str(tmp_path)]) as sandbox,
        pytest.raises(ChildFailedError, match="OSError: sabotage"),
    ):
        sandbox.call("act", b"", [], limits)


@needs_all_layers
def test_without_sabotage_the_same_task_runs(tmp_path: Path, limits: Limits) -> None:
    (tmp_path / "sabotage_tasks.py").write_text(SABOTEUR)
    with Sandbox("sabotage_tasks", _layers=ALL_LAYERS, _folders=[str(tmp_path)]) as sandbox:
        assert sandbox.call("act", b"", [], limits) == b"did it"
