"""Sound that two recorders heard ties their clocks; what is frozen or not related does not."""

from __future__ import annotations

import io
import shutil
import wave
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from bearwitness.errors import MalformedError
from bearwitness.signals.soundprint import RATE
from bearwitness.triage.echoes import decode
from triaged import Triaged
from workbench import Bench, fill

_LATER = 3.2  # seconds by which the second recorder began later
_WRONG = 4_500  # seconds by which the names of its files are ahead


def sound(seed: int, start: float = 0.0, noise: int = 0) -> bytes:
    """Return a recording of an event of many bursts, from `start` on, with noise of its own."""
    random, count = np.random.default_rng(seed), 18 * RATE
    samples = np.zeros(count)
    for _ in range(60):
        length = int(random.integers(400, 5_000))
        at = int(random.integers(0, count - length))
        samples[at : at + length] += random.standard_normal(length) * np.exp(-np.arange(length) / 900)
    samples = samples[round(start * RATE) :] * 0.15
    samples += np.random.default_rng(noise + 100).standard_normal(len(samples)) * 0.005
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32_000).astype("<i2").tobytes())
    return out.getvalue()


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Triaged:
    """Return a vault with one event on two recorders, and another on a third."""
    bench = Bench(tmp_path_factory.mktemp("echoes"))
    files = {
        "yard/20210314_070000.wav": sound(1, noise=1),
        "gate/20210314_081503.wav": sound(1, _LATER, noise=2),
        "cell/20210314_070500.wav": sound(2, noise=3),
    }
    bench.seal(fill(bench.folder / "drive", files))
    made = Triaged(bench, bench.vault)
    made.triage("--only", "probe", "--only", "soundprint", "--workers", "1")
    return made


def test_the_clocks_of_two_recorders_are_tied_by_what_both_heard(heard: Triaged) -> None:
    untied = {each["clock"]: each["group"] for each in heard.do("clocks")["clocks"]}
    assert len(set(untied.values())) == 3
    told = heard.do("clocks", "--sounds")
    clocks = {each["clock"].partition("/")[0]: each for each in told["clocks"]}
    assert clocks["yard"]["group"] == clocks["gate"]["group"] != clocks["cell"]["group"]
    apart = clocks["gate"]["offset"] - clocks["yard"]["offset"]
    assert abs(abs(apart) - (_WRONG + 3 - _LATER)) < 3  # names tell whole seconds
    assert told["sounds"] == {"compared": 3, "matched": 1, "left_out": 0}
    starts = {each["path"].partition("/")[0]: each["start"] for each in told["items"]}
    later = datetime.fromisoformat(starts["gate"]) - datetime.fromisoformat(starts["yard"])
    assert abs(later.total_seconds() - _LATER) < 0.1


def test_a_frozen_recording_ties_nothing(heard: Triaged, tmp_path: Path) -> None:
    bench = Triaged(heard, Path(shutil.copytree(heard.vault, tmp_path / "vault")))
    bench.do("freeze", "--item", bench.id_of("gate/20210314_081503.wav"))
    told = bench.do("clocks", "--sounds")
    assert told["sounds"] == {"compared": 1, "matched": 0, "left_out": 0}
    assert "gate" not in str(told["clocks"])


def test_a_stored_print_that_was_altered_is_refused() -> None:
    for bad in (b"", b"PK\x03\x04", np.random.default_rng(1).bytes(300)):
        with pytest.raises(MalformedError):
            decode(bad)
