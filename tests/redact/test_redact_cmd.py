"""The command: what it hands over, what it refuses, and that a refusal leaves nothing behind."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bearwitness.cli.main import main
from bearwitness.errors import ChildFailedError
from bearwitness.media.model import Frame
from bearwitness.redact import eyes, plan_text
from bearwitness.redact.geometry import Box
from bearwitness.redact.tracking import Detection

from . import clips
from .conftest import Blind, Deaf, Idle
from .test_attack import Seer
from .test_rendering import GROUPS

FACE = Detection(24, 20, 32, 32, 0.9, "faces 1×")


class Detectors:
    """What the command is given instead of networks: one for the plan, one for the attack."""

    plan = Seer()
    attack = Seer()
    lines: tuple[tuple[Box, str], ...] = ()

    def texts(self, worker: object) -> Blind:
        return Blind(*self.lines)


@pytest.fixture
def detectors(monkeypatch: pytest.MonkeyPatch, ears: Deaf) -> Detectors:
    chosen = Detectors()

    def looker(worker: object, passes: object, threshold: float = 0.0, **_: object) -> Seer:
        return chosen.attack if threshold else chosen.plan

    monkeypatch.setattr(eyes, "InferenceWorker", Idle)
    monkeypatch.setattr(eyes, "FaceLooker", looker)
    monkeypatch.setattr(eyes, "Texts", chosen.texts)
    return chosen


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return clips.make(tmp_path / "clip.mp4", "libx264", "aac", options=GROUPS)


def run(*words: object) -> int:
    return main(["redact", *map(str, words)])


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_face_is_hidden_and_the_answer_says_what_was_checked(
    clip: Path, tmp_path: Path, detectors: Detectors, capsys: pytest.CaptureFixture[str]
) -> None:
    detectors.plan = Seer(dict.fromkeys(range(22, 38), FACE))
    out = tmp_path / "out.mp4"
    assert (
        run(clip, "-o", out, "--save-plan", tmp_path / "p.json", "--sheet", tmp_path / "s.jpg", "--json") == 0
    )
    answer = told(capsys)
    assert answer["copied_packets"]
    assert answer["checked"]["faces"] == 60
    assert [track["kind"] for track in answer["tracks"]] == ["face"]
    for luma in clips.lumas(out)[22:38]:
        assert luma[22:50, 26:54].max() < 45
    assert (tmp_path / "s.jpg").read_bytes()[:2] == b"\xff\xd8"
    plan = plan_text.read((tmp_path / "p.json").read_bytes())
    assert plan_text.digest(plan) == answer["plan_sha256"]


def test_the_same_plan_gives_the_same_file(
    clip: Path, tmp_path: Path, detectors: Detectors, capsys: pytest.CaptureFixture[str]
) -> None:
    detectors.plan = Seer(dict.fromkeys(range(22, 38), FACE))
    run(clip, "-o", tmp_path / "a.mp4", "--save-plan", tmp_path / "p.json")
    run(clip, "-o", tmp_path / "b.mp4", "--plan", tmp_path / "p.json")
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_hit_refuses_the_file_and_leaves_nothing_at_the_destination(
    clip: Path, tmp_path: Path, detectors: Detectors, capsys: pytest.CaptureFixture[str]
) -> None:
    detectors.attack = Seer({30: FACE})
    sheet = tmp_path / "hits.jpg"
    assert run(clip, "-o", tmp_path / "out.mp4", "--sheet", sheet) == 1
    words = capsys.readouterr().err
    assert "was not handed over" in words
    assert "1.200 s" in words
    assert "--add-hits" in words
    assert sheet.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "hits.jpg"]


def test_one_option_adds_what_was_found_to_the_plan(
    clip: Path, tmp_path: Path, detectors: Detectors, capsys: pytest.CaptureFixture[str]
) -> None:
    detectors.attack = Seer({30: FACE})
    saved = tmp_path / "p.json"
    assert run(clip, "-o", tmp_path / "out.mp4", "--add-hits", "--save-plan", saved) == 0
    assert [track.by for track in plan_text.read(saved.read_bytes()).tracks] == ["attack"]
    assert clips.lumas(tmp_path / "out.mp4")[30][22:50, 26:54].max() < 45


STAMP = Box(60, 70, 80, 12)


def test_a_burned_in_text_is_covered_unless_it_is_kept_and_the_answer_lists_it(
    clip: Path, tmp_path: Path, detectors: Detectors, capsys: pytest.CaptureFixture[str]
) -> None:
    detectors.lines = ((STAMP, "2023-05-17 14:12:00"),)
    saved = tmp_path / "p.json"
    assert run(clip, "--plan-only", "--save-plan", saved, "--json") == 0
    (track,) = told(capsys)["tracks"]
    assert (track["kind"], track["hide"], track["says"]) == ("overlay", True, "2023-05-17 14:12:00")
    for words, hidden in (([], True), (["--keep", "1"], False), (["--overlays", "keep"], False)):
        edited = tmp_path / f"{len(words)}{hidden}{len(list(tmp_path.iterdir()))}.json"
        assert run(clip, "--plan", saved, "--plan-only", "--save-plan", edited, *words) == 0
        assert [t.hide for t in plan_text.read(edited.read_bytes()).tracks] == [hidden]
        assert "'2023-05-17 14:12:00'" in capsys.readouterr().out
    page = tmp_path / "page.txt"
    assert run(clip, "-o", tmp_path / "kept.mp4", "--overlays", "keep", "--checklist", page) == 0
    assert "Shown by choice:\n  track 1 overlay 2023-05-17 14:12:00" in page.read_text()
    assert "who held the camera?\n   [ ] no   [ ] yes, namely:" in page.read_text()
    assert clips.lumas(tmp_path / "kept.mp4")[30][74:78, 70:130].max() > 60


def test_a_text_still_there_in_the_finished_file_refuses_it(
    clip: Path, tmp_path: Path, detectors: Detectors, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "p.json"
    assert run(clip, "--plan-only", "--save-plan", saved) == 0
    detectors.lines = ((STAMP, "CAM 04"),)
    assert run(clip, "-o", tmp_path / "out.mp4", "--plan", saved) == 1
    assert "the text 'CAM 04' stands at" in capsys.readouterr().err
    assert not (tmp_path / "out.mp4").exists()


def test_a_plan_for_another_file_is_refused(
    clip: Path, tmp_path: Path, detectors: Detectors, capsys: pytest.CaptureFixture[str]
) -> None:
    run(clip, "--plan-only", "--save-plan", tmp_path / "p.json")
    other = clips.make(tmp_path / "other.mp4", options=GROUPS)
    assert run(other, "-o", tmp_path / "out.mp4", "--plan", tmp_path / "p.json") == 1
    assert "was not made for other.mp4" in capsys.readouterr().err
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--add-box", "1,2,3"], "--add-box takes"),
        (["--mute", "5"], "--mute takes"),
        (["--keep", "9"], "no track 9"),
        (["--split", "1"], "--split takes"),
    ],
)
def test_edits_that_make_no_sense_are_refused(
    words: list[str],
    says: str,
    clip: Path,
    tmp_path: Path,
    detectors: Detectors,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(clip, "-o", tmp_path / "out.mp4", *words) != 0
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out.mp4").exists()


def test_an_output_of_no_known_kind_or_that_exists_is_refused(
    clip: Path, tmp_path: Path, detectors: Detectors, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(clip, "-o", tmp_path / "out.wmv") == 2
    before = clip.read_bytes()
    assert run(clip, "-o", clip) == 1
    assert clip.read_bytes() == before
    assert run(clip) == 2


class Untouched(Seer):
    """A detector that must not be asked."""

    def look(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, list[Detection]]]:
        raise AssertionError("the work began")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-o", "clip.mp4"], "exists already"),
        (["-o", "nowhere/out.mp4"], "is no folder"),
        (["-o", "out.mp4", "--save-plan", "clip.mp4"], "exists already"),
        (["-o", "out.mp4", "--sheet", "nowhere/sheet.jpg"], "is no folder"),
        (["-o", "out.mp4", "--checklist", "clip.mp4"], "exists already"),
        (["-o", "out.mp4", "--add-box", "1,2,3"], "--add-box takes"),
    ],
)
def test_what_can_not_be_written_or_read_is_told_before_hours_of_work(
    words: list[str],
    says: str,
    clip: Path,
    detectors: Detectors,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(clip.parent)
    detectors.plan = Untouched()
    assert run(clip, *words) in (1, 2)
    assert says in capsys.readouterr().err


def test_an_item_that_is_named_without_its_vault_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "5f3a9c", "-o", tmp_path / "out.mp4") == 1
    assert "is named with --vault and --identity" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_refused_and_not_waited_for(
    kind: str, tmp_path: Path, detectors: Detectors, capsys: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "given"
    given.mkdir() if kind == "folder" else os.mkfifo(given)
    assert run(given, "-o", tmp_path / "out.mp4") == 1
    assert "is not a file" in capsys.readouterr().err


class Failing(Seer):
    """A detector whose worker dies in the middle."""

    def look(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, list[Detection]]]:
        for number, frame in enumerate(frames):
            if number == 30:
                raise ChildFailedError("the worker for faces was killed")
            yield frame, []


@pytest.mark.parametrize("stage", ["plan", "attack"])
def test_a_detector_that_dies_refuses_the_file(
    stage: str, clip: Path, tmp_path: Path, detectors: Detectors, capsys: pytest.CaptureFixture[str]
) -> None:
    setattr(detectors, stage, Failing())
    assert run(clip, "-o", tmp_path / "out.mp4") == 1
    assert not (tmp_path / "out.mp4").exists()


class Forgetful(Seer):
    """A detector that leaves a frame out without a word."""

    def look(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, list[Detection]]]:
        for number, frame in enumerate(frames):
            if number != 30:
                yield frame, []


@pytest.mark.parametrize("stage", ["plan", "attack"])
def test_a_frame_no_detector_saw_refuses_the_file(
    stage: str, clip: Path, tmp_path: Path, detectors: Detectors, capsys: pytest.CaptureFixture[str]
) -> None:
    setattr(detectors, stage, Forgetful())
    assert run(clip, "-o", tmp_path / "out.mp4") == 1
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("words", "muted"),
    [
        ([], [(400, 900)]),
        (["--mute", "1.2-1.4"], [(400, 900), (1200, 1400)]),
        (["--voices", "keep"], []),
        (["--voices", "keep", "--mute", "1.2-1.4"], [(1200, 1400)]),
    ],
)
def test_who_speaks_is_muted_unless_something_else_was_asked_for(
    words: list[str],
    muted: list[tuple[int, int]],
    clip: Path,
    tmp_path: Path,
    detectors: Detectors,
    ears: Deaf,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ears.turns = [(400, 900)]
    saved = tmp_path / "p.json"
    assert run(clip, "-o", tmp_path / "out.mp4", "--save-plan", saved, *words) == 0
    assert list(plan_text.read(saved.read_bytes()).muted) == muted
    ears.turns = []
    assert run(clip, "-o", tmp_path / "again.mp4", "--plan", saved) == 0
    assert (tmp_path / "again.mp4").read_bytes() == (tmp_path / "out.mp4").read_bytes()


def test_muted_ranges_are_silent_and_the_rest_is_the_originals(
    clip: Path, tmp_path: Path, detectors: Detectors, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(clip, "-o", tmp_path / "out.mp4", "--mute", "0.5-1") == 0
    before, after = clips.packets(clip, "audio"), clips.packets(tmp_path / "out.mp4", "audio")
    assert [packet[0] for packet in before] == [packet[0] for packet in after]
    same = [a[2] == b[2] for a, b in zip(before, after, strict=True)]
    assert 0.5 < sum(same) / len(same) < 0.8
    assert run(clip, "-o", tmp_path / "mute.mp4", "--voices", "none") == 0
    with pytest.raises(StopIteration):
        clips.packets(tmp_path / "mute.mp4", "audio")


def test_faces_of_real_footage_are_hidden_by_the_networks(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = corpus / "video" / "corridor-two-walking.mp4"
    truth = json.loads(clip.with_suffix("").with_suffix(".faces.json").read_text())
    out = tmp_path / "out.mp4"
    assert run(clip, "-o", out) == 0
    lumas = clips.lumas(out)
    for frame in truth["frames"]:
        for x, y, w, h in frame["boxes"]:
            face = lumas[frame["index"]][y : y + h, x : x + w]
            assert (face > 45).mean() < 0.1
