"""A picture that takes a worker over while a plan is made does not make the attack blind as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bearwitness.cli.main import main
from bearwitness.inference.texts import FINDER
from bearwitness.redact import eyes

from . import clips
from .conftest import Deaf, Idle
from .test_rendering import GROUPS

HIDDEN = "0,12,160,48"  # where the bright square of the clip moves: its light is the hostile picture
FACE = [100, 66, 24, 24, 0.9, *[0] * 10]
LINE = (10, 70, 70, 84)
TEXT = b"CAM 04"


class Poisoned(Idle):
    """In the place of a worker: sees what it is told to, until it saw the square; from then on nothing."""

    made: list[Poisoned]
    sees = "faces"

    def __init__(self, names: tuple[str, ...], **_: object) -> None:
        self.names, self.blind, self.looked = names, False, 0
        self.made.append(self)

    def compute(self, ask: str, head: dict[str, Any], arrays: list[Any]) -> list[Any]:
        self.looked += len(arrays)
        self.blind |= any((array >= 195).sum() > 200 for array in arrays)
        if ask == "precision":
            return [np.frombuffer(b"f32", np.uint8)]
        if ask == "faces by view":
            rows = np.array([FACE] if self._tells("faces") else np.empty((0, 15)), np.float32)
            return [rows] * (len(arrays) * len(head["views"]))
        if ask == "persons":
            return [np.empty((0, 56), np.float32)] * len(arrays)
        if ask == "find text":
            return [np.array([LINE] if self._tells("texts") else np.empty((0, 4)), np.int32)]
        assert ask == "read text"
        return [np.array([len(TEXT)], np.int32), np.frombuffer(TEXT, np.uint8), np.array([0.9], np.float32)]

    def _tells(self, what: str) -> bool:
        return self.sees == what and not self.blind


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch, ears: Deaf) -> list[Poisoned]:
    monkeypatch.setattr(Poisoned, "made", [], raising=False)
    monkeypatch.setattr(eyes, "InferenceWorker", Poisoned)
    return Poisoned.made


@pytest.mark.parametrize(("what", "says"), [("faces", "a face is seen"), ("texts", "'CAM 04'")])
def test_a_plan_made_blind_by_the_original_is_found_out_by_the_attack(
    what: str,
    says: str,
    workers: list[Poisoned],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Poisoned, "sees", what)
    clip = clips.make(tmp_path / "a.mp4", "libx264", options=GROUPS)
    assert main(["redact", str(clip), "-o", str(tmp_path / "b.mp4"), "--add-box", HIDDEN]) == 1
    assert says in capsys.readouterr().err
    _require_apart(workers, 1)


def test_the_attacks_workers_see_no_frame_of_the_original_in_any_round(
    workers: list[Poisoned], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Poisoned, "sees", "faces")
    clip = clips.make(tmp_path / "a.mp4", "libx264", options=GROUPS)
    words = ["redact", str(clip), "-o", str(tmp_path / "b.mp4"), "--add-box", HIDDEN, "--add-hits"]
    assert main(words) == 0  # what the first attack told of is black in the second
    _require_apart(workers, 2)


def _require_apart(workers: list[Poisoned], rounds: int) -> None:
    """Require that those who saw the original are the first of their kind and the others looked as well."""
    for reads in (False, True):
        first, *others = [one for one in workers if (FINDER in one.names) is reads]
        assert first.blind
        assert len(others) == rounds
        assert all(one.looked and not one.blind for one in others)
