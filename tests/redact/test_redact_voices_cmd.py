"""The command's choices for voices: labelled, refused where they do not fit, and the plan tells no chance."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import pytest

from bearwitness.cli.main import main
from bearwitness.redact import plan_text
from bearwitness.redact.changing import LABELS
from bearwitness.redact.speaking import PROGRAM

from . import clips
from .conftest import Deaf
from .test_redact_cmd import Detectors, detectors  # noqa: F401 - a fixture
from .test_rendering import GROUPS


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return clips.make(tmp_path / "clip.mp4", "libx264", "aac", options=GROUPS)


def redact(*words: object) -> int:
    return main(["redact", *map(str, words)])


def test_a_whisper_is_labelled_and_the_same_plan_gives_another_sound_with_the_same_frames(
    clip: Path,
    tmp_path: Path,
    detectors: Detectors,  # noqa: F811
    ears: Deaf,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ears.turns = [(300, 1500)]
    one, other, saved = tmp_path / "one.mp4", tmp_path / "two.mp4", tmp_path / "p.json"
    assert (
        redact(clip, "-o", one, "--voices", "whisper", "--rest", "mute", "--save-plan", saved, "--json") == 0
    )
    told = capsys.readouterr()
    assert LABELS["whisper"] in told.err
    assert "may be linkable" in LABELS["whisper"]
    assert json.loads(told.out)["changed_voices"] == [[0.3, 1.5, "whisper"]]
    plan = plan_text.read(saved.read_bytes())
    assert plan.muted[0] == (0, 300)
    assert plan.muted[1][0] == 1500
    assert redact(clip, "-o", other, "--plan", saved) == 0
    assert LABELS["whisper"] in capsys.readouterr().out
    assert clips.packets(one, "video") == clips.packets(other, "video")
    assert clips.packets(one, "audio") != clips.packets(other, "audio")


@pytest.mark.skipif(shutil.which(PROGRAM) is None, reason="espeak-ng is not installed")
def test_words_are_spoken_and_all_other_speech_is_muted(
    clip: Path,
    tmp_path: Path,
    detectors: Detectors,  # noqa: F811
    ears: Deaf,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ears.turns = [(300, 2000)]
    (tmp_path / "words.txt").write_text("ru\n0.4-1.6 Он не знал.\n", encoding="utf-8")
    out, saved = tmp_path / "out.mp4", tmp_path / "p.json"
    words = ["--voices", "speak", "--words", tmp_path / "words.txt", "--save-plan", saved]
    assert redact(clip, "-o", out, *words) == 0
    assert LABELS["speak"] in capsys.readouterr().err
    plan = plan_text.read(saved.read_bytes())
    assert plan.muted == ((300, 400), (1600, 2000))
    assert plan.changed[0].words == "Он не знал."


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--voices", "speak"], "--words go together"),
        (["--words", "w.txt"], "--words go together"),
        (["--rest", "mute"], "--rest goes with"),
        (["--voices", "pitch"], "invalid choice"),
        (["--voices", "speak", "--words", "/nowhere/w.txt"], "can not be read"),
    ],
)
def test_choices_that_do_not_fit_are_refused(
    words: list[str],
    says: str,
    clip: Path,
    tmp_path: Path,
    detectors: Detectors,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    if "speak" in words and shutil.which(PROGRAM) is None:
        pytest.skip("espeak-ng is not installed")
    with contextlib.suppress(SystemExit):
        assert redact(clip, "-o", tmp_path / "out.mp4", *words) != 0
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out.mp4").exists()
