"""A clip with too few key frames of the long recording in it is found all the same; another time is not."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearwitness.triage import denser, similar
from triaged import Triaged
from workbench import Bench

cv2 = pytest.importorskip("cv2", reason="sketches need OpenCV")
RATE, LONG, SHORT = 5, 70, 6
WIDE, HIGH = 320, 180


def scene() -> Any:
    rough = np.random.default_rng(1).integers(30, 220, (18, 32), dtype=np.uint8)
    return cv2.resize(rough, (WIDE, HIGH), interpolation=cv2.INTER_CUBIC)


def film(seconds: int, begin: int, seed: int, gop: int) -> bytes:
    """Return what one fixed camera saw from second `begin` on: things of `seed` move."""
    chance = np.random.default_rng(seed)
    paths = chance.uniform(0.1, 0.9, (LONG + 20, 4, 2)) * (WIDE, HIGH)
    still, out = scene(), io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        options = {"x264-params": "scenecut=0", "preset": "ultrafast", "crf": "20"}
        stream: Any = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.gop_size, stream.pix_fmt = WIDE, HIGH, gop, "yuv420p"
        for number in range(seconds * RATE):
            second, part = begin + number // RATE, number % RATE / RATE
            picture = still.copy()
            for place in paths[second] * (1 - part) + paths[second + 1] * part:
                cv2.circle(picture, [round(side) for side in place], 22, 255, -1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        container.mux(stream.encode())
    return out.getvalue()


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Triaged:
    bench = Bench(tmp_path_factory.mktemp("denser"))
    drive = bench.folder / "drive"
    drive.mkdir()
    (drive / "long.mp4").write_bytes(film(LONG, 0, 5, 10 * RATE))
    (drive / "cut.mp4").write_bytes(film(SHORT, 37, 5, 4 * RATE))
    (drive / "other day.mp4").write_bytes(film(SHORT, 37, 6, 4 * RATE))
    bench.seal(drive)
    made = Triaged(bench, bench.vault)
    made.triage("--only", "probe", "--only", "sketch")
    return made


def told(bench: Triaged) -> tuple[dict[frozenset[str], dict[str, Any]], int]:
    answer = bench.do("similar")
    pairs = {frozenset(answer["paths"][item] for item in pair["items"]): pair for pair in answer["pairs"]}
    return pairs, answer["left_open"]


@pytest.fixture(scope="module")
def answer(looked: Triaged) -> tuple[dict[frozenset[str], dict[str, Any]], int]:
    return told(looked)


def test_a_cut_with_one_key_frame_in_it_is_a_copy_with_its_times(
    answer: tuple[dict[frozenset[str], dict[str, Any]], int],
) -> None:
    pairs, left_open = answer
    found = pairs[frozenset({"long.mp4", "cut.mp4"})]
    assert found["relation"] == "copy"
    (span,) = found["spans"]
    assert abs(abs(span["from"][0] - span["in"][0]) - 37) < 0.3
    assert left_open == 0


def test_the_same_place_at_another_time_is_no_copy_however_densely_it_is_looked_at(
    answer: tuple[dict[frozenset[str], dict[str, Any]], int],
) -> None:
    pairs, _ = answer
    found = [pair for names, pair in pairs.items() if "other day.mp4" in names]
    assert {pair["relation"] for pair in found} <= {"same-view"}


def test_pairs_that_there_is_no_time_for_are_counted(
    looked: Triaged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(denser, "PAIRS_MAX", 0)
    pairs, left_open = told(looked)
    assert left_open >= 1
    assert pairs.get(frozenset({"long.mp4", "cut.mp4"}), {}).get("relation") != "copy"


@given(st.floats(2, 600), st.floats(2, 600), st.floats(0, 1), st.floats(0, 1))
def test_a_stretch_holds_the_moment_and_is_bounded(
    one: float, other: float, part: float, place: float
) -> None:
    moment = (one * part, other * place)
    made = denser.stretches(_Times(one), _Times(other), moment)  # type: ignore[arg-type]
    for (start, end), at in zip(made, moment, strict=True):
        assert 0 <= start <= at <= end
        assert end - start <= denser._LONGEST + 10
    assert made[0][1] - moment[0] == pytest.approx(made[1][1] - moment[1])


class _Times:
    """As much of a sketch as there is to it here."""

    step = 2.0

    def __init__(self, length: float) -> None:
        self.times = np.array([0.0, length])


def test_what_key_frames_settle_is_not_looked_at_again() -> None:
    dense, sparse = _Times(10), _Times(100)
    dense.step = 0.2
    lead, copy = (similar.Relation(kind, frozenset(), None, (), None) for kind in ("same-view", "copy"))
    assert denser.is_open(dense, sparse, lead)  # type: ignore[arg-type]
    assert denser.is_open(dense, sparse, None)  # type: ignore[arg-type]
    assert not denser.is_open(dense, sparse, copy)  # type: ignore[arg-type]
    assert not denser.is_open(dense, dense, lead)  # type: ignore[arg-type]
